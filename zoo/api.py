"""What a plugin's `__init__.py` imports: the specs, `hookimpl`, and the version of the contract. No torch.

`default_registry()` is for a plugin's other files, that ask what the catalogue holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.catalogue.contract.exports import ExportSpec
from zoo.catalogue.contract.facts import Choice, DataFacts
from zoo.catalogue.contract.formats import Foreign, FormatSpec, Listing
from zoo.catalogue.contract.hookspecs import API_VERSION, PluginContext, hookimpl
from zoo.catalogue.contract.pins import WeightsSpec, weights_of
from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import (
    ArchitectureSpec,
    CommandSpec,
    DatasetSpec,
    FamilySpec,
    FeaturesSpec,
    MetricSpec,
    ModalitySpec,
    ModelSpec,
    Spec,
    TrainerSpec,
)
from zoo.catalogue.contract.trackers import TrackerSpec

if TYPE_CHECKING:
    from zoo.catalogue.plugins.loading import default_registry

__all__ = [
    "API_VERSION",
    "ArchitectureSpec",
    "Choice",
    "CommandSpec",
    "DataFacts",
    "DatasetSpec",
    "ExportSpec",
    "FamilySpec",
    "FeaturesSpec",
    "Foreign",
    "FormatSpec",
    "Listing",
    "MetricSpec",
    "ModalitySpec",
    "ModelSpec",
    "Owned",
    "PluginContext",
    "Registry",
    "Spec",
    "TrackerSpec",
    "TrainerSpec",
    "WeightsSpec",
    "default_registry",
    "hookimpl",
    "weights_of",
]


def __getattr__(name: str) -> Any:
    if name != "default_registry":
        raise AttributeError(f"module 'zoo.api' has no attribute {name!r}")
    from zoo.catalogue.plugins.loading import default_registry  # which reads what plugins' __init__ hold

    return default_registry


def __dir__() -> list[str]:
    return sorted(__all__)
