"""Live progress of the command line: a bar on a terminal, plain lines or nothing elsewhere; and how it is stopped."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING

from zoo.cli.lines import columns, fitted

if TYPE_CHECKING:
    from zoo.training.attendant import Reading

__all__ = ["Bar", "TrainingBar", "duration", "progress_to", "stop_signals"]

SAME_WISH = 1.0  # seconds in which a second signal asks for nothing new: a terminal and a launcher both send it
TICK = 0.5  # seconds after which the bar is drawn anew
SILENCE = 30.0  # seconds without a line after which one is printed where there is no terminal
STEPS = "training"  # what is being done most of the time, and needs no word
LISTENER: ContextVar[Callable[[int, int], None] | None] = ContextVar("LISTENER", default=None)
GRAPH = 10  # columns of the bar itself
RECENT = 8  # readings by which the time that is left is told


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


@contextlib.contextmanager
def progress_to(listener: Callable[[int, int], None]) -> Iterator[None]:
    """While this lasts, what a verb does is told to `listener` (done, total), too; what it raises ends the verb."""
    token = LISTENER.set(listener)
    try:
        yield
    finally:
        LISTENER.reset(token)


class Bar:
    """A bar of things done, on a terminal only; enter it for the function (done, total) that moves it."""

    def __init__(self, *, quiet: bool = False, unit: str = "example", patience: float = 0.0) -> None:
        """`unit` is what is counted; a `quiet` one is never shown, others after `patience` seconds."""
        from tqdm import tqdm

        self.bar = tqdm(disable=True if quiet else None, unit=unit, leave=False, dynamic_ncols=True, delay=patience)

    def __enter__(self) -> Callable[[int, int], None]:
        return self.advance

    def advance(self, done: int, total: int) -> None:
        """Show that so many of all are done."""
        self.bar.total = total
        self.bar.update(done - self.bar.n)
        if (listener := LISTENER.get()) is not None:
            listener(done, total)

    def __exit__(self, *_: object) -> None:
        self.bar.close()


class TrainingBar:
    """One line that says how far a training is, and what it does: a bar on a terminal, elsewhere a line now and then.

    A thread of its own draws the bar twice a second, whatever the training waits for. Enter it, and call `begin`
    when the number of examples is known. What does not fit into the terminal is left out, the losses first.
    """

    def __init__(self, *, hidden: bool = False) -> None:
        self.hidden, self.live = hidden, not hidden and columns(sys.stderr) is not None
        self.what, self.moved = "loading PyTorch", time.monotonic()
        self.total, self.done, self.last = 0, 0, ""  # examples; and the bar as it stands on the screen
        self.said = time.monotonic()
        self.better: Mapping[str, str] = {}
        self.reading: Reading | None = None
        self.pace = _Pace()
        self.lock, self.ended = threading.RLock(), threading.Event()
        self.thread = threading.Thread(target=self._tick, name="progress", daemon=True)

    def __enter__(self) -> TrainingBar:
        if not self.hidden:
            self._draw()
            self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Leave the bar as it stands after a last reading, and take it away where there was none."""
        self.ended.set()
        if self.thread.is_alive():
            self.thread.join()
        if self.reading is not None and self.last:
            self.what, self.moved = STEPS, time.monotonic()
            self._draw()
            self._write("\n")
            self.last = ""
        else:
            self._clear()

    def begin(self, total: int, *, done: int = 0, better: Mapping[str, str] | None = None) -> None:
        """There are `total` examples to be seen, `done` of them in a run that goes on; `better` are the trainer's."""
        self.total, self.done, self.better = total, done, better or {}
        self.pace.seen = done

    def doing(self, what: str, examples: int) -> None:
        """`what` comes next, after so many examples."""
        if what == STEPS and self.pace.clock is None:
            self.pace.begin(examples)
        if (what, examples) != (self.what, self.done):
            self.what, self.moved, self.done = what, time.monotonic(), examples or self.done

    def report(self, reading: Reading) -> None:
        """Show one reading of the training loop."""
        self.pace.count(reading)
        self.reading = reading
        self.doing(STEPS, reading.examples)
        if not self.hidden:
            (self._draw if self.live else self._print)()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bar away while something else is printed."""
        with self.lock:
            self._clear()
            self.said = time.monotonic()
            try:
                yield
            finally:
                if not self.ended.is_set():
                    self._draw()

    def _tick(self) -> None:
        while not self.ended.wait(TICK):
            if self.live:
                self._draw()
            elif time.monotonic() - self.said >= SILENCE:
                self._print()

    def _draw(self) -> None:
        width = columns(sys.stderr)
        if not self.live or width is None:
            return
        with self.lock:
            line = fitted(self._fields(), width - 1)
            self._write("\r" + line.ljust(min(len(self.last), width - 1)))
            self.last = line

    def _clear(self) -> None:
        with self.lock:
            if self.last:
                self._write("\r" + " " * len(self.last) + "\r")
            self.last = ""

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # the terminal has gone; the training goes on
            sys.stderr.write(text)
            sys.stderr.flush()

    def _print(self) -> None:
        with self.lock:
            self.said = time.monotonic()
            with contextlib.suppress(BrokenPipeError):  # the reader has seen enough; the training goes on
                print(fitted(self._fields()[2:], columns(sys.stdout)), flush=True)

    def _fields(self) -> list[tuple[int, str]]:
        """What is shown, each with how far it may be left out where the terminal is narrow."""
        share = min(1.0, self.done / self.total) if self.total else 0.0  # the last batch may go beyond
        graph = f"[{'#' * round(share * GRAPH):<{GRAPH}}]"
        (words, meaning), metrics = (r.words, r.metrics) if (r := self.reading) else (("", ""), {})
        numbers = sorted(metrics.items(), key=lambda item: "loss" not in item[0])  # a narrow line ends early
        rate = self.pace.rate(self.done, self.reading)
        return [
            (0, f"{share:4.0%}" if self.total else ""),
            (4, graph if self.total else ""),
            (1, f"{self.done:,}/{self.total:,}" if self.total else ""),
            (2, self._activity()),
            (5, f"{rate:,.0f} examples/s" if rate else ""),
            (2, self.pace.left(self.total - self.done, rate)),
            (3, words),
            (6, f"({meaning})" if meaning else ""),
            *((7 + index, self._number(*number)) for index, number in enumerate(numbers)),
        ]

    def _activity(self) -> str:
        """What is being done, but for a training that goes on step by step; and for how long, from a second on."""
        seconds = int(time.monotonic() - self.moved)
        if self.what == STEPS and not seconds:
            return ""
        return f"{self.what}, {seconds} s" if seconds else self.what

    def _number(self, name: str, value: float) -> str:
        direction = f" ({self.better[name]} is better)" if name in self.better else ""
        return f"{name} {_figure(value)}{direction}"


class _Pace:
    """How fast a run is, by this process's last readings."""

    def __init__(self) -> None:
        self.readings: deque[tuple[int, float]] = deque(maxlen=RECENT)  # examples, and the seconds they took
        self.first = self.seen = 0
        self.clock: float | None = None  # when the first step was done, `first` examples being behind

    def begin(self, examples: int) -> None:
        """The first step is done, and so many examples are behind."""
        self.first, self.clock = examples, time.monotonic()

    def count(self, reading: Reading) -> None:
        """Add what was done since the last reading; one that stands before it is a run that went back."""
        examples, rate = reading.examples - self.seen, reading.examples_per_second
        if examples > 0 and rate > 0:
            self.readings.append((examples, examples / rate))
        self.seen = reading.examples

    def rate(self, done: int, reading: Reading | None) -> float:
        """Examples a second: the last reading's, before the first one the mean so far; 0 where nobody knows."""
        if reading is not None:
            return reading.examples_per_second
        return 0.0 if self.clock is None else (done - self.first) / max(time.monotonic() - self.clock, 1e-9)

    def left(self, examples: int, rate: float) -> str:
        """The time that so many more examples take: by the mean over the last readings, or at that rate.

        A reading of less than a third of their usual rate is one of a pause: a run that was stopped for a while, or
        a machine that slept.
        """
        rates = sorted(count / seconds for count, seconds in self.readings)
        least = rates[len(rates) // 2] / 3 if rates else 0.0
        going = [(count, seconds) for count, seconds in self.readings if count / seconds >= least]
        mean = sum(count for count, _ in going) / sum(seconds for _, seconds in going) if going else rate
        return f"{duration(max(0, examples) / mean)} left" if mean > 0 else ""


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
