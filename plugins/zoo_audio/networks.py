"""The networks of the VAE of spectrograms: sound goes in and comes out, spectrograms are what is learnt."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.nn import (
    Decoder,
    DiagonalGaussian,
    Encoder,
    Gaussian,
    Likelihood,
    PosteriorHead,
    class_rows,
    downsampling,
    joined,
    upsampling,
)
from zoo_audio.configs import SpectrogramVAEConfig
from zoo_audio.spectrogram import from_spectrogram, log_spectrogram

__all__ = ["SpectrogramDecoder", "SpectrogramEncoder", "likelihood"]


class SpectrogramEncoder(Encoder):
    """Sounds (N, 1, T) in [0, 1] -> posteriors over (N, latent_size)."""

    def __init__(self, config: SpectrogramVAEConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (1, config.length)
        self.num_classes = config.num_classes or None
        self.steps = (config.n_fft, config.hop)
        self.body = downsampling(1, config.widths, config.blocks)
        width, height, length = _smallest(config)
        self.head = PosteriorHead(
            width * height * length,
            config.latent_size,
            num_classes=config.num_classes,
            point=config.posterior == "point",
        )

    def forward(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        """Map sounds (N, 1, T), and labels (N,) where there are classes, to posteriors."""
        with torch.autocast(x.device.type, enabled=False):
            seen = log_spectrogram(x, *self.steps) * 2 - 1
        seen = seen.to(self.head.mean.weight.dtype).contiguous(memory_format=torch.channels_last)
        posterior: DiagonalGaussian = self.head(self.body(seen).flatten(1), labels)
        return posterior


class SpectrogramDecoder(Decoder):
    """Latents (N, latent_size) -> log spectrograms (N, 1, F, L)."""

    mixes_labels = True
    chunk = 4  # finding the phases takes longer than the network, for rows that only fill a chunk up, too

    def __init__(self, config: SpectrogramVAEConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (1, config.length)
        self.num_classes = config.num_classes or None
        self.stem_shape = _smallest(config)
        width, height, length = self.stem_shape
        self.stem = nn.Linear(config.latent_size, width * height * length)
        self.class_stem = class_rows(config.num_classes, width * height * length)
        self.body, self.head = upsampling(1, config.widths, config.blocks)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents (N, latent_size), and labels (N,) where there are classes, to (N, 1, F, L)."""
        stem = joined(self.stem(z), self.class_stem, labels).view(-1, *self.stem_shape)
        x: Tensor = self.head(self.body(stem.contiguous(memory_format=torch.channels_last)))
        return x


class _OfSpectrograms(Gaussian):
    """Locations (…, N, 1, F, L) -> each value of a sound's log spectrogram is N(location, sd^2), one sd a frequency."""

    def __init__(self, config: SpectrogramVAEConfig) -> None:
        super().__init__((1, config.frequencies, 1), sd=config.scale, learned=True)
        self.parameters_shape = (1, config.frequencies, config.frames)
        self.dimensions = config.frequencies * config.frames
        self.steps = (config.n_fft, config.hop)

    def forward(self, parameters: Tensor, x: Tensor) -> Tensor:
        values: Tensor = super().forward(parameters, log_spectrogram(x, *self.steps))
        return values

    def mean(self, parameters: Tensor) -> Tensor:
        """The sound whose spectrogram is nearest to the locations, as far as phases can be found: (…, N, 1, T)."""
        sounds = from_spectrogram(parameters.flatten(0, -4), *self.steps)
        return sounds.view(*parameters.shape[:-3], *sounds.shape[1:])


def likelihood(config: SpectrogramVAEConfig) -> Likelihood:
    """Gaussian, of the log spectrogram."""
    return _OfSpectrograms(config)


def _smallest(config: SpectrogramVAEConfig) -> tuple[int, int, int]:
    halvings = len(config.widths)
    return config.widths[-1], config.frequencies >> halvings, config.frames >> halvings
