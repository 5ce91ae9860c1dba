"""Questions to the catalogue, answered without torch."""

from __future__ import annotations

from typing import Any

from zoo.catalogue.contract.references import resource
from zoo.catalogue.contract.registry import KINDS, Registry
from zoo.catalogue.contract.specs import ModelSpec, to_json
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.recipes.recipe import read_recipe
from zoo.catalogue.weights.folder import EVALUATION, Folder
from zoo.errors import NotFoundError

__all__ = ["info", "list_architectures", "list_datasets", "list_models"]


def _names(kind: str, pattern: str, registry: Registry | None) -> list[str]:
    return [owned.name for owned in (registry or default_registry()).list(kind, pattern)]


def list_models(pattern: str = "*", *, trained: bool = False, registry: Registry | None = None) -> list[str]:
    """The names of all models that match a wildcard pattern: `list_models("dcgan-*")`.

    With `trained` only those that `load` can give: whose weights are bundled, or pinned at the Hub. The others are
    recipes, to be trained first.
    """
    owned = (registry or default_registry()).list("model", pattern)
    return [one.name for one in owned if not trained or getattr(one.spec, "weights", None) is not None]


def list_datasets(pattern: str = "*", *, registry: Registry | None = None) -> list[str]:
    """The names of all datasets that match a wildcard pattern."""
    return _names("dataset", pattern, registry)


def list_architectures(pattern: str = "*", *, registry: Registry | None = None) -> list[str]:
    """The names of all architectures that match a wildcard pattern."""
    return _names("architecture", pattern, registry)


def info(name: str, *, registry: Registry | None = None) -> dict[str, Any]:
    """What the catalogue knows of a model (or else an architecture, dataset, trainer, feature network): JSON-able.

    `name` comes first. A bundled model's config and figures are included. Raises NotFoundError with near names, and for
    a damaged bundle IntegrityError, DataError or StorageError.
    """
    registry = registry or default_registry()
    for kind in KINDS.values():
        if (kind, name) in registry.entries:
            owned = registry.owned(kind, name)
            data = to_json(owned.spec) | {"name": name}
            extra = _of_model(owned.spec) if isinstance(owned.spec, ModelSpec) else {}
            return {"name": name, "kind": kind, "owner": owned.owner} | data | extra
    registry.model(name)
    raise NotFoundError(f"nothing is named {name!r}")


def _of_model(spec: ModelSpec) -> dict[str, Any]:
    """The recipe's text form and the bundled config, where they are at hand."""
    data: dict[str, Any] = {}
    if spec.recipe is not None:
        data["recipe_file"] = str(resource(spec.recipe, spec.name))
        data["examples"] = read_recipe(resource(spec.recipe, spec.name)).examples
    if spec.weights is not None and spec.weights.bundled is not None:
        path = resource(spec.weights.bundled, spec.name)
        folder = Folder(name=spec.name, path=path, pins=spec.weights.files)
        data["config"] = folder.config()["config"]
        if folder.has(EVALUATION):
            data["evaluation"] = folder.evaluation()
    return data
