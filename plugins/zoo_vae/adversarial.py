"""The networks of the VAE-GAN (Larsen et al. 2016, arXiv:1512.09300): its decoder plays against a discriminator too."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.images import UpsamplingStack
from zoo.nn import Decoder, Gaussian, Likelihood
from zoo_vae.configs import ResVAEConfig, VAEGANConfig
from zoo_vae.networks import ResEncoder

__all__ = ["VAEGANDecoder", "VAEGANEncoder", "likelihood"]


class VAEGANEncoder(ResEncoder):
    """Pictures (N, C, S, S) in [0, 1] -> posteriors over (N, latent_size), by residual blocks without a norm.

    With strided convolutions and batch norm in their place reconstructions are twice as long in coming.
    """

    def __init__(self, config: VAEGANConfig) -> None:
        super().__init__(
            ResVAEConfig(
                image_size=config.image_size,
                channels=config.channels,
                latent_size=config.latent_size,
                num_classes=config.num_classes,
                widths=config.encoder_widths,
                blocks=(1,) * len(config.encoder_widths),
            )
        )


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
