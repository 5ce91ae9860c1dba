"""The networks of the GAN of spectrograms: they learn without phases, which are found when a sound is asked for."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.images import UpsamplingStack, projected_discriminator
from zoo.nn import Discriminator, Generator
from zoo_audio.configs import SpectrogramGANConfig
from zoo_audio.spectrogram import from_spectrogram, log_spectrogram

__all__ = ["SpectrogramDiscriminator", "SpectrogramGenerator"]

POOLED = 4  # values a side of a square that is averaged for the last head
NARROW, SLOPE = 32, 0.2


class SpectrogramGenerator(Generator):
    """z (N, latent_size), labels (N,) if any -> sounds (N, 1, T) in [-1, 1]; its drafts are their log spectrograms.

    Of z only the direction counts.
    """

    prior = "normal"
    chunk = 4  # finding the phases takes longer than the network

    def __init__(self, config: SpectrogramGANConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (1, config.length)
        self.num_classes = config.num_classes or None
        self.steps = (config.n_fft, config.hop)
        self.body = UpsamplingStack(config.latent_size, config.widths, 1, self.num_classes)

    def draft(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Log spectrograms (N, 1, F, L), 0 for silence and 1 for the loudest sine."""
        on_sphere = F.normalize(z, dim=1) * z.shape[1] ** 0.5
        return torch.sigmoid(self.body(on_sphere, labels))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map z (N, latent_size), and labels (N,) where there are classes, to sounds (N, 1, T) by Griffin-Lim."""
        return from_spectrogram(self.draft(z, labels), *self.steps) * 2 - 1


class SpectrogramDiscriminator(Discriminator):
    """Sounds (N, 1, T) in [-1, 1], or log spectrograms (N, 1, F, L) -> logits (N,).

    A spectrogram is a picture, and is seen through a frozen network of pictures (Sauer et al. 2021, arXiv:2111.01007).
    That network hardly tells one even grey from another, and silence is even: one more head sees the values themselves,
    averaged over squares of four.
    """

    def __init__(self, config: SpectrogramGANConfig) -> None:
        super().__init__()
        self.data_shape = (1, config.length)
        self.steps = (config.n_fft, config.hop)
        self.eye = projected_discriminator(config)
        self.num_classes = self.eye.num_classes
        self.level = _Level(config.image_size // POOLED, self.num_classes)
        self.trained_against, self.calibration = self.eye.trained_against, self.eye.calibration

    def look(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map sounds (N, 1, T) in [-1, 1], or log spectrograms (N, 1, F, L), to the network's mixed maps, and to means
        of squares (N, 1, F / 4, L / 4).
        """
        x = self._spectrograms(x) * 2 - 1
        return *self.eye.look(x), F.avg_pool2d(x, POOLED)

    def judge(self, seen: tuple[Tensor, ...], labels: Tensor | None = None) -> Tensor:
        """Map what `look` gave, and labels (N,) where there are classes, to a logit for each of it, (N, maps + 1)."""
        return torch.cat([self.eye.judge(seen[:-1], labels), self.level(seen[-1], labels)[:, None]], 1)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map sounds (N, 1, T) or log spectrograms, and labels (N,) where there are classes, to logits (N,)."""
        return self.judge(self.look(x), labels).mean(1)

    def calibrate(self, x: Tensor) -> None:
        """Standardise each channel of the mixed maps on real sounds (N, 1, T) in [-1, 1]."""
        self.eye.calibrate(self._spectrograms(x) * 2 - 1)

    def _spectrograms(self, x: Tensor) -> Tensor:
        if x.ndim == 4:
            return x
        with torch.autocast(x.device.type, enabled=False):
            return log_spectrogram((x.float() + 1) / 2, *self.steps)


@final
class _Level(nn.Module):
    """Maps (N, 1, S, S), S at least 4 -> logits (N,), by convolutions that halve down to 4; classes project."""

    def __init__(self, size: int, num_classes: int | None) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, NARROW, 3, padding=1), nn.LeakyReLU(SLOPE)]
        width = NARROW
        while size > 4:
            layers += [nn.Conv2d(width, 2 * width, 4, 2, 1), nn.LeakyReLU(SLOPE)]
            width, size = 2 * width, size // 2
        self.body = nn.Sequential(*layers)
        self.last = nn.Linear(width * size**2, 1)
        self.projection = None if num_classes is None else nn.Embedding(num_classes, width * size**2)
        if self.projection is not None:
            nn.init.normal_(self.projection.weight, 0.0, 0.02)

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        features = self.body(x).flatten(1)
        logits: Tensor = self.last(features).squeeze(1)
        return logits if self.projection is None else logits + (self.projection(labels) * features).sum(1)
