"""The networks of the variational autoencoders, and the likelihood their configs name.

With classes (a conditional VAE: Sohn, Lee and Yan 2015) a label is joined, as a one-hot vector, to what the encoder's
last layer and the decoder's first one see: what it adds there is a row of an embedding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from zoo.nn import (
    Bernoulli,
    Decoder,
    DiagonalGaussian,
    DiscretizedLogistic,
    Encoder,
    Gaussian,
    Likelihood,
    PosteriorHead,
    class_rows,
    downsampling,
    joined,
    upsampling,
)
from zoo_vae.configs import ConvVAEConfig, MLPVAEConfig, ResVAEConfig

__all__ = ["ConvDecoder", "ConvEncoder", "MLPDecoder", "MLPEncoder", "ResDecoder", "ResEncoder", "likelihood"]


def likelihood(config: ConvVAEConfig | MLPVAEConfig | ResVAEConfig) -> Likelihood:
    """The likelihood a config names; the scale is one for each channel."""
    if config.likelihood == "bernoulli":
        return Bernoulli()
    shape = (config.channels, 1, 1)
    if config.likelihood == "gaussian":
        return Gaussian(shape, sd=config.scale, learned=config.learned_scale)
    return DiscretizedLogistic(shape, scale=config.scale, learned=config.learned_scale)


def _head(inputs: int, config: ConvVAEConfig | MLPVAEConfig | ResVAEConfig) -> PosteriorHead:
    return PosteriorHead(inputs, config.latent_size, num_classes=config.num_classes, point=config.posterior == "point")


class ConvEncoder(Encoder):
    """Pictures (N, C, S, S) in [0, 1] -> posteriors over (N, latent_size)."""

    def __init__(self, config: ConvVAEConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (config.channels, config.image_size, config.image_size)
        self.num_classes = config.num_classes or None
        layers: list[nn.Module] = []
        width, side = config.channels, config.image_size
        for target, stride in zip(config.encoder_widths, config.encoder_strides, strict=True):
            layers += [nn.Conv2d(width, target, 3, stride, padding=1), nn.ReLU(inplace=True)]
            width, side = target, side // stride
        self.body = nn.Sequential(*layers)
        self.hidden = nn.Sequential(nn.Linear(width * side * side, config.hidden), nn.ReLU(inplace=True))
        self.head = _head(config.hidden, config)
        _glorot(self)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        """Map pictures (N, C, S, S), and labels (N,) where there are classes, to posteriors."""
        posterior: DiagonalGaussian = self.head(self.hidden(self.body(x).flatten(1)), labels)
        return posterior


class ConvDecoder(Decoder):
    """Latents (N, latent_size) -> one number a value of the picture, (N, C, S, S)."""

    mixes_labels = True

    def __init__(self, config: ConvVAEConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (config.channels, config.image_size, config.image_size)
        self.num_classes = config.num_classes or None
        side = config.image_size >> len(config.decoder_widths)
        self.stem_shape = (config.decoder_stem, side, side)
        self.stem = nn.Linear(config.latent_size, config.decoder_stem * side * side)
        self.class_stem = class_rows(config.num_classes, config.decoder_stem * side * side)
        layers: list[nn.Module] = [nn.ReLU(inplace=True)]
        width = config.decoder_stem
        for target in config.decoder_widths:
            layers += [nn.ConvTranspose2d(width, target, 3, 2, padding=1, output_padding=1), nn.ReLU(inplace=True)]
            width = target
        self.body = nn.Sequential(*layers)
        self.head = nn.Conv2d(width, config.channels, 3, padding=1)
        _glorot(self)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents (N, latent_size), and labels (N,) where there are classes, to (N, C, S, S)."""
        stem = joined(self.stem(z), self.class_stem, labels).view(-1, *self.stem_shape)
        x: Tensor = self.head(self.body(stem.contiguous(memory_format=torch.channels_last)))
        return x


class ResEncoder(Encoder):
    """Pictures (N, C, S, S) in [0, 1] -> posteriors over (N, latent_size)."""

    def __init__(self, config: ResVAEConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (config.channels, config.image_size, config.image_size)
        self.num_classes = config.num_classes or None
        self.body = downsampling(config.channels, config.widths, config.blocks, patch=config.patch)
        side = config.image_size >> config.halvings
        self.head = _head(config.widths[-1] * side * side, config)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        """Map pictures (N, C, S, S), and labels (N,) where there are classes, to posteriors."""
        posterior: DiagonalGaussian = self.head(self.body(x * 2 - 1).flatten(1), labels)
        return posterior


class ResDecoder(Decoder):
    """Latents (N, latent_size) -> one number a value of the picture, (N, C, S, S)."""

    mixes_labels = True

    def __init__(self, config: ResVAEConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (config.channels, config.image_size, config.image_size)
        self.num_classes = config.num_classes or None
        blocks = config.decoder_blocks or config.blocks
        side = config.image_size >> config.halvings
        self.stem_shape = (config.widths[-1], side, side)
        self.stem = nn.Linear(config.latent_size, config.widths[-1] * side * side)
        self.class_stem = class_rows(config.num_classes, config.widths[-1] * side * side)
        self.body, self.head = upsampling(config.channels, config.widths, blocks, patch=config.patch)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents (N, latent_size), and labels (N,) where there are classes, to (N, C, S, S)."""
        stem = joined(self.stem(z), self.class_stem, labels).view(-1, *self.stem_shape)
        x: Tensor = self.head(self.body(stem.contiguous(memory_format=torch.channels_last)))
        return x


class MLPEncoder(Encoder):
    """Pictures (N, C, S, S) in [0, 1] -> posteriors over (N, latent_size)."""

    def __init__(self, config: MLPVAEConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (config.channels, config.image_size, config.image_size)
        self.num_classes = config.num_classes or None
        self.body = _dense((math.prod(self.data_shape), *config.hidden))
        self.head = _head(config.hidden[-1], config)
        _glorot(self)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        """Map pictures (N, C, S, S), and labels (N,) where there are classes, to posteriors."""
        posterior: DiagonalGaussian = self.head(self.body(x.flatten(1)), labels)
        return posterior


class MLPDecoder(Decoder):
    """Latents (N, latent_size) -> one number a value of the picture, (N, C, S, S)."""

    mixes_labels = True

    def __init__(self, config: MLPVAEConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (config.channels, config.image_size, config.image_size)
        self.num_classes = config.num_classes or None
        self.body = _dense((config.latent_size, *reversed(config.hidden)))
        self.class_stem = class_rows(config.num_classes, config.hidden[-1])
        self.head = nn.Linear(config.hidden[0], math.prod(self.data_shape))
        _glorot(self)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents (N, latent_size), and labels (N,) where there are classes, to (N, C, S, S)."""
        first, *rest = self.body
        x = joined(first(z), self.class_stem, labels)
        for layer in (*rest, self.head):
            x = layer(x)
        return x.view(-1, *self.data_shape)


def _dense(widths: Sequence[int]) -> nn.Sequential:
    """A dense layer and a ReLU from each width to the next."""
    pairs = [(nn.Linear(inputs, outputs), nn.ReLU(inplace=True)) for inputs, outputs in pairwise(widths)]
    return nn.Sequential(*(layer for pair in pairs for layer in pair))


def _glorot(network: nn.Module) -> None:
    """Uniform weights by Glorot and Bengio 2010, equation 16, and biases of 0: the start the book's framework has."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
