"""Judges: small classifiers of real examples, which say what a model has made of them.

They are fitted to real examples only, never to anything that a model has given, so that they can tell whether a sample
shows its class, and an edited example what it should. A kind of data brings the network and says how examples vary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import final

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from zoo.data.decoded import Decoded, cached, content_key, fingerprint
from zoo.data.modality import Labelled
from zoo.errors import DataError
from zoo.latent.concepts import auc
from zoo.nn.sampling import in_chunks, seeded
from zoo.nn.torch_state import own_random

__all__ = ["FittedClassifier", "JudgeDesign", "Probe", "fit_classifier", "fit_probe"]

BATCH, RATE = 64, 2e-3
SMOOTHING = 0.1  # of a classifier's labels
LEAST = 20  # examples of each side of a property


@dataclass(frozen=True, kw_only=True)
class JudgeDesign:
    """What a kind of data brings to a judge."""

    build: Callable[[], nn.Module]  # a network of values (N, *data_shape) -> logits (N, K), or (N,) of a property
    values: Callable[[Tensor], Tensor]  # stored examples -> what the network takes
    varied: Callable[[Tensor, Generator], Tensor]  # the same, changed at random as nothing is that matters
    epochs: int  # how often it sees each example
    version: int = 1  # raised when the network or its fit changes, so that none of before is read
    name: str = "a classifier"  # what kind of network it is, in a few words, as records have it

    @property
    def told(self) -> str:
        """`three convolutions, 8 epochs, version 1`."""
        return f"{self.name}, {self.epochs} epochs, version {self.version}"


@dataclass(frozen=True, kw_only=True)
class FittedClassifier:
    """Tells the classes of examples apart; `accuracy` is that on the held-out ones."""

    network: nn.Module  # of values -> logits (N, K)
    accuracy: float  # share of the held-out examples told right
    design: str = ""  # what kind of network it is
    sha256: str = ""  # of its weights

    def classify(self, x: Tensor) -> Tensor:
        """The class of each of x (N, *data_shape), as a model gives them: (N,) int64."""
        return _classes(self.network, x)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A classifier of one property; `auc` and `accuracy` are those of the held-out examples."""

    network: nn.Module  # of values -> logits (N,)
    auc: float  # area under the ROC curve
    accuracy: float  # both sides counting the same
    design: str = ""  # what kind of network it is
    sha256: str = ""  # of its weights

    @torch.inference_mode()
    def decide(self, x: Tensor) -> Tensor:
        """Whether each of x (N, *data_shape), as a model gives them, has the property: (N,) bool."""
        return in_chunks(lambda rows, _: self.network(rows), x, None) > 0


def fit_classifier(
    train: Labelled,
    held_out: Labelled,
    num_classes: int,
    design: JudgeDesign,
    *,
    seed: int = 0,
    cache_dir: Path | None = None,
) -> FittedClassifier:
    """Fit the network of `design` to `train`: (stored examples (N, ...), labels (N,) from 0 to `num_classes` - 1).

    By cross-entropy with smoothed labels. The same seed gives the same one; it is kept below `cache_dir` under the
    sha256 of the examples of `train`, and taken from there; its accuracy is measured on `held_out`, and kept too.
    Raises DataError for labels that do not fit.
    """
    for what, (x, y) in {"training": train, "held-out": held_out}.items():
        if len(x) == 0 or y.shape != x.shape[:1] or not 0 <= int(y.min()) <= int(y.max()) < num_classes:
            raise DataError(f"{what} examples {tuple(x.shape)} need labels (N,) from 0 to {num_classes - 1}")
    seen = fingerprint({"x": train[0], "y": train[1]})
    key = content_key(classifier=design.version, classes=num_classes, seed=seed, examples=seen)

    def fit() -> Decoded:
        network = _fitted(design, partial(F.cross_entropy, label_smoothing=SMOOTHING), train, seed=seed)
        return Decoded(tensors=network.state_dict())

    with own_random(seed):  # what is filled at once uses up no random numbers
        network = design.build()
    network.load_state_dict(dict(cached(cache_dir, key, fit).tensors))
    network.eval().requires_grad_(False)
    sha256 = fingerprint(network.state_dict())

    def measure() -> Decoded:
        right = _classes(network, design.values(held_out[0])) == held_out[1]
        return Decoded(tensors={"accuracy": right.double().mean()})

    unseen = fingerprint({"x": held_out[0], "y": held_out[1]})
    measured = cached(cache_dir, content_key(accuracy=sha256, examples=unseen), measure).tensors["accuracy"]
    return FittedClassifier(network=network, accuracy=float(measured), design=design.told, sha256=sha256)


def fit_probe(train: Labelled, held_out: Labelled, design: JudgeDesign, *, seed: int = 0) -> Probe:
    """Fit the network of `design` to `train`: (stored examples (N, ...), labels (N,) 1, 0, or below 0 for unknown).

    By binary cross-entropy, both sides weighted the same; measured on `held_out`. The same seed gives the same probe.
    Raises DataError for fewer than 20 examples of a side in either set.
    """
    x, y = _known(*train, "training")
    held_x, held_y = _known(*held_out, "held-out")
    weight = (y == 0).sum() / (y == 1).sum()

    def loss(logits: Tensor, sides: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, sides.float(), pos_weight=weight)

    network = _fitted(design, loss, (x, y), seed=seed)
    with torch.inference_mode():
        scores = in_chunks(lambda rows, _: network(rows), design.values(held_x), None)
    sides = scores[held_y == 1], scores[held_y == 0]
    accuracy = (float((sides[0] > 0).float().mean()) + float((sides[1] <= 0).float().mean())) / 2
    sha256 = fingerprint(network.state_dict())
    return Probe(network=network, auc=auc(*sides), accuracy=accuracy, design=design.told, sha256=sha256)


@final
class Logit(nn.Linear):
    """Features (N, inputs) -> logits (N,) of a property."""

    def __init__(self, inputs: int) -> None:
        super().__init__(inputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[:, 0]


def _fitted(design: JudgeDesign, loss: Callable[[Tensor, Tensor], Tensor], given: Labelled, *, seed: int) -> nn.Module:
    """Fit what `design` builds, and freeze it; `loss` takes what it gives for a batch, and the batch's labels."""
    (x, y), random = given, seeded(seed)
    steps = design.epochs * (len(x) // BATCH + 1)
    with own_random(seed):  # weights and dropout take the global state
        network = design.build()
        optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
        for _ in range(steps):
            at = torch.randint(len(x), (BATCH,), generator=random)
            rows = design.varied(x[at], random)
            optimizer.zero_grad(set_to_none=True)
            loss(network(rows), y[at]).backward()
            optimizer.step()
            schedule.step()
    return network.eval().requires_grad_(False)


@torch.inference_mode()
def _classes(network: nn.Module, x: Tensor) -> Tensor:
    return in_chunks(lambda rows, _: network(rows).argmax(1), x, None)


def _known(x: Tensor, y: Tensor, what: str) -> Labelled:
    if y.shape != x.shape[:1]:
        raise DataError(f"{what} examples are {tuple(x.shape)} with {tuple(y.shape)} labels")
    counts = [int((y == side).sum()) for side in (1, 0)]
    if min(counts) < LEAST:
        raise DataError(f"{counts[0]} {what} examples have the property and {counts[1]} lack it; {LEAST} are needed")
    kept = (y == 0) | (y == 1)
    return x[kept], y[kept]
