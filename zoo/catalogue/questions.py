"""Questions to the catalogue, answered without torch."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoo.catalogue.contract.references import resource
from zoo.catalogue.contract.registry import KINDS, Owned, Registry
from zoo.catalogue.contract.specs import DatasetSpec, ModelSpec, to_json
from zoo.catalogue.facts import facts_of
from zoo.catalogue.hub.access import Access
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.recipes.recipe import read_recipe
from zoo.catalogue.weights.card import dataset_of
from zoo.catalogue.weights.contents import Contents, in_folder, on_hub
from zoo.catalogue.weights.first_seen import first_seen_folder, known_pins
from zoo.catalogue.weights.folder import Folder
from zoo.catalogue.weights.locate import is_path, locate, no_revision
from zoo.catalogue.weights.metrics import metrics_and_directions
from zoo.catalogue.weights.unknown import no_model
from zoo.errors import NetworkError, NotFoundError, UsageError, ZooError

__all__ = ["info", "list_architectures", "list_datasets", "list_models"]


def _names(kind: str, pattern: str, registry: Registry | None) -> list[str]:
    return [owned.name for owned in (registry or default_registry()).list(kind, pattern)]


def list_models(pattern: str = "*", *, trained: bool = False, registry: Registry | None = None) -> list[str]:
    """The names of the models that match: wildcards of the name, `"dcgan-*"`, or words of name, summary or tags.

    With `trained` only those whose weights are bundled, or pinned at the Hub. The others are recipes, to be trained
    first, or other people's models that nobody has pinned yet.
    """
    owned = (registry or default_registry()).list("model", pattern)
    specs = ((one.name, one.spec) for one in owned if isinstance(one.spec, ModelSpec))
    return [name for name, spec in specs if not trained or (spec.weights is not None and spec.weights.pinned)]


def list_datasets(pattern: str = "*", *, registry: Registry | None = None) -> list[str]:
    """The names of the datasets that match wildcards of the name, or words of name or summary."""
    return _names("dataset", pattern, registry)


def list_architectures(pattern: str = "*", *, registry: Registry | None = None) -> list[str]:
    """The names of the architectures that match wildcards of the name, or words of name or summary."""
    return _names("architecture", pattern, registry)


def info(
    name: str | os.PathLike[str],
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
    registry: Registry | None = None,
) -> dict[str, Any]:
    """What is known of a model or of anything else that the catalogue names: JSON-able, `name` and `kind` first.

    A model is a name of the catalogue, `hf://org/repo[@revision]` (asked of the Hub: nothing large is fetched) or a
    weights folder; its config, figures, parts, shapes, concepts, prior, card, place and both licences are told. A TOML
    file is a recipe. `revision`, `token`, `cache_dir` and `local_files_only` are those of `zoo.load`. Raises
    NotFoundError with what was meant for a name that nothing has, UsageError for a malformed one, what reading the Hub
    raises, and IntegrityError, DataError or StorageError for damaged files.
    """
    registry = registry or default_registry()
    access = Access(revision=revision, token=token, cache_dir=cache_dir, local_files_only=local_files_only)
    if not isinstance(name, (str, os.PathLike)):
        raise UsageError(f"a name is a text or a path, not {name!r:.80}")
    if isinstance(name, os.PathLike) or is_path(name) or (name.endswith(".toml") and os.path.isfile(name)):
        path = Path(os.path.expanduser(os.fspath(name)))
        if path.suffix == ".toml" and path.is_file():
            from zoo.configs import as_data  # it is heavy, and lists do without

            recipe = as_data(read_recipe(path))
            return {"name": str(name), "kind": "recipe"} | recipe | {"name": str(name), "recipe": recipe["name"]}
        return _of_weights(str(name), in_folder(locate(path, registry, access)), registry)
    if name.startswith("hf://"):
        return _of_weights(name, on_hub(name, access, registry), registry)
    for kind in KINDS.values():
        if (kind, name) in registry.entries:
            owned = registry.owned(kind, name)
            if revision is not None:
                raise no_revision(name, owned.spec, revision)
            data = {"name": name, "kind": kind, "owner": owned.owner} | to_json(owned.spec) | {"name": name}
            if isinstance(owned.spec, ModelSpec):
                return data | _of_model(owned, owned.spec, registry, access)
            return data | facts_of(owned, registry)
    dataset = dataset_of({"data": {"name": name}})
    if dataset != name and ("dataset", dataset) in registry.entries:  # some of it, or with a path: images:./photos
        return info(dataset, registry=registry)
    error = no_model(name, registry)
    from zoo.configs import near

    hint = near(name, {known for _, known in registry.entries})
    if isinstance(error, NotFoundError) and hint and not os.path.exists(name):
        raise NotFoundError(f"nothing is named {name!r:.100}{hint}")
    raise error


def _of_model(owned: Owned, spec: ModelSpec, registry: Registry, access: Access) -> dict[str, Any]:
    """The recipe, and the weights where they are at hand."""
    data: dict[str, Any] = {"data_licence": _data_licence(spec.dataset, registry)}
    if spec.recipe is not None:
        data["recipe_file"] = str(resource(spec.recipe, owned.name))
        data["examples"] = read_recipe(resource(spec.recipe, owned.name)).examples
    folder = _at_hand(owned.name, spec, access, registry)
    if folder is not None:
        found = _of_weights(owned.name, in_folder(folder), registry)
        own = ("kind", "licence", "summary")  # what the catalogue says of it comes first
        return data | {key: value for key, value in found.items() if key not in own and value != ""}
    if spec.weights is not None:
        known, _ = known_pins(owned.name, spec.weights)
        origin = f"hf://{known.repo_id}" + (f"@{known.revision}" if known.revision else "")
        suffix = _suffix(spec.architecture, registry)
        told = {"source": "hub", "origin": origin, "path": None, "commit": known.revision, "suffix": suffix}
        return data | told | {"pinned": known.pinned}
    return data | {"source": "recipe", "path": None, "suffix": _suffix(spec.architecture, registry)}


def _at_hand(name: str, spec: ModelSpec, access: Access, registry: Registry) -> Folder | None:
    """The folder of a model's weights, where it is bundled or in the cache: nothing is fetched."""
    weights = spec.weights
    if weights is None:
        return None
    if weights.bundled is not None:
        try:
            path = resource(weights.bundled, name)
        except NotFoundError:
            if weights.repo_id is None:
                raise
        else:
            return Folder(name=name, path=path, pins=weights.files, source="bundled", origin="bundled")
    if weights.format:
        known, who = known_pins(name, weights)
        if not who:
            return None
        with contextlib.suppress(NetworkError):
            return first_seen_folder(spec, known, name, replace(access, local_files_only=True), registry)
        return None
    from zoo.catalogue.weights.fetching import hub_folder_of

    assert weights.repo_id is not None
    here = replace(access, revision=weights.revision, local_files_only=True)
    try:
        return hub_folder_of(weights.repo_id, name, weights.files, here)
    except NetworkError:  # what says that the cache lacks it
        return None


def _of_weights(name: str, contents: Contents, registry: Registry) -> dict[str, Any]:
    """What the files of a model say, and what follows from them."""
    about = contents.about()
    data, recipe = about["data"], about["training"].get("recipe")
    recipe = recipe if isinstance(recipe, dict) else {}
    dataset = str(data.get("name", ""))
    return {
        "name": name,
        "kind": "model",
        "summary": recipe.get("summary", ""),
        "dataset": dataset,
        "licence": recipe.get("licence", ""),
        "data_licence": data.get("licence") or _data_licence(dataset, registry),
        "suffix": _suffix(about["architecture"], registry),
        "figures": metrics_and_directions(about["evaluation"], registry),
        **about,
    }


def _data_licence(reference: str, registry: Registry) -> str:
    """The licence of a dataset; "" where no plugin knows it."""
    try:
        spec = registry.dataset(dataset_of({"data": {"name": reference}}))
    except ZooError:
        return ""
    assert isinstance(spec, DatasetSpec)
    return spec.licence


def _suffix(architecture: str, registry: Registry) -> str:
    """Of the files that such a model's samples are written to; "" where no plugin knows it."""
    try:
        return registry.modality_of(architecture).suffixes[0]
    except ZooError:
        return ""
