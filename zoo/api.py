"""What a plugin's `__init__.py` imports: the specs, `hookimpl`, and the version of the contract. No torch."""

from __future__ import annotations

from zoo.hookspecs import API_VERSION, PluginContext, hookimpl
from zoo.specs import ArchitectureSpec, CommandSpec, DatasetSpec, ModelSpec, TrainerSpec, WeightsSpec

__all__ = [
    "API_VERSION",
    "ArchitectureSpec",
    "CommandSpec",
    "DatasetSpec",
    "ModelSpec",
    "PluginContext",
    "TrainerSpec",
    "WeightsSpec",
    "hookimpl",
]
