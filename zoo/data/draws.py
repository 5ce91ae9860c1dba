"""Random numbers for a batch that several processes share: each draws for the whole batch and keeps its own rows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

__all__ = ["Draws"]

CPU = torch.device("cpu")


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

    def normal(self, n: int, *shape: int) -> Tensor:
        """N(0, 1), (n, *shape) float32."""
        return self._own(torch.randn(n * self.count, *shape, generator=self.generator), n)

    def uniform(self, n: int, *shape: int) -> Tensor:
        """U(0, 1), (n, *shape) float32."""
        return self._own(torch.rand(n * self.count, *shape, generator=self.generator), n)

    def integers(self, low: int, high: int, n: int, *shape: int) -> Tensor:
        """Whole numbers from `low` to `high` - 1, (n, *shape) int64."""
        return self._own(torch.randint(low, high, (n * self.count, *shape), generator=self.generator), n)

    def _own(self, drawn: Tensor, n: int) -> Tensor:
        return drawn[self.rank * n : (self.rank + 1) * n].to(self.device)
