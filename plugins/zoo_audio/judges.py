"""The judges of sound: a classifier of real recordings, and probes of one property."""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path
from typing import final

import torch
from torch import Generator, Tensor, nn

from zoo.data import Labelled
from zoo.training import FittedClassifier, JudgeDesign, Probe, fit_classifier, fit_probe
from zoo_audio.spectrogram import log_spectrogram

__all__ = ["sound_classifier", "sound_probe"]

STEM, WIDTHS = 8, (16, 32, 64)
STEPS = (256, 128)  # values of a window, and from one to the next
EPOCHS = 15
NAME = "seven 3x3 convolutions of log spectrograms with batch norm"
LEVELS = 1 << 16
SHIFT = 0.08  # share of the length by which a sound is moved, at most
GAIN = 0.7  # a sound is made louder or softer by up to exp of it
NOISE = 0.01  # standard deviation of the loudest noise that is added


def sound_classifier(
    train: Labelled, held_out: Labelled, num_classes: int, *, seed: int = 0, cache_dir: Path | None = None
) -> FittedClassifier:
    """Seven 3x3 convolutions with batch norm on log spectrograms, of int16 (N, 1, T); the rest as `fit_classifier`."""
    return fit_classifier(train, held_out, num_classes, _design(num_classes), seed=seed, cache_dir=cache_dir)


def sound_probe(train: Labelled, held_out: Labelled, *, seed: int = 0) -> Probe:
    """The same network, with one output; the rest as `fit_probe`."""
    return fit_probe(train, held_out, _design(None), seed=seed)


def _design(num_classes: int | None) -> JudgeDesign:
    return JudgeDesign(build=partial(_Network, num_classes), values=_values, varied=_varied, epochs=EPOCHS, name=NAME)


@final
class _Network(nn.Module):
    """Sounds (N, 1, T) in [0, 1] -> logits (N, num_classes), or (N,) where there are no classes."""

    def __init__(self, num_classes: int | None) -> None:
        super().__init__()
        self.num_classes = num_classes
        layers = [_unit(1, STEM)]
        for inputs, outputs in itertools.pairwise((STEM, *WIDTHS)):
            layers += [_unit(inputs, outputs), nn.MaxPool2d(2), _unit(outputs, outputs)]
        self.body = nn.Sequential(nn.AvgPool2d((2, 1)), *layers)
        self.last = nn.Linear(2 * WIDTHS[-1] * 8, num_classes or 1)

    def forward(self, x: Tensor) -> Tensor:
        seen = self.body(2 * log_spectrogram(x, *STEPS) - 1)  # where in time does not matter, which frequency does
        rows = nn.functional.adaptive_avg_pool2d(seen, (8, 1)), nn.functional.adaptive_max_pool2d(seen, (8, 1))
        logits: Tensor = self.last(torch.cat(rows, dim=1).flatten(1))
        return logits if self.num_classes else logits[:, 0]


def _unit(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


def _values(stored: Tensor) -> Tensor:
    return (stored.float() + LEVELS // 2) / LEVELS


def _varied(stored: Tensor, random: Generator) -> Tensor:
    """Moved in time, louder or softer, and with noise: what is said stays the same."""
    x, length = _values(stored) - 0.5, stored.shape[-1]
    most = round(SHIFT * length)
    steps = torch.randint(-most, most + 1, (len(x),), generator=random)
    at = torch.arange(length) - steps[:, None]
    inside = (at >= 0) & (at < length)
    moved = x[:, 0].gather(1, at.clamp(0, length - 1)) * inside
    gain = torch.exp((torch.rand(len(x), 1, generator=random) * 2 - 1) * GAIN)
    noise = torch.randn(moved.shape, generator=random) * torch.rand(len(x), 1, generator=random) ** 3 * NOISE
    return (moved * gain + noise + 0.5).clamp(0, 1)[:, None]
