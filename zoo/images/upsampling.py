"""From a latent vector to a picture: a stack of stages that double the side, for generators and decoders alike."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["ConditionalNorm", "UpsamplingStack"]

BASE = 4  # values a side of the first map


@final
class ConditionalNorm(nn.Module):
    """gamma_y norm(x) + beta_y for maps x (N, width, S, S) and labels y (N,): a batch norm whose scales and shifts are
    each class's own (Dumoulin et al. 2017, arXiv:1610.07629, equation 5; de Vries et al. 2017, arXiv:1707.00683).

    The statistics are those of all classes together.
    """

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width, affine=False)
        self.scale = nn.Embedding(num_classes, width)
        self.shift = nn.Embedding(num_classes, width)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Map x (N, width, S, S) and labels (N,) to (N, width, S, S)."""
        scale, shift = self.scale(labels), self.shift(labels)  # (N, width) each
        x = self.norm(x) * scale[:, :, None, None] + shift[:, :, None, None]
        return x


@final
class UpsamplingStack(nn.Module):
    """z (N, latent_size), labels (N,) if any -> (N, channels, S, S), S = 4 x 2^(number of widths - 1), of any value.

    A dense layer gives a map of 4 x 4; a stage for each further width doubles the side by nearest neighbours, a 3x3
    convolution, batch norm and a gated linear unit; the first map's excitation scales the channels of the last one; a
    3x3 convolution ends it. That is the light generator of Liu et al. 2021, arXiv:2101.04775, with one of its skips.
    """

    def __init__(self, latent_size: int, widths: Sequence[int], channels: int, num_classes: int | None = None) -> None:
        super().__init__()
        first, last = widths[0], widths[-1]
        self.stem = nn.Linear(latent_size, 2 * first * BASE**2, bias=False)
        self.stem_norm = _norm(2 * first, num_classes)
        self.stages = nn.ModuleList(_Stage(a, b, num_classes) for a, b in itertools.pairwise(widths))
        self.excitation = nn.Sequential(
            nn.Conv2d(first, last, BASE, bias=False), nn.SiLU(), nn.Conv2d(last, last, 1, bias=False), nn.Sigmoid()
        )
        self.head = nn.Conv2d(last, channels, 3, padding=1)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.normal_(module.weight, 0.0, 0.02)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map z (N, latent_size), and labels (N,) where there are classes, to (N, channels, S, S)."""
        stem = self.stem(z).unflatten(1, (-1, BASE, BASE)).contiguous(memory_format=torch.channels_last)
        first = _gated(_normed(self.stem_norm, stem, labels))
        x = first
        for stage in self.stages:
            x = stage(x, labels)
        ended: Tensor = self.head(x * self.excitation(first))
        return ended


class _Stage(nn.Module):
    """Nearest neighbours to twice the side, 3x3 convolution, batch norm, gated linear unit."""

    def __init__(self, inputs: int, outputs: int, num_classes: int | None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 2 * outputs, 3, padding=1, bias=False)
        self.norm = _norm(2 * outputs, num_classes)

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        x = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return _gated(_normed(self.norm, x, labels))


def _norm(width: int, num_classes: int | None) -> nn.Module:
    return ConditionalNorm(width, num_classes) if num_classes else nn.BatchNorm2d(width)


def _normed(norm: nn.Module, x: Tensor, labels: Tensor | None) -> Tensor:
    normed: Tensor = norm(x, labels) if isinstance(norm, ConditionalNorm) else norm(x)
    return normed


def _gated(x: Tensor) -> Tensor:
    """The gated linear unit (Dauphin et al. 2017); the gradient of torch's own loses the channels-last layout, without
    which that of a batch norm takes eight times as long.
    """
    values, gates = x.chunk(2, 1)
    return values * torch.sigmoid(gates)
