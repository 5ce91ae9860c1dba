"""What a plugin's `__init__.py` imports: the specs, `hookimpl`, and the version of the contract. No torch."""

from __future__ import annotations

from zoo.catalogue.contract.exports import ExportSpec
from zoo.catalogue.contract.facts import Choice, DataFacts
from zoo.catalogue.contract.formats import Foreign, FormatSpec, Listing
from zoo.catalogue.contract.hookspecs import API_VERSION, PluginContext, hookimpl
from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import (
    ArchitectureSpec,
    CommandSpec,
    DatasetSpec,
    FamilySpec,
    FeaturesSpec,
    ModalitySpec,
    ModelSpec,
    Spec,
    TrainerSpec,
    WeightsSpec,
)

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
    "ModalitySpec",
    "ModelSpec",
    "Owned",
    "PluginContext",
    "Registry",
    "Spec",
    "TrainerSpec",
    "WeightsSpec",
    "hookimpl",
]


def __dir__() -> list[str]:
    return sorted(__all__)
