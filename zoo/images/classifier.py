"""A classifier of real pictures, which says what samples of a class show: a judge that no generator has seen."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.data.decoded import Decoded, cached, content_key, fingerprint
from zoo.data.modality import Labelled
from zoo.errors import DataError
from zoo.images.probes import fitted
from zoo.nn.sampling import in_chunks
from zoo.nn.torch_state import own_random

__all__ = ["PictureClassifier", "fit_classifier"]

VERSION = 1  # raised when the network or its fit changes, so that none of before is read
STEM, WIDTHS = 16, (32, 64, 128)
EPOCHS = 12
SMOOTHING = 0.1


@dataclass(frozen=True, kw_only=True)
class PictureClassifier:
    """Tells the classes of pictures (N, C, H, W) in [0, 1] apart; `accuracy` is that on the held-out ones."""

    network: nn.Module
    accuracy: float

    def classify(self, x: Tensor) -> Tensor:
        """The class of each of x (N, C, H, W) in [0, 1]: (N,) int64."""
        return _classes(self.network, x)


def fit_classifier(
    train: Labelled, held_out: Labelled, num_classes: int, *, seed: int = 0, cache_dir: Path | None = None
) -> PictureClassifier:
    """Fit a convolutional classifier to (pictures (N, C, H, W) uint8, labels (N,) from 0 to `num_classes` - 1).

    Seven 3x3 convolutions with batch norm, by cross-entropy with smoothed labels. The same seed gives the same one; it
    is kept below `cache_dir` under the sha256 of the pictures, and taken from there. Raises DataError for labels that
    do not fit.
    """
    for what, (x, y) in {"training": train, "held-out": held_out}.items():
        if len(x) == 0 or y.shape != x.shape[:1] or not 0 <= int(y.min()) <= int(y.max()) < num_classes:
            raise DataError(f"{what} pictures {tuple(x.shape)} need labels (N,) from 0 to {num_classes - 1}")
    build = partial(_Network, train[0].shape[1], num_classes)
    key = content_key(
        classifier=VERSION, classes=num_classes, seed=seed, examples=fingerprint({"x": train[0], "y": train[1]})
    )

    def fit() -> Decoded:
        network = fitted(build, partial(F.cross_entropy, label_smoothing=SMOOTHING), train, epochs=EPOCHS, seed=seed)
        return Decoded(tensors=network.state_dict())

    with own_random(seed):  # what is filled at once uses up no random numbers
        network = build()
    network.load_state_dict(dict(cached(cache_dir, key, fit).tensors))
    network.eval().requires_grad_(False)
    right = _classes(network, held_out[0].float() / 255) == held_out[1]
    return PictureClassifier(network=network, accuracy=float(right.double().mean()))


@torch.inference_mode()
def _classes(network: nn.Module, x: Tensor) -> Tensor:
    return in_chunks(lambda rows, _: network(rows).argmax(1), x, None)


@final
class _Network(nn.Module):
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
