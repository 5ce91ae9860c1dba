"""The judges of pictures: a classifier of their classes, and probes of one property."""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path
from typing import final

import torch
from torch import Generator, Tensor, nn

from zoo.data.draws import Draws
from zoo.data.modality import Labelled
from zoo.errors import DataError
from zoo.images.augment import flip, translation
from zoo.training.judging import FittedClassifier, JudgeDesign, Logit, Probe, fit_classifier, fit_probe

__all__ = ["picture_classifier", "picture_probe"]

STEM, WIDTHS = 16, (48, 96, 192)  # channels of the classifier
PROBE_WIDTHS = (24, 48, 96)
EPOCHS, PROBE_EPOCHS = 12, 8
CLASSIFIER = "seven 3x3 convolutions of 16 to 192 channels with batch norm"
PROBE = "three strided 4x4 convolutions of 24 to 96 channels with batch norm"


def picture_classifier(
    train: Labelled, held_out: Labelled, num_classes: int, *, seed: int = 0, cache_dir: Path | None = None
) -> FittedClassifier:
    """Seven 3x3 convolutions with batch norm, of pictures (N, C, H, W) uint8; the rest as `fit_classifier`."""
    build = partial(_Classifier, train[0].shape[1], num_classes)
    design = JudgeDesign(build=build, values=_values, varied=_moved, epochs=EPOCHS, name=CLASSIFIER, version=2)
    return fit_classifier(train, held_out, num_classes, design, seed=seed, cache_dir=cache_dir)


def picture_probe(train: Labelled, held_out: Labelled, *, seed: int = 0) -> Probe:
    """Three strided convolutions and a linear layer, of pictures (N, C, H, W) uint8; the rest as `fit_probe`."""
    for x, _ in (train, held_out):
        if x.ndim != 4 or x.dtype != torch.uint8:
            raise DataError(f"pictures are uint8 (N, C, H, W), not {x.dtype} {tuple(x.shape)}")
    build = partial(_probe, train[0].shape[1])
    design = JudgeDesign(build=build, values=_values, varied=_varied, epochs=PROBE_EPOCHS, name=PROBE)
    return fit_probe(train, held_out, design, seed=seed)


@final
class _Classifier(nn.Module):
    """Pictures (N, channels, H, W) in [0, 1] -> logits (N, num_classes): three stages that halve the side."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        layers = [_unit(channels, STEM)]
        for inputs, outputs in itertools.pairwise((STEM, *WIDTHS)):
            layers += [_unit(inputs, outputs), nn.MaxPool2d(2), _unit(outputs, outputs)]
        self.body = nn.Sequential(*layers)
        self.last = nn.Linear(WIDTHS[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.last(self.body(2 * x - 1).amax((2, 3)))
        return logits


def _unit(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


def _probe(channels: int) -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs in zip((channels, *PROBE_WIDTHS), PROBE_WIDTHS, strict=False):
        layers += [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Dropout(0.4), Logit(16 * PROBE_WIDTHS[-1]))


def _values(stored: Tensor) -> Tensor:
    return stored.float() / 255


def _varied(stored: Tensor, random: Generator) -> Tensor:
    """Mirrored and blurred at random: what a decoder gives is softer than what is real, and a judge that takes softness
    for a sign would mislead.
    """
    rows = flip(_values(stored), Draws(random))
    return _blurred(rows.contiguous(memory_format=torch.channels_last), random)  # a quarter faster


def _moved(stored: Tensor, random: Generator) -> Tensor:
    """The same, and moved by up to an eighth of the side, as classes do not change by it."""
    rows = translation(2 * _varied(stored, random) - 1, Draws(random))
    return ((rows + 1) / 2).contiguous(memory_format=torch.channels_last)


def _blurred(x: Tensor, random: Generator) -> Tensor:
    """Each picture between itself and its 5x5 binomial blur, by a share drawn from U(0, 1)."""
    row = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    kernel = (row[:, None] * row).expand(x.shape[1], 1, 5, 5)
    padded = nn.functional.pad(x, (2, 2, 2, 2), mode="replicate")
    soft = nn.functional.conv2d(padded, kernel, groups=x.shape[1])
    return torch.lerp(x, soft, torch.rand(len(x), 1, 1, 1, generator=random))
