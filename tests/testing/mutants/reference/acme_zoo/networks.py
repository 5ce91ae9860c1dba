"""The tiny networks: two layers each. The decoder's two inner layers share their weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from acme_zoo.configs import TinyConfig
from zoo.nn import Decoder, DiagonalGaussian, Discriminator, Encoder, Gaussian, Generator


def likelihood(config: TinyConfig) -> Gaussian:
    """Around what the decoder gives, with a learned scale."""
    return Gaussian((config.channels, 1, 1), sd=0.3, learned=True)


class TinyGenerator(Generator):
    """Latents (N, d) -> pictures (N, C, S, S) in [-1, 1]."""

    def __init__(self, config: TinyConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = config.shape
        self.num_classes = None
        self.prior = "normal"
        self.first = nn.Linear(config.latent_size, config.width)
        self.last = nn.Linear(config.width, math.prod(config.shape))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        x = self.last(nn.functional.leaky_relu(self.first(z), 0.2))
        return torch.tanh(x).view(-1, *self.data_shape)


class TinyDiscriminator(Discriminator):
    """Pictures (N, C, S, S) -> logits (N,)."""

    def __init__(self, config: TinyConfig) -> None:
        super().__init__()
        self.data_shape = config.shape
        self.num_classes = None
        self.first = nn.Linear(math.prod(config.shape), config.width)
        self.last = nn.Linear(config.width, 1)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        logits = self.last(nn.functional.leaky_relu(self.first(x.flatten(1)), 0.2))
        return logits.squeeze(1)


class TinyEncoder(Encoder):
    """Pictures (N, C, S, S) -> posteriors over (N, d)."""

    def __init__(self, config: TinyConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = config.shape
        self.first = nn.Linear(math.prod(config.shape), config.width)
        self.last = nn.Linear(config.width, 2 * config.latent_size)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        mean, log_var = self.last(nn.functional.leaky_relu(self.first(x.flatten(1)), 0.2)).chunk(2, dim=1)
        return DiagonalGaussian(mean, log_var)


class TinyDecoder(Decoder):
    """Latents (N, d) -> locations (N, C, S, S)."""

    def __init__(self, config: TinyConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = config.shape
        self.num_classes = None
        self.first = nn.Linear(config.latent_size, config.width)
        self.second, self.third = nn.Linear(config.width, config.width), nn.Linear(config.width, config.width)
        self.third.weight = self.second.weight
        self.last = nn.Linear(config.width, math.prod(config.shape))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        hidden = nn.functional.leaky_relu(self.second(self.first(z)), 0.2)
        x = self.last(nn.functional.leaky_relu(self.third(hidden), 0.2))
        return x.view(-1, *self.data_shape)
