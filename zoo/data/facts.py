"""A reference -> how many pictures there are, of what size and colour: what a starter chooses by."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from zoo.catalogue.contract.data_references import parse_reference
from zoo.catalogue.contract.facts import DataFacts
from zoo.catalogue.contract.references import import_reference
from zoo.data.loading import DatasetRegistry, check_request, load_dataset, make_request
from zoo.errors import DataError, PluginError, ZooError

__all__ = ["data_facts"]


def data_facts(
    reference: str,
    *,
    registry: DatasetRegistry,
    split: str = "train",
    given: Mapping[str, Any] | None = None,
    env: Mapping[str, str] = os.environ,
) -> DataFacts:
    """What the dataset says of itself; where it does not, it is asked, or else loaded as it is stored.

    `given` is what the user has set. Raises what `load_dataset` raises, and DataError for what is no picture.
    """
    name, selection, path = parse_reference(reference)
    spec = registry.dataset(name)
    check_request(spec, name, selection, path, split)
    if spec.modality != "image" or (spec.data_shape is not None and len(spec.data_shape) != 3):
        raise DataError(f"dataset {name} is of {spec.modality}, not of pictures; train it from a recipe (a TOML file)")
    if spec.facts:
        look = import_reference(spec.facts, f"dataset {name}", spec.install_hint)
        try:
            facts = look(make_request(selection, path, split=split, env=env))
        except ZooError:
            raise
        except (Exception, SystemExit) as error:  # a plugin does not end the program
            cause = f"{type(error).__name__}: {error}"
            raise PluginError(f"dataset {name}: looking at it failed ({cause}); report it to its author") from error
        if not isinstance(facts, DataFacts):
            raise PluginError(f"dataset {name}: its facts are a {type(facts).__name__}, no DataFacts")
    elif spec.data_shape is not None and selection is None and split in spec.splits:
        channels, height, width = spec.data_shape
        facts = DataFacts(count=spec.splits[split], side=min(height, width), channels=channels)
    else:
        data = load_dataset(reference, registry=registry, split=split, env=env).data
        grey = data.shape[1] == 1 or all(torch.equal(data[:, 0], data[:, index]) for index in range(1, data.shape[1]))
        facts = DataFacts(count=len(data), side=min(data.shape[2:]), channels=1 if grey else 3)
    return replace(facts, given=dict(given or {}))
