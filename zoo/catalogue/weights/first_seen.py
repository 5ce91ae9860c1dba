"""Models that a plugin names and nobody has pinned: what is found first is remembered, and nothing else taken later.

What was first seen is kept in ZOO_CACHE, a pins file a repository; `zoo pin` writes it into a file of the user's or of
a project's, ZOO_PINS, which outranks it. So do a plugin's own pins.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.catalogue.contract.pins import WeightsSpec, read_pins, write_pins
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.contract.specs import ModelSpec
from zoo.catalogue.hub.access import Access
from zoo.catalogue.weights.fetching import NotInFormat, warn
from zoo.catalogue.weights.folder import Folder
from zoo.errors import IntegrityError, NetworkError, NotFoundError, StorageError, ZooError
from zoo.files import storage_errors
from zoo.settings import cache_folder, pins_file

if TYPE_CHECKING:
    from zoo.catalogue.hub.client import Hub
    from zoo.catalogue.weights.foreign import Repository

__all__ = ["first_seen_folder", "forget", "known_pins", "refuse_other"]


def known_pins(name: str, weights: WeightsSpec) -> tuple[WeightsSpec, str]:
    """The weights with what is known of their bytes, and who says it: "" where nobody does.

    "catalogue", "first seen", or the path of the user's file. Raises ConfigError for a malformed file, StorageError.
    """
    if weights.pinned:
        return weights, "catalogue"
    assert weights.repo_id is not None
    places = {"": pins_file(os.environ), "first seen": _memory(weights.repo_id)}
    for who, path in places.items():
        if path is not None and path.is_file():
            tables = read_pins(path)
            told = tables.get(name) if who == "" else next(iter(tables.values()), None)
            if told is not None and told.get("repo_id") == weights.repo_id:
                return replace(weights, **told), who or str(path)
    return weights, ""


def first_seen_folder(spec: ModelSpec, weights: WeightsSpec, name: str, access: Access, registry: Registry) -> Folder:
    """The folder of a model in another program's format, complete in the cache, of the bytes that are known.

    Where none are known, those that the Hub has now: they are remembered, and told in a warning. Raises IntegrityError,
    naming both, where the Hub has something else than was first seen, NetworkError where it is away and the cache lacks
    the model, and what fetching raises.
    """
    from zoo.catalogue.hub.cache import RepoCache
    from zoo.catalogue.hub.client import Hub
    from zoo.catalogue.weights.foreign import Repository

    assert weights.repo_id is not None
    known, who = known_pins(name, weights)
    cache = RepoCache(access.cache, weights.repo_id)
    place = Repository(cache=cache, name=name, registry=registry, pins=known.files)
    folder = None
    if access.offline or (known.pinned and not access.force):
        folder = place.of_cache(known.revision or "main")
    if folder is None and access.offline:
        advice = f"fetch it once with the network: `zoo pull {name}`"
        raise NetworkError(
            f"{name}: hf://{weights.repo_id} is not in the cache, and being offline was asked for; {advice}"
        )
    if folder is None:
        folder = _fetched(place, Hub(access.token), known, who, force=access.force)
    folder = replace(folder, spec=spec)
    if not known.pinned:
        folder = _remembered(folder, weights.repo_id)
    return _explained(folder, name) if who == "first seen" else folder


def _fetched(place: Repository, hub: Hub, known: WeightsSpec, who: str, *, force: bool) -> Folder:
    absent = NotInFormat(f"hf://{known.repo_id} is in no format that is read")
    try:
        return place.of_hub(hub, known.revision or "main", absent, force=force)
    except IntegrityError as error:
        if who != "first seen":
            raise
        raise _other(error, place.name) from None
    except NotFoundError:
        if not known.pinned:
            raise
        commit, _ = hub.files(place.cache.repo, "main")  # the repository is there, the commit is not
        was = f"hf://{known.repo_id} had commit {known.revision} ({who})"
        text = f"{place.name}: {was}, and has {commit} without it now"
        raise _other(IntegrityError(text), place.name) from None


def _explained(folder: Folder, name: str) -> Folder:
    """The folder, which says of damage what it is measured by."""

    def repair(file: str, error: ZooError) -> Folder:
        try:
            if folder.repair is None:
                raise error
            return folder.repair(file, error)
        except IntegrityError as failure:
            raise _other(failure, name) from None

    return replace(folder, repair=repair)


def _other(error: IntegrityError, name: str) -> IntegrityError:
    advice = f"if you trust what is there now: `zoo pin {name} --forget`"
    return IntegrityError(f"{error}; nobody has pinned {name}, and that was seen first; {advice}")


def _remembered(folder: Folder, repo: str) -> Folder:
    """The folder with all its files pinned to the bytes they have; said, and kept where that is possible."""
    assert folder.foreign is not None
    files = (*folder.foreign.tables, *folder.foreign.weights)
    pins = {file: hashlib.sha256(folder.read(file)).hexdigest() for file in files}
    told = {"repo_id": repo, "revision": folder.commit, "files": pins}
    path, kept = _memory(repo), "it could not be remembered"
    with contextlib.suppress(StorageError):
        if path is not None:
            write_pins(path, {folder.name: told})
            kept = f"remembered, and nothing else will be taken; `zoo pin {folder.name}` writes it down"
    digests = ", ".join(f"{file} sha256 {digest}" for file, digest in pins.items())
    warn(f"{folder.name}: nobody has pinned hf://{repo}; it is commit {folder.commit}, {digests}; {kept}")
    return replace(folder, pins=pins)


def refuse_other(name: str, weights: WeightsSpec, access: Access) -> None:
    """Raise IntegrityError, naming both, where a branch now holds other files than were first seen of a model that
    nobody has pinned; the Hub is asked, where it is there.
    """
    from zoo.catalogue.hub.cache import RepoCache
    from zoo.catalogue.hub.client import Hub

    known, who = known_pins(name, weights)
    if who != "first seen" or access.offline:
        return
    assert known.repo_id is not None
    assert known.revision is not None
    hub, cache = Hub(access.token), RepoCache(access.cache, known.repo_id)
    commit, there = hub.files(known.repo_id, "main")
    for file, digest in known.files.items() if commit != known.revision else ():
        stated = hub.look(known.repo_id, commit, file).digest if file in there else None
        if stated not in (digest, cache.digest(known.revision, file)):
            now = f"sha256 or Git id {stated}" if stated else "gone"
            text = f"{name}: hf://{known.repo_id} was first seen at commit {known.revision}, {file} sha256 {digest}"
            raise _other(IntegrityError(f"{text}; it is commit {commit} now, {file} {now}"), name)


# --- what is kept --------------------------------------------------------------------------------------------------


def _memory(repo: str) -> Path | None:
    folder = cache_folder(os.environ)
    return None if folder is None else folder / "first-seen" / f"{repo.replace('/', '--')}.toml"


def forget(repo: str) -> bool:
    """Remove what was first seen of a repository; says whether there was anything. Raises StorageError."""
    path = _memory(repo)
    if path is None or not path.is_file():
        return False
    with storage_errors(f"cannot remove {path}"):
        path.unlink()
    return True
