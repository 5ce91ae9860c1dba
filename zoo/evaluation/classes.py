"""A conditional model's samples of each class against the training examples of that class."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from zoo.data.loading import Examples
from zoo.errors import UsageError
from zoo.evaluation.features import Observer, cached_vectors, vectors
from zoo.evaluation.metrics import frechet_distance, kernel_distance
from zoo.nn.models import Model

__all__ = ["ClassDistance", "check_per_class", "class_distances"]

LEAST = 4  # samples of a class


@dataclass(frozen=True, kw_only=True)
class ClassDistance:
    """Distances of one class; they compare between classes only where the counts are alike."""

    name: str
    samples: int
    train_examples: int
    frechet: float
    kernel: float

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON-able data."""
        return asdict(self)


def check_per_class(model: Model, samples: int) -> None:
    """Raise UsageError for a model without classes, and for too few samples."""
    if model.num_classes is None:
        raise UsageError("this model has no classes; leave --per-class out")
    if samples < LEAST * model.num_classes:
        raise UsageError(f"{samples} samples are less than {LEAST} for each of {model.num_classes} classes; take more")


def class_distances(
    samples: Tensor, model: Model, train: Examples, observer: Observer, *, cache_dir: Path | None = None, most: int
) -> tuple[ClassDistance, ...]:
    """The distances of each class that has at least 2 training examples, of which at most the first `most` count.

    `samples` (N, *data_shape) are of each class in turn, as a model draws them that is given no labels.
    """
    assert train.labels is not None
    assert model.num_classes is not None
    found = []
    for label, name in enumerate(train.classes):
        known, drawn = train.data[train.labels == label][:most], samples[label :: model.num_classes]
        if len(known) < 2:
            continue
        real, fake = cached_vectors(known, observer, cache_dir), vectors(drawn, observer)
        found.append(
            ClassDistance(
                name=name,
                samples=len(drawn),
                train_examples=len(known),
                frechet=frechet_distance(fake, real),
                kernel=kernel_distance(fake, real)[0],
            )
        )
    return tuple(found)
