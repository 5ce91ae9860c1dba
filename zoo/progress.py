"""Live progress of the command line: a bar on a terminal, plain lines or nothing elsewhere; and how it is stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

__all__ = ["ImageBar", "Progress", "TrainingBar", "drop_output", "stop_signals"]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How a run is doing: the means of its metrics since the last report."""

    images: int
    steps: int
    total: int
    images_per_second: float
    metrics: dict[str, float]


def drop_output() -> None:
    """Send standard output nowhere from now on: its reader has gone, or its disk is full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Give a function that says whether SIGINT or SIGTERM has come; a second one interrupts at once."""
    received: list[int] = []

    def note(number: int, _: object) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


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

    def __init__(self, total: int, *, hidden: bool = False) -> None:
        from tqdm import tqdm

        self.bar = tqdm(total=total, disable=True if hidden else None, unit="image", unit_scale=True)

    def __enter__(self) -> Callable[[Progress], None]:
        return self.report

    def report(self, progress: Progress) -> None:
        """Show one report of the training loop."""
        figures = {name: f"{value:.3f}" for name, value in progress.metrics.items()}
        if self.bar.disable:
            text = "  ".join(f"{name} {value}" for name, value in figures.items())
            try:
                sys.stdout.write(f"{progress.images}/{progress.total}  {progress.images_per_second:.0f}/s  {text}\n")
                sys.stdout.flush()
            except BrokenPipeError:  # the reader has seen enough; the training goes on
                drop_output()
            return
        self.bar.set_postfix(figures, refresh=False)
        self.bar.update(progress.images - self.bar.n)

    def __exit__(self, *_: object) -> None:
        self.bar.close()
