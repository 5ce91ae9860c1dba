"""Who attends a run, the command line say: is told how it is doing, and may end it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["NOBODY", "Attendant", "Reading"]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a run is doing: the means of its metrics since the last reading."""

    examples: int  # seen
    steps: int  # taken
    total: int  # examples that are to be seen
    examples_per_second: float  # since the last reading
    metrics: dict[str, float]  # name -> mean
    words: tuple[str, str] = ("", "")  # the same for people who do not know the metrics, and what the words mean


@dataclass(frozen=True, kw_only=True)
class Attendant:
    """What a run calls, all of it from its own thread."""

    report: Callable[[Reading], None] = lambda reading: None  # every `log_every` examples
    warn: Callable[[str], None] = lambda line: None  # what is worth a line
    doing: Callable[[str, int], None] = lambda what, examples: None  # each step, and what else takes time, before it
    stop: Callable[[], bool] = lambda: False  # asked after each step; when it gives true the run is saved and ends
    log: tuple[str, ...] | None = None  # the trackers that are told, by name; None: TensorBoard, where it is installed


NOBODY = Attendant()
