"""The whole plugin contract: hooks that return frozen data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pluggy

from zoo.catalogue.contract.exports import ExportSpec
from zoo.catalogue.contract.formats import FormatSpec
from zoo.catalogue.contract.specs import (
    ArchitectureSpec,
    CommandSpec,
    DatasetSpec,
    FamilySpec,
    FeaturesSpec,
    MetricSpec,
    ModalitySpec,
    ModelSpec,
    TrainerSpec,
)
from zoo.catalogue.contract.trackers import TrackerSpec

__all__ = ["API_VERSION", "FIRST_API_VERSION", "PluginContext", "hookimpl"]

API_VERSION = 2
FIRST_API_VERSION = 1  # what a plugin that says nothing is taken to be written for; docs/plugin-changes.md
hookspec = pluggy.HookspecMarker("zoo")
hookimpl = pluggy.HookimplMarker("zoo")


@dataclass(frozen=True, kw_only=True)
class PluginContext:
    """Who asks: the plugin's namespace (empty for the zoo's own) and the core's API version."""

    namespace: str  # what stands before the plugin's names: `acme`
    api_version: int = API_VERSION  # of the zoo that asks


@hookspec
def zoo_architectures(context: PluginContext) -> Iterable[ArchitectureSpec]:  # type: ignore[empty-body]
    """Families of networks."""


@hookspec
def zoo_datasets(context: PluginContext) -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Sources of examples."""


@hookspec
def zoo_models(context: PluginContext) -> Iterable[ModelSpec]:  # type: ignore[empty-body]
    """Catalogue entries."""


@hookspec
def zoo_trainers(context: PluginContext) -> Iterable[TrainerSpec]:  # type: ignore[empty-body]
    """Ways to learn."""


@hookspec
def zoo_commands(context: PluginContext) -> Iterable[CommandSpec]:  # type: ignore[empty-body]
    """Verbs of the command line."""


@hookspec
def zoo_features(context: PluginContext) -> Iterable[FeaturesSpec]:  # type: ignore[empty-body]
    """Frozen, pretrained networks to look through."""


@hookspec
def zoo_families(context: PluginContext) -> Iterable[FamilySpec]:  # type: ignore[empty-body]
    """Kinds of models."""


@hookspec
def zoo_modalities(context: PluginContext) -> Iterable[ModalitySpec]:  # type: ignore[empty-body]
    """Kinds of data."""


@hookspec
def zoo_formats(context: PluginContext) -> Iterable[FormatSpec]:  # type: ignore[empty-body]
    """Formats of weights that other programs write."""


@hookspec
def zoo_exports(context: PluginContext) -> Iterable[ExportSpec]:  # type: ignore[empty-body]
    """What models can be written as for other programs."""


@hookspec
def zoo_trackers(context: PluginContext) -> Iterable[TrackerSpec]:  # type: ignore[empty-body]
    """What runs can be followed with."""


@hookspec
def zoo_metrics(context: PluginContext) -> Iterable[MetricSpec]:  # type: ignore[empty-body]
    """Figures that tell how good models are."""
