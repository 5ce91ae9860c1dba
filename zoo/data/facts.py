"""A reference -> how many examples there are, and of what shape: what a starter chooses by."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from zoo.catalogue.contract.facts import DataFacts
from zoo.catalogue.contract.references import blamed, import_reference
from zoo.catalogue.contract.registry import Registry
from zoo.data.loading import load_dataset, look_up, make_request
from zoo.data.modality import load_modality
from zoo.errors import PluginError

__all__ = ["data_facts"]


def data_facts(
    reference: str,
    *,
    registry: Registry,
    split: str = "train",
    given: Mapping[str, Any] | None = None,
    env: Mapping[str, str] = os.environ,
) -> DataFacts:
    """What the dataset says of itself; where it does not, it is asked, or else loaded as it is stored.

    `given` is what the user has set. Raises what `load_dataset` raises.
    """
    reference, asked, spec = look_up(reference, registry)
    name, request = asked.name, make_request(spec, asked, split=split, env=env)
    if spec.facts:
        look = import_reference(spec.facts, f"dataset {name}", spec.install_hint)
        with blamed(f"dataset {name}: looking at it failed"):
            facts = look(request)
        if not isinstance(facts, DataFacts):
            raise PluginError(f"dataset {name}: its facts are a {type(facts).__name__}, no DataFacts")
    elif spec.data_shape is not None and asked.selection is None and split in spec.splits:
        facts = DataFacts(count=spec.splits[split], shape=spec.data_shape)
    else:
        examples = load_dataset(reference, registry=registry, split=split, env=env)
        modality = load_modality(registry.modality(spec.modality), examples.about)
        shape, vocabulary = modality.typical_shape(examples.data), modality.vocabulary or 0
        facts = DataFacts(count=len(examples.data), shape=shape, vocabulary=vocabulary)
    return replace(facts, given=dict(given or {}))
