"""Random numbers for a batch that several processes share: each draws for the whole batch and keeps its own rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

__all__ = ["Draw", "Draws"]

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Draw:
    """What one call asks for: a kind of numbers, and their shape."""

    kind: Literal["normal", "uniform", "integers"]  # N(0, 1), U(0, 1), whole numbers from `low` to `high` - 1
    shape: tuple[int, ...]  # (n, …): the rows of one process
    low: int = 0  # of whole numbers only
    high: int = 1  # of whole numbers only

    @property
    def dtype(self) -> torch.dtype:
        """Of what is drawn."""
        return torch.int64 if self.kind == "integers" else torch.float32

    def of(self, generator: Generator, *, count: int = 1, out: Tensor | None = None) -> Tensor:
        """The numbers for `count` processes, (n count, …), on the CPU; into `out`, where there is one of that shape."""
        shape = (self.shape[0] * count, *self.shape[1:])
        if self.kind == "normal":
            return torch.randn(shape, generator=generator, out=out)
        if self.kind == "uniform":
            return torch.rand(shape, generator=generator, out=out)
        return torch.randint(self.low, self.high, shape, generator=generator, out=out)


@dataclass(frozen=True)
class Draws:
    """Draws whose first dimension is the batch's; process `rank` of `count` keeps the rows of its own share.

    All processes hold the same generator in the same state, so the whole batch gets the same numbers however many
    processes share it. They are drawn on the CPU, so they do not depend on the device either.
    """

    generator: Generator  # the run's own, on the CPU
    rank: int = 0  # which of the processes draws
    count: int = 1  # processes that share the batch
    device: torch.device = CPU  # on which the numbers are given
    given: Callable[[Draw], Tensor] | None = None  # where numbers that are drawn already come from

    def normal(self, n: int, *shape: int) -> Tensor:
        """N(0, 1), (n, *shape) float32."""
        return self.take(Draw("normal", (n, *shape)))

    def uniform(self, n: int, *shape: int) -> Tensor:
        """U(0, 1), (n, *shape) float32."""
        return self.take(Draw("uniform", (n, *shape)))

    def integers(self, low: int, high: int, n: int, *shape: int) -> Tensor:
        """Whole numbers from `low` to `high` - 1, (n, *shape) int64."""
        return self.take(Draw("integers", (n, *shape), low, high))

    def take(self, draw: Draw) -> Tensor:
        """This process's rows of a draw, on its device."""
        if self.given is not None:
            return self.given(draw)
        n = draw.shape[0]
        return draw.of(self.generator, count=self.count)[self.rank * n : (self.rank + 1) * n].to(self.device)
