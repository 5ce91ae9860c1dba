"""What a model is given besides its parts, when it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from zoo.catalogue.contract.specs import ModelSpec
from zoo.catalogue.weights.folder import Folder
from zoo.nn.distributions import GaussianMixture

__all__ = ["Extras"]


def _as_it_is(value: object, data_shape: tuple[int, ...]) -> object:
    return value


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What a model is given besides its parts; the defaults are those of a model in training."""

    value_range: tuple[float, float] | None = None  # of the networks' data; None: the family's usual one
    tensors: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)  # of the family's optional files
    mixture: GaussianMixture | None = None  # the ex-post prior, where the weights carry one
    default_prior: str = ""  # what is drawn from where none is named; "": that of the training
    sampling: Mapping[str, Any] = field(default_factory=dict)  # options of `sample` where no others are asked for
    spec: ModelSpec | None = None  # the catalogue entry, where there is one
    info: dict[str, Any] | None = None  # what config.json says of data and training
    origin: str = ""  # where it was loaded from: "bundled", `hf://org/repo@commit`, or a folder
    folder: Folder | None = None  # where it was loaded from
    truncation: tuple[float, float] | None = None  # the range in which it helps, where that was measured
    modality: str = ""  # the name of the kind of data
    given: Callable[[object, tuple[int, ...]], object] = _as_it_is  # its modality's: users' examples -> numbers
    memory_format: torch.memory_format = torch.contiguous_format  # of data of rank four
    classes: tuple[str, ...] = ()  # their names, where the weights carry them
