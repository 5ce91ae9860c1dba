"""Projected GAN: a light generator against a discriminator that looks through a frozen network.

The generator is that of FastGAN (Liu et al. 2021, arXiv:2101.04775) as Sauer et al. 2021, arXiv:2111.01007, have it,
made small. With classes its batch norms are conditional, and the discriminator's heads project.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.nn import Generator, ProjectedDiscriminator
from zoo_gan.conditional import ConditionalNorm
from zoo_gan.configs import ProjectedGANConfig

__all__ = ["ProjectedGANGenerator", "discriminator"]

BASE = 4  # pixels a side of the first map


class ProjectedGANGenerator(Generator):
    """z (N, latent_size), labels (N,) if any -> pictures (N, C, S, S) in [-1, 1]. Of z only the direction counts."""

    prior = "normal"

    def __init__(self, config: ProjectedGANConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (config.channels, config.image_size, config.image_size)
        self.num_classes = config.num_classes or None
        widths = config.generator_widths
        self.stem = nn.Linear(config.latent_size, 2 * widths[0] * BASE**2, bias=False)
        self.stem_norm = _norm(2 * widths[0], config.num_classes)
        self.stages = nn.ModuleList(
            _Stage(inputs, outputs, config.num_classes) for inputs, outputs in itertools.pairwise(widths)
        )
        self.excitation = nn.Sequential(
            nn.Conv2d(widths[0], widths[-1], BASE, bias=False),
            nn.SiLU(),
            nn.Conv2d(widths[-1], widths[-1], 1, bias=False),
            nn.Sigmoid(),
        )
        self.head = nn.Conv2d(widths[-1], config.channels, 3, padding=1)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.normal_(module.weight, 0.0, 0.02)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map z (N, latent_size), and labels (N,) where there are classes, to pictures (N, C, S, S)."""
        z = F.normalize(z, dim=1) * z.shape[1] ** 0.5
        stem = self.stem(z).view(len(z), -1, BASE, BASE).contiguous(memory_format=torch.channels_last)
        first = _gated(_normed(self.stem_norm, stem, labels))
        x = first
        for stage in self.stages:
            x = stage(x, labels)
        x = self.head(x * self.excitation(first))
        return torch.tanh(x)


class _Stage(nn.Module):
    """Nearest neighbours to twice the side, 3x3 convolution, batch norm, gated linear unit."""

    def __init__(self, inputs: int, outputs: int, num_classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 2 * outputs, 3, padding=1, bias=False)
        self.norm = _norm(2 * outputs, num_classes)

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        x = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return _gated(_normed(self.norm, x, labels))


def discriminator(config: ProjectedGANConfig) -> ProjectedDiscriminator:
    """One head for each map of the feature network that the config names."""
    return ProjectedDiscriminator(
        (config.channels, config.image_size, config.image_size),
        config.num_classes or None,
        features=config.features,
        size=config.features_size,
        map_channels=config.map_channels,
        strides=config.map_strides,
        width=config.mixing_width,
    )


def _norm(width: int, num_classes: int) -> nn.Module:
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
