"""A recorder for the CPU that behaves as a CUDA graph does: it keeps operations, not Python.

What is recorded is each operation with the very tensors and numbers that it was called with; a replay calls them again
and leaves their results where the first ones lay. So a learning rate that was a number, a draw that was made inside, or
a branch that was taken, is the same in every replay; and what a capture forbids is refused here too: waiting for a
number, and tensors made of Python's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from zoo.training.trainer import Figures

REFUSED = {"_local_scalar_dense", "equal", "nonzero", "masked_select", "lift_fresh", "is_nonzero"}
DRAWN = {"randn", "rand", "randint", "normal_", "uniform_", "random_"}  # of a generator that no graph knows


class _Tape(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, name = kwargs or {}, func._schema.name.partition("::")[2]
        if name in REFUSED or (name in DRAWN and kwargs.get("generator") is not None):
            raise RuntimeError(f"{name} cannot be recorded")
        given = func(*args, **kwargs)
        self.calls.append((func, args, kwargs, given))
        return given

    def replay(self) -> None:
        with torch._C._AutoDispatchBelowAutograd():
            for func, args, kwargs, given in self.calls:
                for new, old in zip(tree_leaves(func(*args, **kwargs)), tree_leaves(given), strict=True):
                    if isinstance(old, Tensor) and new.untyped_storage().data_ptr() != old.untyped_storage().data_ptr():
                        old.copy_(new)


class TapeRecorder:
    """As `CudaRecorder`; it counts what it has done."""

    def __init__(self) -> None:
        self.alones, self.records, self.replays = 0, 0, 0

    def alone(self, step: Callable[[], Figures]) -> Figures:
        self.alones += 1
        return step()

    def record(self, step: Callable[[], Figures]) -> tuple[Figures, Callable[[], None]]:
        self.records += 1
        tape = _Tape()
        with tape:
            figures = step()

        def replay() -> None:
            self.replays += 1
            tape.replay()

        return figures, replay
