"""The zoo's side of the training comparisons: `train_loop` itself, in pieces, on pictures that are in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from pairs import Way, noise_pictures

from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.recipes.recipe import Recipe, resolve
from zoo.data.loading import Examples
from zoo.training.loop import train_loop
from zoo.training.machine.allocator import keep_freed_memory
from zoo.training.state import first_state

__all__ = ["zoo_way"]

MANY = 10**12


def zoo_way(count: int, shape: tuple[int, int, int], *, batch_size: int, **recipe: Any) -> Way:
    """Train a recipe on `count` noise pictures for that many steps, with everything `zoo train` does between them.

    The moving average is kept and the metrics are summed at every step; they are read at the end of a piece.
    """
    every = {"log_every": MANY, "sample_every": MANY, "checkpoint_every": MANY}
    made = Recipe(name="benchmark", dataset="noise", batch_size=batch_size, **every, **recipe)
    keep_freed_memory()  # as `zoo train` does
    resolved = resolve(made, default_registry())
    torch.manual_seed(0)
    state = first_state(resolved, Examples(data=noise_pictures(count, shape)))

    def way(steps: int) -> None:
        until = replace(made, examples=state.examples + steps * batch_size)
        train_loop(state, until, sample=lambda _: None, checkpoint=lambda _: None)

    return way
