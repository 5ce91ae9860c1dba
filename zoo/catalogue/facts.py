"""What is known of an entry of the catalogue that is no model, beside what its spec says."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from zoo.catalogue.contract.references import import_reference, resource
from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import (
    ArchitectureSpec,
    DatasetSpec,
    FamilySpec,
    FeaturesSpec,
    ModalitySpec,
    Spec,
    TrainerSpec,
)
from zoo.errors import NotFoundError, ZooError
from zoo.settings import data_folders

__all__ = ["facts_of"]


def facts_of(owned: Owned, registry: Registry) -> dict[str, Any]:
    """JSON-able: the settings it takes, and the names of what belongs to it."""
    spec = owned.spec
    if isinstance(spec, ArchitectureSpec):
        trainers = _named(registry, "trainer", lambda one: isinstance(one, TrainerSpec) and one.family == spec.family)
        models = registry.models_of("architecture", owned.name)
        datasets = _of_modality(registry, "dataset", spec.modality)
        lists = {"trainers": trainers, "datasets": datasets, "models": models}
        return {"options": _options(spec.config, owned.name)} | lists
    if isinstance(spec, TrainerSpec):
        return {"options": _options(spec.settings, owned.name), "architectures": _of_family(registry, spec.family)}
    if isinstance(spec, DatasetSpec):
        models = registry.models_of("dataset", owned.name)
        return {"models": models, "architectures": _of_modality(registry, "architecture", spec.modality)}
    if isinstance(spec, FamilySpec):
        trainers = _named(registry, "trainer", lambda one: isinstance(one, TrainerSpec) and one.family == owned.name)
        return {"architectures": _of_family(registry, owned.name), "trainers": trainers}
    if isinstance(spec, ModalitySpec):
        kinds = {"architectures": "architecture", "datasets": "dataset", "features": "feature"}
        return {key: _of_modality(registry, kind, owned.name) for key, kind in kinds.items()}
    if isinstance(spec, FeaturesSpec):
        return {"installed": _has_file(spec.file) if spec.file else _is_there(spec.weights, owned.name)}
    return {}


def _has_file(name: str) -> bool:
    """Whether a folder of ZOO_DATA holds it."""
    return any((root / name).is_file() for root in data_folders(os.environ))


def _named(registry: Registry, kind: str, belongs: Callable[[Spec], bool]) -> list[str]:
    return [owned.name for owned in registry.list(kind) if belongs(owned.spec)]


def _of_family(registry: Registry, family: str) -> list[str]:
    return _named(registry, "architecture", lambda one: isinstance(one, ArchitectureSpec) and one.family == family)


def _of_modality(registry: Registry, kind: str, modality: str) -> list[str]:
    kinds = (ArchitectureSpec, DatasetSpec, FeaturesSpec)
    names = _named(registry, kind, lambda one: isinstance(one, kinds) and one.modality == modality)
    return sorted(names, key=lambda name: kind == "dataset" and _wants(registry.dataset(name)))


def _wants(spec: DatasetSpec) -> int:
    """What a dataset wants from its user: nothing, data that are found or fetched, or a path."""
    return 2 if spec.takes_path else int(spec.external)


def _options(reference: str, owner: str) -> list[dict[str, Any]]:
    """What its config takes; nothing where its code cannot be imported."""
    from zoo.configs import options  # lists do without

    try:
        return options(import_reference(reference, owner))
    except (ZooError, TypeError, NameError):
        return []


def _is_there(file: str, owner: str) -> bool:
    try:
        return resource(file, owner).is_file()
    except (NotFoundError, ImportError, ValueError):
        return False
