"""What a plugin's `__init__.py` imports: the specs, `hookimpl`, and the version of the contract. No torch."""

from __future__ import annotations

from zoo.hookspecs import API_VERSION, PluginContext, hookimpl
from zoo.specs import (
    ArchitectureSpec,
    Choice,
    CommandSpec,
    DataFacts,
    DatasetSpec,
    ModelSpec,
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
    "ModelSpec",
    "PluginContext",
    "TrainerSpec",
    "WeightsSpec",
    "hookimpl",
]
