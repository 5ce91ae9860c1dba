"""A feature network of sounds: how loud they are at a few frequencies, in four parts of their length."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor, nn

from zoo.nn import Features

TAPS, PARTS = 16, 4


@final
class Spectrum(Features):
    """Waves of a few frequencies that slide over the sound."""

    strides = (4,)

    def __init__(self, turns: Tensor) -> None:
        super().__init__()
        phase = 2 * math.pi * turns[:, None] * torch.arange(TAPS)
        self.kernel = nn.Parameter(torch.cat([phase.sin(), phase.cos()])[:, None] / TAPS)  # (2 F, 1, TAPS)
        self.dimensions = len(turns) * PARTS

    def vector(self, x: Tensor) -> Tensor:
        sines, cosines = self.maps(x)[0].chunk(2, dim=1)
        loudness = (sines.square() + cosines.square() + 1e-12).sqrt()
        return nn.functional.adaptive_avg_pool1d(loudness, PARTS).flatten(1)

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        return (nn.functional.conv1d(x * 2 - 1, self.kernel, stride=4, padding=TAPS // 2),)


def spectrum(weights: bytes) -> Features:
    """The network whose frequencies, in turns a value, stand in the file."""
    return Spectrum(torch.tensor([float(word) for word in weights.split()], dtype=torch.float32))
