"""What encoders and decoders of maps are made of: residual stages without normalisation, and how a label is joined in.

With classes (a conditional VAE: Sohn, Lee and Yan 2015) a label stands, as a one-hot vector, beside what the encoder's
last layer and the decoder's first one see: what it adds there is a row of an embedding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from zoo.nn.distributions import DiagonalGaussian

__all__ = ["PosteriorHead", "class_rows", "downsampling", "joined", "upsampling"]

LOG_VAR = (-14.0, 6.0)  # what exp() of a float32 squared error can bear; a posterior never needs more
POINT = -14.0  # the log variance of a posterior that stands for a point


def class_rows(num_classes: int, width: int) -> nn.Embedding | None:
    """A vector (width,) for each of `num_classes`: the columns of a dense layer that a one-hot input would meet.

    None without classes.
    """
    if not num_classes:
        return None
    rows = nn.Embedding(num_classes, width)
    nn.init.xavier_uniform_(rows.weight)
    return rows


def joined(x: Tensor, rows: nn.Embedding | None, labels: Tensor | None) -> Tensor:
    """What a dense layer gave, x (N, width), as if labels (N,) had stood beside its input; x where `rows` is None.

    Shares of the classes, floats (N, num_classes), are labels, too.
    """
    if rows is None:
        return x
    if labels is not None and labels.is_floating_point():
        return x + labels.to(rows.weight.dtype) @ rows.weight
    added: Tensor = rows(labels)
    return x + added


@final
class PosteriorHead(nn.Module):
    """Features (N, inputs) -> posteriors over (N, latent_size); a `point` posterior has no log variance to learn."""

    def __init__(self, inputs: int, latent_size: int, *, num_classes: int = 0, point: bool = False) -> None:
        super().__init__()
        self.mean = nn.Linear(inputs, latent_size)
        self.log_var = None if point else nn.Linear(inputs, latent_size)
        self.class_mean = class_rows(num_classes, latent_size)
        self.class_log_var = None if point else class_rows(num_classes, latent_size)

    def forward(self, features: Tensor, labels: Tensor | None) -> DiagonalGaussian:
        """Map `features` (N, inputs), and `labels` (N,) where there are classes, to posteriors."""
        mean = joined(self.mean(features), self.class_mean, labels)
        if self.log_var is None:
            return DiagonalGaussian(mean, torch.full_like(mean, POINT))
        log_var = joined(self.log_var(features), self.class_log_var, labels)
        return DiagonalGaussian(mean, log_var.clamp(*LOG_VAR))


def downsampling(channels: int, widths: Sequence[int], blocks: Sequence[int], *, patch: int = 2) -> nn.Sequential:
    """Maps (N, channels, H, W) -> (N, widths[-1], H', W'): `blocks[i]` residual blocks of `widths[i]` channels, halving
    between them.

    The first width is reached by a strided convolution where `patch` is 2, so that no block runs at the full size.
    """
    first = widths[0]
    layers: list[nn.Module] = [_halving(channels, first) if patch == 2 else nn.Conv2d(channels, first, 3, 1, 1)]
    damping = _damping(blocks)
    for index, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        if index:
            layers += [nn.SiLU(), _halving(widths[index - 1], width)]
        layers += [_Residual(width, damping) for _ in range(count)]
    return nn.Sequential(*layers, nn.SiLU())


def upsampling(
    channels: int, widths: Sequence[int], blocks: Sequence[int], *, patch: int = 2
) -> tuple[nn.Sequential, nn.Module]:
    """The way back, of the same `channels`, `widths`, `blocks` and `patch`: maps (N, widths[-1], H', W') -> a body, and
    the last layer, to (N, channels, H, W).
    """
    layers: list[nn.Module] = []
    damping = _damping(blocks)
    for index in reversed(range(len(widths))):
        layers += [_Residual(widths[index], damping) for _ in range(blocks[index])]
        if index:
            layers += [nn.SiLU(), _doubling(widths[index], widths[index - 1])]
    first = widths[0]
    last = _doubling(first, channels) if patch == 2 else nn.Conv2d(first, channels, 3, 1, 1)
    return nn.Sequential(*layers, nn.SiLU()), last


@final
class _Residual(nn.Module):
    """x + conv(silu(conv(silu(x)))), both 3x3; `damping` scales the second one's start (Zhang et al. 2019)."""

    def __init__(self, width: int, damping: float) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(damping)

    def forward(self, x: Tensor) -> Tensor:
        silu = nn.functional.silu
        change: Tensor = self.second(silu(self.first(silu(x))))
        return x + change


def _damping(blocks: Sequence[int]) -> float:
    return 1 / math.sqrt(max(1, sum(blocks)))


def _halving(inputs: int, outputs: int) -> nn.Module:
    return nn.Conv2d(inputs, outputs, 4, 2, padding=1)


def _doubling(inputs: int, outputs: int) -> nn.Module:
    return nn.ConvTranspose2d(inputs, outputs, 4, 2, padding=1)
