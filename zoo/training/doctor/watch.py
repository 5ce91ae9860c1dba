"""What the loop asks of who watches a run, and what it does where nobody is set to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from zoo.training.optimizers import check_finite
from zoo.training.state import TrainState

__all__ = ["UNWATCHED", "Unwatched", "Watch"]


class Watch(Protocol):
    """Who watches a run; `zoo.training.doctor.treatment` does. Each method may end the loop by raising."""

    def begin(self, state: TrainState, save: Callable[[TrainState], None]) -> None:
        """The run begins, or goes on from a restored state; `save` writes a checkpoint."""

    def due(self, state: TrainState, before: int) -> bool:
        """Whether a look is due after the step that was done; `before` are the examples before it."""
        ...

    def look(self, state: TrainState) -> None:
        """Look at the networks."""

    def hear(self, state: TrainState, metrics: dict[str, float]) -> dict[str, float]:
        """The metrics of a reading are these; gives what is reported."""
        ...

    def weigh(self, state: TrainState) -> None:
        """The state is to be saved."""

    def saved(self, state: TrainState) -> None:
        """A checkpoint that is due is about to be saved."""

    def end(self) -> None:
        """All examples have been seen."""


class Unwatched:
    """Nobody watches, but a figure that is not finite ends the run."""

    def begin(self, state: TrainState, save: Callable[[TrainState], None]) -> None:
        """Nothing is to be done."""

    def due(self, state: TrainState, before: int) -> bool:
        """Never."""
        return False

    def look(self, state: TrainState) -> None:
        """Nothing is looked at."""

    def hear(self, state: TrainState, metrics: dict[str, float]) -> dict[str, float]:
        """Raises DataError naming the step when a metric is not finite."""
        check_finite(metrics, state.steps)
        return metrics

    def weigh(self, state: TrainState) -> None:
        """Raises DataError naming the step when a weight is not finite."""
        check_finite(state.weights(), state.steps)

    def saved(self, state: TrainState) -> None:
        """Nothing is noted."""

    def end(self) -> None:
        """Nothing is said."""


UNWATCHED = Unwatched()
