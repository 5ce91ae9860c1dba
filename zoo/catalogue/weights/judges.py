"""Which feature networks may judge a model: none that it was trained against, and no sister of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.contract.specs import FeaturesSpec
from zoo.errors import NotFoundError, PluginError

__all__ = ["PIXELS", "is_contaminated", "networks_of", "trained_against"]

PIXELS = "pixels"  # what distances between the values themselves are called, in the place of a network


def networks_of(modality: str, registry: Registry) -> list[str]:
    """The feature networks that look at a modality, in the order in which they are asked: a default before others,
    those that come with a package before those of a file of the user's, the zoo's own before a plugin's.
    """
    found = [
        ("default" not in owned.spec.tags, bool(owned.spec.file), "/" in owned.name, owned.name)
        for owned in registry.list("feature")
        if isinstance(owned.spec, FeaturesSpec) and owned.spec.modality == modality
    ]
    return [name for *_, name in sorted(found)]


def trained_against(config: Mapping[str, Any]) -> dict[str, str]:
    """The networks that a model of this config.json was trained against: name -> sha256 of its weights."""
    training = config.get("training")
    against = training.get("trained_against") if isinstance(training, Mapping) else None
    return dict(against) if isinstance(against, Mapping) else {}


def is_contaminated(name: str, sha256: str, against: Mapping[str, str], registry: Registry) -> bool:
    """Whether a figure by this network says little of a model that was trained `against` those: it is one of them by
    name or by its weights, or of the same family as one.
    """
    return sha256 in against.values() or _family(name, registry) in {_family(one, registry) for one in against}


def _family(name: str, registry: Registry) -> str:
    """Of a network that is not in the catalogue (any more) nothing but its name is known."""
    try:
        return registry.features(name).family or name
    except (NotFoundError, PluginError):
        return name
