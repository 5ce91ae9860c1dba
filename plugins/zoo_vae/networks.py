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

from zoo.nn import Bernoulli, Decoder, DiagonalGaussian, DiscretizedLogistic, Encoder, Gaussian, Likelihood
from zoo_vae.configs import ConvVAEConfig, MLPVAEConfig, ResVAEConfig

__all__ = ["ConvDecoder", "ConvEncoder", "Head", "MLPDecoder", "MLPEncoder", "ResDecoder", "ResEncoder", "likelihood"]

LOG_VAR = (-14.0, 6.0)  # what exp() of a float32 squared error can bear; a posterior never needs more
POINT = -14.0  # the log variance of a posterior that stands for a point


def likelihood(config: ConvVAEConfig | MLPVAEConfig | ResVAEConfig) -> Likelihood:
    """The likelihood a config names; the scale is one for each channel."""
    if config.likelihood == "bernoulli":
        return Bernoulli()
    shape = (config.channels, 1, 1)
    if config.likelihood == "gaussian":
        return Gaussian(shape, sd=config.scale, learned=config.learned_scale)
    return DiscretizedLogistic(shape, scale=config.scale, learned=config.learned_scale)


def _rows(num_classes: int, width: int) -> nn.Embedding | None:
    """A vector (width,) for each class: the columns of a dense layer that its one-hot input would meet."""
    if not num_classes:
        return None
    rows = nn.Embedding(num_classes, width)
    nn.init.xavier_uniform_(rows.weight)
    return rows


def _joined(x: Tensor, rows: nn.Embedding | None, labels: Tensor | None) -> Tensor:
    """What a dense layer gave, x (N, width), as if labels (N,) had stood beside its input."""
    return x if rows is None else x + rows(labels)


class Head(nn.Module):
    """Features (N, inputs) -> posteriors over (N, latent_size); a point posterior has no log variance to learn."""

    def __init__(self, inputs: int, latent_size: int, *, num_classes: int = 0, point: bool = False) -> None:
        super().__init__()
        self.mean = nn.Linear(inputs, latent_size)
        self.log_var = None if point else nn.Linear(inputs, latent_size)
        self.class_mean = _rows(num_classes, latent_size)
        self.class_log_var = None if point else _rows(num_classes, latent_size)

    def forward(self, features: Tensor, labels: Tensor | None) -> DiagonalGaussian:
        mean = _joined(self.mean(features), self.class_mean, labels)
        if self.log_var is None:
            return DiagonalGaussian(mean, torch.full_like(mean, POINT))
        log_var = _joined(self.log_var(features), self.class_log_var, labels)
        return DiagonalGaussian(mean, log_var.clamp(*LOG_VAR))


def _head(inputs: int, config: ConvVAEConfig | MLPVAEConfig | ResVAEConfig) -> Head:
    return Head(inputs, config.latent_size, num_classes=config.num_classes, point=config.posterior == "point")


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

    def __init__(self, config: ConvVAEConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (config.channels, config.image_size, config.image_size)
        self.num_classes = config.num_classes or None
        side = config.image_size >> len(config.decoder_widths)
        self.stem_shape = (config.decoder_stem, side, side)
        self.stem = nn.Linear(config.latent_size, config.decoder_stem * side * side)
        self.class_stem = _rows(config.num_classes, config.decoder_stem * side * side)
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
        stem = _joined(self.stem(z), self.class_stem, labels).view(-1, *self.stem_shape)
        x: Tensor = self.head(self.body(stem.contiguous(memory_format=torch.channels_last)))
        return x


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


def _halving(inputs: int, outputs: int) -> nn.Module:
    return nn.Conv2d(inputs, outputs, 4, 2, padding=1)


def _doubling(inputs: int, outputs: int) -> nn.Module:
    return nn.ConvTranspose2d(inputs, outputs, 4, 2, padding=1)


class ResEncoder(Encoder):
    """Pictures (N, C, S, S) in [0, 1] -> posteriors over (N, latent_size)."""

    def __init__(self, config: ResVAEConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (config.channels, config.image_size, config.image_size)
        self.num_classes = config.num_classes or None
        first = config.widths[0]
        stem = _halving(config.channels, first) if config.patch == 2 else nn.Conv2d(config.channels, first, 3, 1, 1)
        layers: list[nn.Module] = [stem]
        damping = 1 / math.sqrt(max(1, sum(config.blocks)))
        for index, (width, count) in enumerate(zip(config.widths, config.blocks, strict=True)):
            if index:
                layers += [nn.SiLU(), _halving(config.widths[index - 1], width)]
            layers += [_Residual(width, damping) for _ in range(count)]
        self.body = nn.Sequential(*layers, nn.SiLU())
        side = config.image_size >> config.halvings
        self.head = _head(config.widths[-1] * side * side, config)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        """Map pictures (N, C, S, S), and labels (N,) where there are classes, to posteriors."""
        posterior: DiagonalGaussian = self.head(self.body(x * 2 - 1).flatten(1), labels)
        return posterior


class ResDecoder(Decoder):
    """Latents (N, latent_size) -> one number a value of the picture, (N, C, S, S)."""

    def __init__(self, config: ResVAEConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (config.channels, config.image_size, config.image_size)
        self.num_classes = config.num_classes or None
        blocks = config.decoder_blocks or config.blocks
        side = config.image_size >> config.halvings
        self.stem_shape = (config.widths[-1], side, side)
        self.stem = nn.Linear(config.latent_size, config.widths[-1] * side * side)
        self.class_stem = _rows(config.num_classes, config.widths[-1] * side * side)
        layers: list[nn.Module] = []
        damping = 1 / math.sqrt(max(1, sum(blocks)))
        for index in reversed(range(len(config.widths))):
            layers += [_Residual(config.widths[index], damping) for _ in range(blocks[index])]
            if index:
                layers += [nn.SiLU(), _doubling(config.widths[index], config.widths[index - 1])]
        self.body = nn.Sequential(*layers, nn.SiLU())
        first = config.widths[0]
        self.head = (
            _doubling(first, config.channels) if config.patch == 2 else nn.Conv2d(first, config.channels, 3, 1, 1)
        )

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents (N, latent_size), and labels (N,) where there are classes, to (N, C, S, S)."""
        stem = _joined(self.stem(z), self.class_stem, labels).view(-1, *self.stem_shape)
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

    def __init__(self, config: MLPVAEConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (config.channels, config.image_size, config.image_size)
        self.num_classes = config.num_classes or None
        self.body = _dense((config.latent_size, *reversed(config.hidden)))
        self.class_stem = _rows(config.num_classes, config.hidden[-1])
        self.head = nn.Linear(config.hidden[0], math.prod(self.data_shape))
        _glorot(self)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents (N, latent_size), and labels (N,) where there are classes, to (N, C, S, S)."""
        first, *rest = self.body
        x = _joined(first(z), self.class_stem, labels)
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
