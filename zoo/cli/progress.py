"""Live progress of the command line: a bar on a terminal, plain lines or nothing elsewhere; and how it is stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.training.loop import Reading

__all__ = ["ExampleBar", "TrainingBar", "duration", "stop_signals"]

SAME_WISH = 1.0  # seconds in which a second signal asks for nothing new: a terminal and a launcher both send it


@contextlib.contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Give a function that says whether SIGINT or SIGTERM has come; a second one, later, interrupts at once.

    In a thread none comes: they are the main thread's.
    """
    received: list[float] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def note(number: int, _: object) -> None:
        received.append(time.monotonic())
        if len(received) > 1 and received[-1] - received[0] >= SAME_WISH:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


class ExampleBar:
    """A bar of examples done, on a terminal only; enter it for the function (done, total) that moves it."""

    def __init__(self, *, quiet: bool) -> None:
        from tqdm import tqdm

        self.bar = tqdm(disable=True if quiet else None, unit="image", leave=False)

    def __enter__(self) -> Callable[[int, int], None]:
        return self.advance

    def advance(self, done: int, total: int) -> None:
        """Show `done` of `total` examples."""
        self.bar.total = total
        self.bar.update(done - self.bar.n)

    def __exit__(self, *_: object) -> None:
        self.bar.close()


class TrainingBar:
    """One line with examples done, rate, time left and losses: a bar on a terminal, a line a reading elsewhere.

    Enter it for the function that takes the loop's readings. `done` examples are behind a resumed run when it starts.
    The rate shown is the last reading's, the time left follows from the mean over all readings so far.
    """

    def __init__(self, total: int, *, done: int = 0, hidden: bool = False) -> None:
        from tqdm import tqdm

        self.seen, self.examples, self.seconds = done, 0, 0.0  # examples are those of this process, of `seconds`
        shape = "{percentage:3.0f}%|{bar:10}| {desc}"
        off = True if hidden else None  # None: shown on a terminal alone
        width = {"dynamic_ncols": True} if _columns() else {"ncols": 80}
        self.bar = tqdm(total=total, initial=min(done, total), disable=off, bar_format=shape, **width)
        self.bar.set_description_str(f"{done}/{total}  starting")

    def __enter__(self) -> Callable[[Reading], None]:
        return self.report

    def report(self, reading: Reading) -> None:
        """Show one report of the training loop."""
        self._count(reading)
        ordered = sorted(reading.metrics.items(), key=lambda item: "loss" not in item[0])  # a narrow line ends early
        figures = "  ".join(f"{name} {_figure(value)}" for name, value in ordered)
        rate = f"{reading.examples}/{reading.total}  {reading.examples_per_second:,.0f} examples/s"
        line = f"{rate}  {self._left(reading)}  {figures}"
        if self.bar.disable:
            with contextlib.suppress(BrokenPipeError):  # the reader has seen enough; the training goes on
                print(line, flush=True)
            return
        self.bar.n = min(reading.examples, reading.total)  # the last batch may go beyond
        self.bar.set_description_str(line)

    def _count(self, reading: Reading) -> None:
        """Add what was done since the last report; one that stands before it is a run that went back."""
        examples, rate = reading.examples - self.seen, reading.examples_per_second
        if examples > 0 and rate > 0:
            self.examples, self.seconds = self.examples + examples, self.seconds + examples / rate
        self.seen = reading.examples

    def _left(self, reading: Reading) -> str:
        if not self.examples:
            return "time left unknown"
        left = max(0, reading.total - reading.examples) * self.seconds / self.examples
        return f"{duration(left)} left"

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bar away while something else is printed."""
        self.bar.clear()
        try:
            yield
        finally:
            self.bar.refresh()

    def __exit__(self, *_: object) -> None:
        self.bar.close()


def _columns() -> int:
    """The width of the terminal; 0 where there is none, or it does not know."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):  # ValueError: a stream without a file
        return 0


def _figure(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}"


def duration(seconds: float) -> str:
    """A time for people: `40 s`, `12 min`, `3 h 05 min`, `2 d 4 h`."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest:02} min"
    return f"{hours // 24} d {hours % 24} h"
