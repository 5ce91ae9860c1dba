"""The networks of the VAE-GAN (Larsen et al. 2016, arXiv:1512.09300): its decoder plays against a discriminator too."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.images import UpsamplingStack
from zoo.nn import Decoder, DiagonalGaussian, Encoder, Gaussian, Likelihood
from zoo_vae.configs import VAEGANConfig
from zoo_vae.networks import Head

__all__ = ["VAEGANDecoder", "VAEGANEncoder", "likelihood"]

SLOPE = 0.2


class VAEGANEncoder(Encoder):
    """Pictures (N, C, S, S) in [0, 1] -> posteriors over (N, latent_size): strided convolutions, batch norm, a head."""

    def __init__(self, config: VAEGANConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (config.channels, config.image_size, config.image_size)
        self.num_classes = config.num_classes or None
        layers: list[nn.Module] = []
        width: int = config.channels
        side: int = config.image_size
        for target in config.encoder_widths:
            layers += [nn.Conv2d(width, target, 4, 2, 1, bias=False), nn.BatchNorm2d(target)]
            layers += [nn.LeakyReLU(SLOPE, inplace=True)]
            width, side = target, side // 2
        self.body = nn.Sequential(*layers)
        self.head = Head(width * side * side, config.latent_size, num_classes=config.num_classes)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        """Map pictures (N, C, S, S), and labels (N,) where there are classes, to posteriors."""
        posterior: DiagonalGaussian = self.head(self.body(x * 2 - 1).flatten(1), labels)
        return posterior


class VAEGANDecoder(Decoder):
    """Latents (N, latent_size) -> the mean of a Gaussian, (N, C, S, S) in [0, 1]."""

    def __init__(self, config: VAEGANConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (config.channels, config.image_size, config.image_size)
        self.num_classes = config.num_classes or None
        self.body = UpsamplingStack(config.latent_size, config.decoder_widths, config.channels, self.num_classes)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents (N, latent_size), and labels (N,) where there are classes, to (N, C, S, S)."""
        return (torch.tanh(self.body(z, labels)) + 1) / 2


def likelihood(config: VAEGANConfig) -> Likelihood:
    """A Gaussian of fixed width around each value."""
    return Gaussian((config.channels, 1, 1), sd=config.scale)
