"""zoo.evaluation.classes: each class's samples against that class's training examples."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.data.loading import Examples
from zoo.errors import UsageError
from zoo.evaluation.classes import check_per_class, class_distances
from zoo.evaluation.features import Observer
from zoo.images.modality import images
from zoo.nn.features import Features
from zoo.nn.gan import GAN
from zoo.nn.interfaces import Generator


class Grey(Generator):
    """Pictures of one level each: the class's, and a little of z."""

    latent_shape, data_shape, prior = (1,), (1, 2, 2), "normal"

    def __init__(self, num_classes: int | None) -> None:
        super().__init__()
        self.num_classes = num_classes

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        level = 0.0 if labels is None else labels[:, None] / 2
        return (level + 0.01 * z).view(-1, 1, 1, 1).expand(-1, 1, 2, 2)


class Level(Features):
    """The first pixel and its square."""

    strides, dimensions, batch_size = (1,), 2, 8
    name, sha256 = "level", "ab" * 32

    def vector(self, x: Tensor) -> Tensor:
        first = x.flatten(1)[:, :1]
        return torch.cat([first, first.square()], 1)

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        return (x,)


def test_each_class_is_compared_with_its_own() -> None:
    """Where the real examples of a class are what its samples are, its distance is small; elsewhere it is large."""
    model: Any = GAN(Grey(2))
    labels = torch.arange(40) % 2
    noise = torch.randn(40, generator=torch.Generator().manual_seed(1))
    level = ((labels / 2 + 0.01 * noise + 1) / 2 * 255).round().clamp(0, 255).to(torch.uint8)
    data = level.view(-1, 1, 1, 1).expand(-1, 1, 2, 2).contiguous()
    drawn, observer = model.sample(40, seed=0), Observer(Level(), images({}))
    right = class_distances(drawn, model, Examples(data=data, labels=labels, classes=("a", "b")), observer, most=100)
    wrong = class_distances(drawn, model, Examples(data=data, labels=1 - labels, classes=("a", "b")), observer, most=15)
    assert [(found.name, found.samples, found.train_examples) for found in right] == [("a", 20, 20), ("b", 20, 20)]
    assert [found.train_examples for found in wrong] == [15, 15]
    assert max(found.frechet for found in right) < 0.001
    assert min(found.frechet for found in wrong) > 0.05


def test_what_has_no_classes_has_no_distance_of_each() -> None:
    """A model without classes, and too few samples for them, are UsageErrors."""
    with pytest.raises(UsageError, match="no classes"):
        check_per_class(GAN(Grey(None)), 100)
    with pytest.raises(UsageError, match="7 samples are less than 4 for each of 2"):
        check_per_class(GAN(Grey(2)), 7)
