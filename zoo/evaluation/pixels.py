"""Distances between the values themselves, averaged down: a judge that was trained on nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import final

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.catalogue.weights.judges import PIXELS
from zoo.nn.features import Features

__all__ = ["Values"]

PLACES = 256  # of a channel, at most: 16 x 16 of a picture


@final
class Values(Features):
    """Averages over equal cells of examples of that shape, (channels, one to three sides) or one side alone, of what
    `comparable` makes of them.
    """

    strides = (1,)
    batch_size = 250
    name = PIXELS

    def __init__(self, data_shape: tuple[int, ...], comparable: Callable[[Tensor], Tensor] = lambda x: x) -> None:
        super().__init__()
        self.comparable = comparable
        with torch.no_grad():
            shape = tuple(self.comparable(torch.zeros(1, *data_shape)).shape[1:])
        channels, *sides = shape if len(shape) > 1 else (1, *shape)
        most = round(PLACES ** (1 / len(sides)))
        self.cells = [min(side, most) for side in sides]
        self.dimensions = channels * math.prod(self.cells)
        self.resize = f"means over {' x '.join(map(str, self.cells))} cells"

    def vector(self, x: Tensor) -> Tensor:
        """Map x (N, *data_shape) to (N, D): D values of 1, each the mean over a cell."""
        x = self.comparable(x)
        x = x[:, None] if x.ndim == 2 else x
        return F.interpolate(x, self.cells, mode="area").flatten(1)

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map x to itself: there is nothing between."""
        return (x,)
