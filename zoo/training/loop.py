"""One loop for all trainers: everything that is not the step."""

from __future__ import annotations

import time
from collections.abc import Callable

from zoo.catalogue.recipes.recipe import Recipe
from zoo.training.attendant import NOBODY, Attendant, Reading
from zoo.training.doctor.watch import UNWATCHED, Watch
from zoo.training.machine.graphs import stepper
from zoo.training.state import TrainState

__all__ = ["train_loop"]

FIRST = 100  # the first samples of a run that has begun come after one in so many of its examples


def _due(before: int, after: int, every: int) -> bool:
    return before // every != after // every


def train_loop(
    state: TrainState,
    recipe: Recipe,
    *,
    sample: Callable[[TrainState], None],
    checkpoint: Callable[[TrainState], None],
    attendant: Attendant = NOBODY,
    watch: Watch = UNWATCHED,
) -> None:
    """Run until `recipe.examples` have been seen, or the attendant stops it; the last state is always checkpointed.

    Samples come before the first step, after a hundredth of the run, every `sample_every` examples, and at the end.
    Raises DataError naming the step when a metric is not finite; that state is not saved. `watch` watches the
    run, and may end the loop by raising.
    """
    trainer, size, doing = state.trainer, recipe.batch_size, attendant.doing
    for part in trainer.parts.values():
        part.train()
    if not state.examples:
        doing("drawing samples", 0)
        sample(state)
    step = stepper(state, graphs=recipe.graphs, tell=attendant.warn)
    first, what, pace = max(1, recipe.examples // FIRST), "the first step", _Pace(state.examples)
    while state.examples < recipe.examples:
        doing(what, state.examples)
        trainer.set_rates(step=state.steps, progress=state.examples / recipe.examples)
        state.means.add(step(size))
        trainer.check_learned()
        before, state.examples, state.steps = state.examples, state.examples + size, state.steps + 1
        done, what = state.examples >= recipe.examples, "training"
        if watch.due(state, before):
            doing("looking at samples", state.examples)
            watch.look(state)
        if _due(before, state.examples, recipe.log_every) or done:
            metrics = watch.hear(state, trainer.processes.mean(state.means.take()))
            attendant.report(pace.reading(state, recipe.examples, metrics))
        if _due(before, state.examples, recipe.sample_every) or before < first <= state.examples or done:
            doing("drawing samples", state.examples)
            sample(state)
        if due := _due(before, state.examples, recipe.checkpoint_every):
            watch.weigh(state)
            watch.saved(state)
        if trainer.processes.any(attendant.stop()):
            break
        if due:
            doing("saving", state.examples)
            checkpoint(state)
    watch.weigh(state)
    doing("saving", state.examples)
    checkpoint(state)


class _Pace:
    """How fast a run is, from reading to reading."""

    def __init__(self, examples: int) -> None:
        self.clock, self.since = time.perf_counter(), examples

    def reading(self, state: TrainState, total: int, metrics: dict[str, float]) -> Reading:
        now = time.perf_counter()
        rate = (state.examples - self.since) / max(now - self.clock, 1e-9)
        self.clock, self.since = now, state.examples
        return Reading(
            examples=state.examples, steps=state.steps, total=total, examples_per_second=rate, metrics=metrics
        )
