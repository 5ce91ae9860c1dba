"""The codes of examples that a dataset holds."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.data.loading import Examples
from zoo.data.modality import modality_of
from zoo.errors import UsageError
from zoo.nn.abilities import Encodes
from zoo.nn.distributions import DiagonalGaussian
from zoo.nn.models import Model

__all__ = ["codes_of", "labels_of"]


def labels_of(model: Model, examples: Examples, rows: Tensor | None = None) -> list[str | int] | None:
    """The classes of some rows of a dataset (None: of all), as the model knows them; None for a model without classes.

    Raises UsageError for data without labels.
    """
    if model.num_classes is None:
        return None
    if examples.labels is None:
        raise UsageError(f"the model has classes, and {examples.name} has no labels; name data that have")
    numbers = (examples.labels if rows is None else examples.labels[rows]).tolist()
    return [examples.classes[number] for number in numbers] if model.classes else numbers


def codes_of(model: Encodes, examples: Examples, rows: Tensor | None = None) -> DiagonalGaussian:
    """The posteriors of some rows of a dataset (None: of all), each given its class where there are some, on the CPU.

    Raises UsageError as `labels_of`, and what encoding raises.
    """
    rows = torch.arange(len(examples.data), device="cpu") if rows is None else rows
    found = model.encode(modality_of(model).values(examples.data[rows]), labels_of(model, examples, rows))
    return DiagonalGaussian(found.mean.cpu(), found.log_var.cpu())
