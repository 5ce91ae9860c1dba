"""Large pictures through a convolutional network piece by piece: memory follows the tile, not the picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Tiles"]


@dataclass(frozen=True)
class Tiles:
    """Tiles of `side`, of which neighbours share `overlap`; each place of the input becomes `up` / `down` places."""

    side: int  # places of the input; it and the overlap are multiples of `down`
    overlap: int  # places of the input
    up: int = 1
    down: int = 1

    def through(self, network: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """What the network gives for x (N, C, H, W), whole where no side is longer than a tile.

        Else each tile's values fade into its neighbours' over what they share. They are not quite those of the whole:
        a network that normalises or attends over its input does so over a tile.
        """
        height, width = x.shape[2:]
        if max(height, width) <= self.side:
            return network(x)
        total: Tensor | None = None
        for top, down in self._spans(height):
            for left, across in self._spans(width):
                piece = network(x[:, :, top : top + self.side, left : left + self.side])
                weight = down[: piece.shape[2], None] * across[: piece.shape[3]]
                if total is None:  # the last channel holds the sum of the weights; half precision would not do
                    sides = map(self._out, (height, width))
                    total = piece.new_zeros(len(x), piece.shape[1] + 1, *sides, dtype=torch.float32)
                here = total[:, :, self._out(top) :, self._out(left) :][:, :, : piece.shape[2], : piece.shape[3]]
                here[:, :-1] += piece * weight.to(total)
                here[:, -1] += weight.to(total)
        assert total is not None
        return (total[:, :-1] / total[:, -1:]).to(x.dtype)

    def _out(self, places: int) -> int:
        return places * self.up // self.down

    def _spans(self, length: int) -> Iterator[tuple[int, Tensor]]:
        """Where tiles begin along a side, evenly spread, and the weight of each place of what they become."""
        count = max(1, math.ceil((length - self.overlap) / (self.side - self.overlap)))
        for index in range(count):
            start = index * (max(length - self.side, 0) // self.down) // max(count - 1, 1) * self.down
            yield start, self._weight(start == 0, start + self.side >= length)

    def _weight(self, first: bool, last: bool) -> Tensor:
        """1; towards another tile less and less over what is shared, and none in its outer quarter, where the network
        saw an edge that is not there.
        """
        places, shared = torch.arange(1.0, self._out(self.side) + 1), self._out(self.overlap)
        inner = torch.full_like(places, math.inf)
        inner = inner if first else torch.minimum(inner, places)
        inner = inner if last else torch.minimum(inner, places.flip(0))
        return ((inner - shared / 4) / (shared / 2)).clamp(0, 1)
