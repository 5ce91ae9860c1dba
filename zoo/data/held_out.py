"""Examples that are kept out of the training, for the doctor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from zoo.catalogue.recipes.recipe import DoctorSettings
from zoo.data.loading import Data, Examples, Streamed
from zoo.errors import ConfigError, DataError, NotFoundError

__all__ = ["SEED", "hold_out", "some"]

SEED = 0x600D


def hold_out(examples: Data, settings: DoctorSettings, load: Callable[[str], Data]) -> tuple[Data, Data | None]:
    """What is left to train on, and what the settings hold out for r_v: a split, which `load` gives, or a share.

    A share is the same rows for the same number of examples. Raises what `load` does, DataError for a share of fewer
    than 2 examples, and ConfigError for the split that is trained on and for a share of data that are not in memory.
    """
    if settings.held_out_split:
        if settings.held_out_split == examples.split:
            raise ConfigError(f"doctor: held_out_split = {examples.split!r} is what is trained on; name another split")
        try:
            return examples, load(settings.held_out_split)
        except NotFoundError as error:  # of another dataset than the recipe was written for
            way = "hold nothing out with --set doctor.held_out_split="
            raise NotFoundError(f"doctor: held_out_split = {settings.held_out_split!r}: {error}; or {way}") from error
    if not settings.held_out:
        return examples, None
    if isinstance(examples, Streamed):
        raise ConfigError("doctor: held_out takes a share of data in memory; of shards, name a held_out_split")
    order, count = _permutation(len(examples.data)), round(settings.held_out * len(examples.data))
    if count < 2:
        raise DataError(
            f"doctor: held_out = {settings.held_out} of {len(order)} examples is less than 2; hold out more"
        )
    return _rows(examples, order[count:].sort().values), _rows(examples, order[:count].sort().values)


def _permutation(n: int) -> Tensor:
    return torch.randperm(n, generator=torch.Generator().manual_seed(SEED))


def _rows(examples: Examples, rows: Tensor) -> Examples:
    return replace(
        examples,
        data=examples.data[rows],
        labels=None if examples.labels is None else examples.labels[rows],
        factors={name: values[rows] for name, values in examples.factors.items()},
    )


def some(examples: Data, most: int) -> Examples:
    """At most so many of the examples, in memory: always the same ones."""
    rows = _permutation(len(examples.data))[:most]
    if isinstance(examples, Examples):
        return _rows(examples, rows)
    data, rows = examples.data.read(rows)
    return Examples(data=data, labels=None if examples.labels is None else examples.labels[rows])
