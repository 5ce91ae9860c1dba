"""One loop for all trainers: everything that is not the step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from zoo.catalogue.recipes.recipe import Recipe
from zoo.training.doctor.watch import UNWATCHED, Watch
from zoo.training.state import TrainState

__all__ = ["Reading", "train_loop"]


def _due(before: int, after: int, every: int) -> bool:
    return before // every != after // every


def train_loop(
    state: TrainState,
    recipe: Recipe,
    *,
    report: Callable[[Reading], None],
    sample: Callable[[TrainState], None],
    checkpoint: Callable[[TrainState], None],
    stop: Callable[[], bool] = lambda: False,
    watch: Watch = UNWATCHED,
) -> None:
    """Run until `recipe.examples` have been seen, or `stop` says so; the last state is always checkpointed.

    Raises DataError naming the step when a metric is not finite; that state is not saved. `watch` watches the
    run, and may end the loop by raising.
    """
    trainer, means, size = state.trainer, state.means, recipe.batch_size
    processes = trainer.processes
    for part in trainer.parts.values():
        part.train()
    clock, since = time.perf_counter(), state.examples
    while state.examples < recipe.examples:
        trainer.set_rates(step=state.steps, progress=state.examples / recipe.examples)
        means.add(trainer.step(*state.next_batch()))
        trainer.check_learned()
        before, state.examples, state.steps = state.examples, state.examples + size, state.steps + 1
        for ema in state.emas.values():
            ema.update(examples=size, examples_seen=state.examples)
        done = state.examples >= recipe.examples
        watch.look(state, before)
        if _due(before, state.examples, recipe.log_every) or done:
            metrics = watch.hear(state, processes.mean(means.take()))
            now = time.perf_counter()
            rate = (state.examples - since) / max(now - clock, 1e-9)
            report(
                Reading(
                    examples=state.examples,
                    steps=state.steps,
                    total=recipe.examples,
                    examples_per_second=rate,
                    metrics=metrics,
                )
            )
            clock, since = now, state.examples
        if _due(before, state.examples, recipe.sample_every) or done:
            sample(state)
        if due := _due(before, state.examples, recipe.checkpoint_every):
            watch.weigh(state)
            watch.saved(state)
        if processes.any(stop()):
            break
        if due:
            checkpoint(state)
    watch.weigh(state)
    checkpoint(state)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a run is doing: the means of its metrics since the last reading."""

    examples: int
    steps: int
    total: int
    examples_per_second: float
    metrics: dict[str, float]
