"""The zoo's side of the training comparisons: `train_loop` itself, in pieces, on pictures that are in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from pairs import Way, noise_pictures

from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.recipes.recipe import Recipe, resolve
from zoo.data.loading import Examples
from zoo.training.attendant import Attendant
from zoo.training.loop import train_loop
from zoo.training.machine.allocator import keep_freed_memory
from zoo.training.machine.graphs import place_data
from zoo.training.machine.processes import Processes
from zoo.training.state import first_state

__all__ = ["zoo_gpu_way", "zoo_way"]

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


class Held:
    """A loop in a thread of its own, held between pieces: it calls `stop` after each step, and begins once."""

    def __init__(self, loop: Callable[[Callable[[], bool]], None]) -> None:
        self.loop, self.left, self.error = loop, 0, ""
        self.go, self.done = threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=self._run, daemon=True).start()

    def __call__(self, steps: int) -> None:
        self.left = steps
        self.go.release()
        self.done.acquire()
        if self.error:
            raise RuntimeError(self.error)

    def _run(self) -> None:
        self.go.acquire()
        try:
            self.loop(self._stop)
        except Exception as error:  # noqa: BLE001  it is raised where the work was asked for
            self.error = f"{type(error).__name__}: {error}"
        self.done.release()

    def _stop(self) -> bool:
        self.left -= 1
        if self.left <= 0:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.done.release()
            self.go.acquire()
        return False


def zoo_gpu_way(
    count: int, shape: tuple[int, int, int], device: str, *, batch_size: int, graphs: bool, **recipe: Any
) -> Way:
    """As `zoo_way` on a device, by one call of `train_loop` for all pieces: what it records is recorded once.

    Raises RuntimeError where steps were to be replayed and were not.
    """
    every = {"log_every": MANY, "sample_every": MANY, "checkpoint_every": MANY, "examples": MANY}
    made = Recipe(name="benchmark", dataset="noise", batch_size=batch_size, graphs=graphs, **every, **recipe)
    resolved, place = resolve(made, default_registry()), torch.device(device)
    torch.manual_seed(0)
    state = first_state(resolved, Examples(data=noise_pictures(count, shape)), Processes(device=place))
    place_data(state.batches, place)

    def warn(line: str) -> None:
        raise RuntimeError(line)

    def loop(stop: Callable[[], bool]) -> None:
        attendant = Attendant(stop=stop, warn=warn)
        train_loop(state, made, sample=lambda _: None, checkpoint=lambda _: None, attendant=attendant)

    return Held(loop)
