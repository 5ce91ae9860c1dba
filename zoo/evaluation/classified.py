"""What a classifier of real examples says of samples: whether they show the class that they were made for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.catalogue.contract.data_references import parse_reference
from zoo.catalogue.contract.registry import Registry
from zoo.data.loading import Examples, load_dataset
from zoo.data.modality import modality_of
from zoo.errors import DataError, UsageError
from zoo.evaluation.records import Reference, judge_of
from zoo.nn.models import Model

__all__ = ["Classified", "classified"]


@dataclass(frozen=True, kw_only=True)
class Classified:
    """Shares in [0, 1]. The classifier saw the training split of `data`, and nothing that a model made."""

    data: str  # the dataset whose classes are told apart
    accuracy: float  # of the classifier, on all test examples
    real: float  # of the test examples of the classes in question, the share told as what they are
    samples: float  # of the samples, the share told as what they were made for
    told: dict[str, float]  # class -> share of the samples told as it, the largest first
    asked: int  # the test examples of the classes in question
    judge: dict[str, Any]  # the classifier, as a record has it
    reference: dict[str, Any]  # those test examples


def classified(
    samples: Tensor, model: Model, registry: Registry, *, cache_dir: Path | None = None, seed: int = 0
) -> Classified:
    """Let a classifier of the model's dataset, fitted to its training split and measured on its test split, judge.

    `samples` (N, *data_shape) are of each class in turn, as a model draws them that is given no labels. The model has
    learnt one class of a dataset, `cifar10[frog]`, or is conditional. Raises UsageError for a model that did neither,
    DataError where the dataset's classes are others than the model's, and what loading it raises.
    """
    name = model.info["data"]["name"]
    reference, modality = parse_reference(name), modality_of(model, registry)
    if (reference.selection is None and model.num_classes is None) or reference.path:
        raise UsageError(
            f"this model was made for no class of a dataset: its data are {name}; leave the metric `classified` out"
        )
    train, test = (
        load_dataset(reference.name, registry=registry, split=split, data_shape=model.data_shape)
        for split in ("train", "test")
    )
    meant = _meant(reference.selection, model, train, len(samples))
    known, unseen = (_labelled(examples) for examples in (train, test))
    judge = modality.classifier(known, unseen, len(train.classes), seed=seed, cache_dir=cache_dir)
    said = judge.classify(samples)
    asked = torch.isin(unseen[1], meant.unique())
    shown = unseen[0][asked]
    real = judge.classify(modality.values(shown)) == unseen[1][asked]
    shares = said.bincount(minlength=len(train.classes)).double() / len(said)
    order = shares.argsort(descending=True, stable=True).tolist()
    return Classified(
        data=reference.name,
        accuracy=judge.accuracy,
        real=float(real.double().mean()),
        samples=float((said == meant).double().mean()),
        told={train.classes[index]: float(shares[index]) for index in order if shares[index]},
        asked=len(shown),
        judge=judge_of((judge,), "the class", {"name": train.name, "split": train.split, "sha256": train.sha256}),
        reference=Reference(name=name, split=test.split, examples=shown).to_json(),
    )


def _meant(selection: str | None, model: Model, train: Examples, count: int) -> Tensor:
    """The class (N,) that each sample was made for."""
    if selection is not None:
        if selection not in train.classes:
            raise UsageError(f"{selection} is no class of {train.name}; leave the metric `classified` out")
        return torch.full((count,), train.classes.index(selection))
    if train.classes != tuple(model.info["data"].get("classes", train.classes)):
        raise DataError(f"{train.name} has the classes {', '.join(train.classes)}; the model learnt others")
    return torch.arange(count) % len(train.classes)


def _labelled(examples: Examples) -> tuple[Tensor, Tensor]:
    if examples.labels is None:
        raise DataError(f"{examples.name} has no labels; leave the metric `classified` out")
    return examples.data, examples.labels
