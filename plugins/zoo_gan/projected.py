"""Projected GAN: a light generator against a discriminator that looks through a frozen network.

Sauer et al. 2021, arXiv:2111.01007, with the generator of FastGAN (Liu et al. 2021, arXiv:2101.04775) made small. With
classes its batch norms are conditional, and the discriminator's heads project.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.images import UpsamplingStack
from zoo.nn import Generator
from zoo_gan.configs import ProjectedGANConfig

__all__ = ["ProjectedGANGenerator"]


class ProjectedGANGenerator(Generator):
    """z (N, latent_size), labels (N,) if any -> pictures (N, C, S, S) in [-1, 1]. Of z only the direction counts."""

    prior = "normal"

    def __init__(self, config: ProjectedGANConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (config.channels, config.image_size, config.image_size)
        self.num_classes = config.num_classes or None
        self.body = UpsamplingStack(config.latent_size, config.generator_widths, config.channels, self.num_classes)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map z (N, latent_size), and labels (N,) where there are classes, to pictures (N, C, S, S)."""
        on_sphere = F.normalize(z, dim=1) * z.shape[1] ** 0.5
        return torch.tanh(self.body(on_sphere, labels))
