"""One loop for all trainers: everything that is not the step."""

from __future__ import annotations

import time
from collections.abc import Callable

from torch import Tensor

from zoo.progress import Progress
from zoo.recipes import Recipe
from zoo.training.optimizers import check_finite
from zoo.training.state import TrainState

__all__ = ["train_loop"]


class _Means:
    """Sums of metrics kept as tensors, so that a step never waits for a number."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.count = 0

    def add(self, metrics: dict[str, Tensor]) -> None:
        for name, value in metrics.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value
        self.count += 1

    def take(self) -> dict[str, float]:
        means = {name: float(total) / self.count for name, total in self.sums.items()}
        self.sums, self.count = {}, 0
        return means


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
) -> None:
    """Run until `recipe.images` have been seen, or `stop` says so; the last state is always checkpointed.

    Raises DataError naming the step when a metric is not finite; that state is not saved.
    """
    trainer, means, size = state.trainer, _Means(), recipe.batch_size
    processes = trainer.processes
    for part in trainer.parts.values():
        part.train()
    clock, since = time.perf_counter(), state.images
    while state.images < recipe.images:
        trainer.set_rates(step=state.steps, progress=state.images / recipe.images)
        means.add(trainer.step(*state.next_batch()))
        trainer.check_learned()
        before, state.images, state.steps = state.images, state.images + size, state.steps + 1
        for name, ema in state.emas.items():
            ema.update(trainer.parts[name], images=size, images_seen=state.images)
        done = state.images >= recipe.images
        if _due(before, state.images, recipe.log_every) or done:
            metrics = processes.mean(means.take())
            check_finite(metrics, state.steps)
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
        if processes.any(stop()):
            break
        if _due(before, state.images, recipe.checkpoint_every):
            _check_parameters(state)
            checkpoint(state)
    _check_parameters(state)
    checkpoint(state)


def _check_parameters(state: TrainState) -> None:
    """A checkpoint with NaN in it would be worse than none."""
    total = sum(float(p.detach().sum()) for part in state.trainer.parts.values() for p in part.parameters())
    check_finite({"the sum of all weights": total}, state.steps)
