"""A model -> a local folder whose bytes are the pinned ones.

A name is `name` or `namespace/name` of the catalogue, `hf://org/repo[@revision]`, or a path (`./folder`). The order is
bundled copy, Hub cache, Hub. Bytes are hashed as they are read, every time, and it is these bytes that are used. What
is damaged is fetched anew, or refused.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from zoo.catalogue.contract.names import hub_name_at
from zoo.catalogue.contract.pins import WeightsSpec
from zoo.catalogue.contract.references import resource
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.contract.specs import ModelSpec
from zoo.catalogue.hub.access import USUAL, Access
from zoo.catalogue.weights.fetching import NotInFormat, hub_folder_of, warn
from zoo.catalogue.weights.folder import Folder, OtherFormat
from zoo.catalogue.weights.unknown import check_folder, no_model
from zoo.errors import (
    NetworkError,
    NotFoundError,
    PluginError,
    UsageError,
    ZooError,
)

__all__ = ["is_path", "locate", "no_revision"]


def locate(name: str | os.PathLike[str], registry: Registry, access: Access = USUAL) -> Folder:
    """Find a model's folder, fetching what is not there, by `access`.

    Raises UsageError for a malformed name, or a revision of what has none, NotFoundError for an unknown one, and what
    reading the Hub raises: NetworkError, IntegrityError, StorageError, WeightsError.
    """
    revision = access.revision
    if isinstance(name, os.PathLike) or (isinstance(name, str) and is_path(name)):
        path = Path(os.path.expanduser(os.fspath(name)))
        if revision is not None:
            raise UsageError(f"revision is {revision!r:.60}, and {path} is a folder, which has none; leave it out")
        try:
            check_folder(path, registry)
        except NotFoundError:
            from zoo.catalogue.weights.foreign import foreign_folder

            if _is_folder(path) and (found := foreign_folder(path, str(name), registry)) is not None:
                return found
            raise
        return Folder(name=str(name), path=path, origin=str(path))
    if not isinstance(name, str):
        raise UsageError(f"a model's name is a text or a path, not {name!r:.80}")
    if name.startswith("hf://"):
        repo, revision = hub_name_at(name, revision)
        with _hint(registry):
            return _of_hub(repo, name, replace(access, revision=revision), registry)
    if ("model", name) not in registry.entries:
        raise no_model(name, registry)
    spec = registry.model(name)
    if spec.weights is None:
        raise NotFoundError(f"{name} has no published weights; train it: `zoo train {name}`, then `zoo export`")
    if revision is not None:
        raise no_revision(name, spec, revision)
    with _hint(registry):
        if spec.weights.format:
            from zoo.catalogue.weights.first_seen import first_seen_folder

            return first_seen_folder(spec, spec.weights, name, access, registry)
        return _of_catalogue(spec, spec.weights, name, access)


def _is_folder(path: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):  # a name too long, or with a null character
        return path.is_dir()
    return False


def no_revision(name: str, spec: object, revision: str) -> UsageError:
    """That what the catalogue names has no revisions, and what would have."""
    weights = spec.weights if isinstance(spec, ModelSpec) else None
    if weights is None:
        return UsageError(f"revision is {revision!r:.60}, and {name} is an entry of the catalogue, which has none")
    repo = weights.repo_id
    advice = "leave it out" if repo is None else f"for another revision write hf://{repo}@{revision}"
    return UsageError(f"revision is {revision!r:.60}, and the catalogue pins {name} to one set of files; {advice}")


def is_path(name: str) -> bool:
    """Whether a text names a folder of the user's own."""
    if name.startswith("hf://"):
        return False
    return name.startswith((".", "/", "~", os.sep)) or name.endswith("/") or os.path.isabs(name)


@contextlib.contextmanager
def _hint(registry: Registry) -> Iterator[None]:
    """When the Hub is away, name a model that needs none."""
    try:
        yield
    except NetworkError as error:
        models = [(owned, owned.spec) for owned in registry.list("model") if isinstance(owned.spec, ModelSpec)]
        for owned, spec in sorted(models, key=lambda model: "default" not in model[1].tags):
            weights = spec.weights
            if weights is not None and weights.bundled is not None:
                with contextlib.suppress(NotFoundError, PluginError):
                    resource(weights.bundled, owned.name)
                    raise NetworkError(f"{error}; {owned.name!r} is bundled and needs no network") from None
        raise


def _of_hub(repo: str, name: str, access: Access, registry: Registry) -> Folder:
    """A repository in the zoo's format, or in one that a plugin reads."""
    try:
        return hub_folder_of(repo, name, {}, access)
    except (NotInFormat, OtherFormat, NetworkError) as error:
        from zoo.catalogue.weights.foreign import foreign_repository

        return foreign_repository(repo, name, access, registry, error)


def _of_catalogue(spec: ModelSpec, weights: WeightsSpec, name: str, access: Access) -> Folder:
    def from_hub(file: str | None, error: ZooError) -> Folder:
        if weights.repo_id is None:
            raise error
        try:
            pinned = replace(access, revision=weights.revision)
            folder = replace(hub_folder_of(weights.repo_id, name, weights.files, pinned), spec=spec)
        except (NetworkError, NotFoundError) as failure:
            if file is None:
                raise
            raise type(error)(f"{error}; the Hub's copy cannot be had either: {failure}") from None
        if file is not None:
            warn(f"{name}: the bundled {file} is damaged; using the one of {folder.origin}")
        return folder

    if weights.bundled is not None:
        try:
            path = resource(weights.bundled, name)
        except NotFoundError as error:
            return from_hub(None, error)
        bundle = Folder(name=name, path=path, pins=weights.files, spec=spec, source="bundled", origin="bundled")
        return bundle if weights.repo_id is None else replace(bundle, repair=from_hub)
    return from_hub(None, NotFoundError(f"{name} has no bundled weights"))
