"""One loop for all trainers: everything that is not the step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from zoo.catalogue.recipes.recipe import Recipe
from zoo.training.doctor.watch import UNWATCHED, Care
from zoo.training.state import TrainState

__all__ = ["Progress", "train_loop"]


def _due(before: int, after: int, every: int) -> bool:
    return before // every != after // every


def train_loop(
    state: TrainState,
    recipe: Recipe,
    *,
    report: Callable[[Progress], None],
    sample: Callable[[TrainState], None],
    checkpoint: Callable[[TrainState], None],
    stop: Callable[[], bool] = lambda: False,
    care: Care = UNWATCHED,
) -> None:
    """Run until `recipe.images` have been seen, or `stop` says so; the last state is always checkpointed.

    Raises DataError naming the step when a metric is not finite; that state is not saved. `care` watches the
    run, and may end the loop by raising.
    """
    trainer, means, size = state.trainer, state.means, recipe.batch_size
    processes = trainer.processes
    for part in trainer.parts.values():
        part.train()
    clock, since = time.perf_counter(), state.images
    while state.images < recipe.images:
        trainer.set_rates(step=state.steps, progress=state.images / recipe.images)
        means.add(trainer.step(*state.next_batch()))
        trainer.check_learned()
        before, state.images, state.steps = state.images, state.images + size, state.steps + 1
        for ema in state.emas.values():
            ema.update(images=size, images_seen=state.images)
        done = state.images >= recipe.images
        care.look(state, before)
        if _due(before, state.images, recipe.log_every) or done:
            metrics = care.hear(state, processes.mean(means.take()))
            now = time.perf_counter()
            rate = (state.images - since) / max(now - clock, 1e-9)
            report(
                Progress(
                    images=state.images,
                    steps=state.steps,
                    total=recipe.images,
                    images_per_second=rate,
                    metrics=metrics,
                )
            )
            clock, since = now, state.images
        if _due(before, state.images, recipe.sample_every) or done:
            sample(state)
        if due := _due(before, state.images, recipe.checkpoint_every):
            care.weigh(state)
            care.saved(state)
        if processes.any(stop()):
            break
        if due:
            checkpoint(state)
    care.weigh(state)
    checkpoint(state)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How a run is doing: the means of its metrics since the last report."""

    images: int
    steps: int
    total: int
    images_per_second: float
    metrics: dict[str, float]
