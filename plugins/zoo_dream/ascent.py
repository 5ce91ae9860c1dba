"""Gradient ascent on a picture of any size: the gradient is taken tile by tile, smoothed, and followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo_dream.layers import Layers

__all__ = ["LEAST", "Ascent"]

HALO = 64  # pixels around a tile that the network sees too, so that the gradient is the same on both sides of an edge
JITTER = 32  # pixels: the coarsest stride, in which what a network sees repeats itself
LEAST = 32  # pixels a side of what a network is shown
SIGMAS = (1.0, 2.0)  # pixels: of what the gradient is averaged with, so that no single pixel runs away
TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """A tile along one side, in pixels of the picture."""

    low: int  # where it begins
    high: int  # and ends
    start: int  # where what the network sees begins
    stop: int  # and ends
    pad: int  # how often the picture's first pixel is repeated before it


def _pieces(length: int, tile: int, offset: int) -> Iterator[_Piece]:
    """The tiles along a side; the first is `offset` pixels shorter than the others."""
    for at in range(-offset, length, tile):
        low, high = max(0, at), min(length, at + tile)
        start, stop = max(0, low - HALO), min(length, high + HALO)
        yield _Piece(low=low, high=high, start=start, stop=stop, pad=0 if start else offset % JITTER)


class Ascent:
    """Steps towards pictures of which the layers see more: towards larger mean squares of their maps, weighted.

    Mordvintsev, Olah and Tyka 2015, "Inceptionism: Going Deeper into Neural Networks".
    """

    def __init__(self, layers: Layers, weights: Mapping[str, float], *, tile: int) -> None:
        """`weights` are by the names of layers; `tile` is in pixels a side. Raises UsageError as `Layers.check`."""
        self.layers, self.tile = layers, tile
        self.weights = {
            name: weights[name] * layer.stride**2 / layer.channels for name, layer in layers.check([*weights]).items()
        }

    def step(self, x: Tensor, rate: float, random: torch.Generator) -> None:
        """Move a picture x (3, H, W) in [0, 1], in place, by `rate` a value on average; it stays in [0, 1]."""
        down, across = torch.randint(self.tile, (2,), generator=random).tolist()
        gradient = self.gradient(x, offset=(down, across))
        x.add_(gradient, alpha=rate / max(float(gradient.abs().mean()), TINY)).clamp_(0, 1)

    def gradient(self, x: Tensor, *, offset: tuple[int, int] = (0, 0)) -> Tensor:
        """The smoothed gradient (3, H, W) at x (3, H, W), where the first tile is shorter by `offset` pixels."""
        found = torch.empty_like(x)
        down, across = (
            [*_pieces(length, self.tile, shift % self.tile if length > self.tile else shift % JITTER)]
            for length, shift in zip(x.shape[1:], offset, strict=True)
        )
        for row in down:
            for column in across:
                found[:, row.low : row.high, column.low : column.high] = self._of_tile(x, row, column)
        return found

    def _of_tile(self, x: Tensor, row: _Piece, column: _Piece) -> Tensor:
        seen = x[None, :, row.start : row.stop, column.start : column.stop]
        wide = F.pad(seen, (column.pad, 0, row.pad, 0), mode="replicate").requires_grad_()
        maps = self.layers.maps(wide, [*self.weights])
        worth = sum((weight * maps[name].square().sum() for name, weight in self.weights.items()), wide.new_zeros(()))
        (gradient,) = torch.autograd.grad(worth, wide)
        gradient = _smoothed(gradient)[0, :, row.pad :, column.pad :]
        return gradient[
            :, row.low - row.start : row.high - row.start, column.low - column.start : column.high - column.start
        ]


def _smoothed(x: Tensor) -> Tensor:
    """The mean of x (1, 3, H, W) and of x blurred by a Gaussian of each of SIGMAS."""
    total = x.clone()
    for sigma in SIGMAS:
        reach = round(3 * sigma)
        places = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
        kernel = torch.exp(-(places**2) / (2 * sigma**2))
        kernel = (kernel / kernel.sum()).expand(3, 1, -1)
        blurred = F.pad(x, (reach, reach, reach, reach), mode="replicate")
        blurred = F.conv2d(blurred, kernel[:, :, :, None], groups=3)
        total += F.conv2d(blurred, kernel[:, :, None, :], groups=3)
    return total / (len(SIGMAS) + 1)
