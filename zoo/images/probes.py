"""Probes: small classifiers of real pictures, the judges of what a model makes of them.

A probe tells one property. It is trained on real pixels only, never on anything a model has given, so that it can tell
whether an edited picture shows what it should.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo.data.draws import Draws
from zoo.data.modality import Labelled
from zoo.errors import DataError
from zoo.images.augment import flip
from zoo.latent.concepts import auc
from zoo.nn.sampling import in_chunks, seeded
from zoo.nn.torch_state import own_random

__all__ = ["Probe", "fit_probe", "fitted"]

WIDTHS = (24, 48, 96)
EPOCHS, BATCH, RATE = 8, 64, 2e-3
LEAST = 20  # examples of each side


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A classifier of pictures (N, C, H, W) in [0, 1]; `auc` and `accuracy` are those of the held-out examples."""

    network: nn.Module
    auc: float
    accuracy: float  # both sides counting the same

    @torch.inference_mode()
    def decide(self, x: Tensor) -> Tensor:
        """Whether each of x (N, C, H, W) in [0, 1] has the property: (N,) bool."""
        return in_chunks(lambda rows, _: self.network(rows), x, None) > 0


def fit_probe(train: Labelled, held_out: Labelled, *, seed: int = 0) -> Probe:
    """Fit a convolutional classifier to (pictures (N, C, H, W) uint8, labels (N,) 1, 0, or below 0 for unknown).

    Three strided convolutions and a linear layer by binary cross-entropy, both sides weighted the same. The same seed
    gives the same probe. Raises DataError for fewer than 20 examples of a side in either set.
    """
    x, y = _known(*train, "training")
    held_x, held_y = _known(*held_out, "held-out")
    weight = (y == 0).sum() / (y == 1).sum()

    def loss(logits: Tensor, sides: Tensor) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(logits, sides.float(), pos_weight=weight)

    network = fitted(lambda: _network(x.shape[1]), loss, (x, y), epochs=EPOCHS, seed=seed)
    with torch.inference_mode():
        scores = in_chunks(lambda rows, _: network(rows), held_x.float() / 255, None)
    sides = scores[held_y == 1], scores[held_y == 0]
    accuracy = (float((sides[0] > 0).float().mean()) + float((sides[1] <= 0).float().mean())) / 2
    return Probe(network=network, auc=auc(*sides), accuracy=accuracy)


def fitted(
    build: Callable[[], nn.Module], loss: Callable[[Tensor, Tensor], Tensor], given: Labelled, *, epochs: int, seed: int
) -> nn.Module:
    """Fit what `build` makes to (pictures (N, C, H, W) uint8, labels (N,)), and freeze it.

    `loss` takes what the network gives for a batch, and the batch's labels. The pictures are mirrored and blurred at
    random: what a decoder gives is softer than what is real, and a judge that takes softness for a sign would mislead.
    The same seed gives the same network.
    """
    (x, y), random = given, seeded(seed)
    steps = epochs * (len(x) // BATCH + 1)
    with own_random(seed):  # weights and dropout take the global state
        network = build()
        optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
        for _ in range(steps):
            at = torch.randint(len(x), (BATCH,), generator=random)
            rows = flip(x[at].float() / 255, Draws(random)).contiguous(
                memory_format=torch.channels_last
            )  # a quarter faster
            rows = _blurred(rows, random)
            optimizer.zero_grad(set_to_none=True)
            loss(network(rows), y[at]).backward()
            optimizer.step()
            schedule.step()
    return network.eval().requires_grad_(False)


def _known(x: Tensor, y: Tensor, what: str) -> tuple[Tensor, Tensor]:
    if x.ndim != 4 or x.dtype != torch.uint8 or y.shape != x.shape[:1]:
        raise DataError(f"{what} pictures are {x.dtype} {tuple(x.shape)} with {tuple(y.shape)} labels")
    counts = [int((y == side).sum()) for side in (1, 0)]
    if min(counts) < LEAST:
        raise DataError(f"{counts[0]} {what} examples have the property and {counts[1]} lack it; {LEAST} are needed")
    kept = (y == 0) | (y == 1)
    return x[kept], y[kept]


def _network(channels: int) -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs in zip((channels, *WIDTHS), WIDTHS, strict=False):
        layers += [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Dropout(0.4), _Logit(16 * WIDTHS[-1]))


class _Logit(nn.Linear):
    """Features (N, inputs) -> logits (N,)."""

    def __init__(self, inputs: int) -> None:
        super().__init__(inputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[:, 0]


def _blurred(x: Tensor, random: torch.Generator) -> Tensor:
    """Each picture between itself and its 5x5 binomial blur, by a share drawn from U(0, 1)."""
    row = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    kernel = (row[:, None] * row).expand(x.shape[1], 1, 5, 5)
    padded = nn.functional.pad(x, (2, 2, 2, 2), mode="replicate")
    soft = nn.functional.conv2d(padded, kernel, groups=x.shape[1])
    return torch.lerp(x, soft, torch.rand(len(x), 1, 1, 1, generator=random))
