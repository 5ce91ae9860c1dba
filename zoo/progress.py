"""Live progress of the command line: a bar on a terminal, plain lines or nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.training.loop import Progress

__all__ = ["ImageBar", "TrainingBar"]


class ImageBar:
    """A bar of images done, on a terminal only; enter it for the function (done, total) that moves it."""

    def __init__(self, *, quiet: bool) -> None:
        from tqdm import tqdm

        self.bar = tqdm(disable=True if quiet else None, unit="image", leave=False)

    def __enter__(self) -> Callable[[int, int], None]:
        return self.advance

    def advance(self, done: int, total: int) -> None:
        """Show `done` of `total` images."""
        self.bar.total = total
        self.bar.update(done - self.bar.n)

    def __exit__(self, *_: object) -> None:
        self.bar.close()


class TrainingBar:
    """A bar with rate, time left and losses on a terminal, a line a report elsewhere.

    Enter it for the function that takes the loop's reports.
    """

    def __init__(self, total: int) -> None:
        from tqdm import tqdm

        self.bar = tqdm(total=total, disable=None, unit="image", unit_scale=True)

    def __enter__(self) -> Callable[[Progress], None]:
        return self.report

    def report(self, progress: Progress) -> None:
        """Show one report of the training loop."""
        figures = {name: f"{value:.3f}" for name, value in progress.metrics.items()}
        if self.bar.disable:
            text = "  ".join(f"{name} {value}" for name, value in figures.items())
            sys.stdout.write(f"{progress.images}/{progress.total}  {progress.images_per_second:.0f}/s  {text}\n")
            sys.stdout.flush()
            return
        self.bar.set_postfix(figures, refresh=False)
        self.bar.update(progress.images - self.bar.n)

    def __exit__(self, *_: object) -> None:
        self.bar.close()
