"""Folders and repositories in formats of others: recognised by what plugins know, named where nobody knows them."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.catalogue.contract.formats import Foreign, FormatSpec, Listing
from zoo.catalogue.contract.names import COMMIT, INSIDE
from zoo.catalogue.contract.references import blamed, import_reference
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.hub.access import Access
from zoo.catalogue.weights.fetching import fetch, is_good, never, usable, warn
from zoo.catalogue.weights.folder import CONFIG, MOST_CONFIG, Folder, OtherFormat, parse_evaluation
from zoo.errors import NetworkError, NotFoundError, PluginError, StorageError, WeightsError, ZooError
from zoo.files import storage_errors

if TYPE_CHECKING:
    from zoo.catalogue.hub.cache import RepoCache
    from zoo.catalogue.hub.client import Hub

__all__ = ["Repository", "foreign_folder", "foreign_repository"]

MOST_SEEN, DEEPEST = 5_000, 3  # files of a folder, and folders within one another, that are looked at
PICKLED = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".h5", ".msgpack", ".onnx")
_parsed = functools.partial(parse_evaluation, finite=False)  # Python programs write -Infinity where it is meant
ADVICE = "`zoo list formats` shows what is read"


def foreign_folder(path: Path, name: str, registry: Registry) -> Folder | None:
    """A folder of one's own in another format; None where no plugin knows it."""
    with storage_errors(f"cannot read {path}"):
        files = tuple(sorted(_files(path)))

    def read(file: str) -> dict[str, Any]:
        with _readable(), (path / file).open("rb") as stream:
            return _parsed(stream.read(MOST_CONFIG), str(path / file))

    found = _recognised(Listing(files, read), registry)
    return None if found is None else Folder(name=name, path=path, origin=str(path), foreign=found)


def foreign_repository(repo: str, name: str, access: Access, registry: Registry, failure: ZooError) -> Folder:
    """A repository of the Hub in another format, complete in the cache: its tables, and the weights alone.

    Raises `failure` where it is in the zoo's own format or nothing is known of it, NotFoundError which says what an
    unknown one looks like, and what fetching raises.
    """
    from zoo.catalogue.hub.cache import RepoCache
    from zoo.catalogue.hub.client import Hub

    if not registry.list("format"):
        raise failure
    place = Repository(cache=RepoCache(access.cache, repo), name=name, registry=registry)
    revision = access.revision or "main"
    if not isinstance(failure, NetworkError):
        return place.of_hub(Hub(access.token), revision, failure, force=access.force)
    found = place.of_cache(revision)
    if found is None:
        raise failure
    if not access.offline:
        warn(f"{failure}; using commit {found.commit} of hf://{repo} from the cache")
    return found


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A repository of the Hub in another format than the zoo's."""

    cache: RepoCache
    name: str  # as it was asked for
    registry: Registry  # whose formats are known
    pins: Mapping[str, str] = field(default_factory=dict)  # file -> sha256, where they are known

    def recognised(self, hub: Hub, revision: str, failure: ZooError) -> tuple[str, Foreign]:
        """The commit that a revision stands at, and what its files are by their names and tables, which are kept in
        the cache. Raises as `foreign_repository`.
        """
        commit, files = hub.files(self.cache.repo, revision)

        def read(file: str) -> dict[str, Any]:
            fetch(lambda: hub, self.cache, commit, [file], {}, ours=False)
            text = self._folder(commit, (file,), hub=hub).read(file)
            return _parsed(text, f"hf://{self.cache.repo}@{commit}: {file}")

        found = _recognised(Listing(files, read), self.registry)
        if found is None:
            raise _unknown(self.cache.repo, files, read, failure, self.registry)
        return commit, found

    def of_hub(self, hub: Hub, revision: str, failure: ZooError, *, force: bool = False) -> Folder:
        """Complete in the cache, its weights fetched where they are not there; with `force` all of it anew."""
        commit, found = self.recognised(hub, revision, failure)
        files = (*found.tables, *found.weights)
        fetch(lambda: hub, self.cache, commit, list(found.weights), {}, never if force else usable, ours=False)
        with contextlib.suppress(StorageError):  # a cache that cannot be written
            if not COMMIT.fullmatch(revision):
                self.cache.set_ref(revision, commit)
        return self._folder(commit, files, found, hub)

    def of_cache(self, revision: str) -> Folder | None:
        """What was fetched before, where all of it is there."""
        commit = revision if COMMIT.fullmatch(revision) else self.cache.ref(revision)
        if commit is None or not self.cache.snapshot(commit).is_dir():
            return None
        files = tuple(sorted(_files(self.cache.snapshot(commit))))

        def read(file: str) -> dict[str, Any]:
            with _readable():
                return _parsed(self._folder(commit, (file,)).read(file), file)

        found = _recognised(Listing(files, read), self.registry)
        if found is None or not all(self.cache.has(commit, file) for file in found.weights):
            return None
        return self._folder(commit, (*found.tables, *found.weights), found)

    def _folder(
        self, commit: str, files: tuple[str, ...], foreign: Foreign | None = None, hub: Hub | None = None
    ) -> Folder:
        def repair(file: str, error: ZooError) -> Folder:
            assert hub is not None
            try:
                fetch(lambda: hub, self.cache, commit, [file], self.pins, is_good, ours=False)
            except (NetworkError, StorageError) as failure:
                raise type(error)(f"{error}; it cannot be fetched anew: {failure}") from None
            return self._folder(commit, files, foreign)

        return Folder(
            name=self.name,
            path=self.cache.snapshot(commit),
            pins=self.pins,
            digests={file: digest for file in files if (digest := self.cache.digest(commit, file))},
            source="hub",
            commit=commit,
            origin=f"hf://{self.cache.repo}@{commit}",
            repair=None if hub is None else repair,
            foreign=foreign,
        )


def _recognised(listing: Listing, registry: Registry) -> Foreign | None:
    """What the first format that knows it says. Raises WeightsError for what is malformed, PluginError."""
    listing = Listing(listing.files, functools.cache(listing.read))
    for owned in registry.list("format"):
        spec = owned.spec
        assert isinstance(spec, FormatSpec)
        owner = f"format {owned.name}"
        look: Callable[[Listing], Foreign | None] = import_reference(spec.recognise, owner, spec.install_hint)
        try:
            with blamed(f"{owner}: looking at the files failed"):
                found = look(listing)
        except _UnreadableError:
            continue
        if found is None:
            continue
        if not isinstance(found, Foreign) or not set(found.weights) | set(found.tables) <= set(listing.files):
            raise PluginError(f"{owner}: what it recognises is no Foreign of the files that are there")
        if strange := [file for file in found.weights if not file.endswith(".safetensors")]:
            raise WeightsError(f"{strange[0]} is no safetensors file, and nothing else is loaded")
        return found
    return None


class _UnreadableError(ZooError):
    """A table that cannot be read: then nothing is recognised by it."""


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (OSError, ZooError) as error:
        raise _UnreadableError(str(error)) from error


def _files(root: Path) -> list[str]:
    found = []
    for folder, folders, files in os.walk(root):
        inside = Path(folder).relative_to(root)
        folders[:] = sorted(folders)[:MOST_SEEN] if len(inside.parts) < DEEPEST else []
        found += [name for file in files if INSIDE.fullmatch(name := (inside / file).as_posix())]
        if len(found) > MOST_SEEN:
            break
    return found[:MOST_SEEN]


def _unknown(
    repo: str, files: tuple[str, ...], read: Callable[[str], dict[str, Any]], failure: ZooError, registry: Registry
) -> ZooError:
    """What a repository that no plugin knows looks like."""
    kind: type[ZooError] = WeightsError if isinstance(failure, OtherFormat) else NotFoundError
    tensors = any(file.endswith(".safetensors") for file in files)
    pickled = next((file for file in files if file.endswith(PICKLED)), "")
    if pickled and not tensors:
        return kind(f"{failure}; it has pickled weights alone ({pickled}), which are never loaded; {ADVICE}")
    for file in ("model_index.json", CONFIG):
        if file in files:
            with contextlib.suppress(ZooError):
                table = read(file)
                what = table.get("_class_name") or table.get("model_type")
                if isinstance(what, str):
                    library = "diffusers" if "_class_name" in table else "transformers"
                    told = f"{failure}; it is a {what:.60} of {library}, which no plugin reads"
                    return kind(f"{told}; {_read_of(library, registry)}")
    return failure


def _read_of(library: str, registry: Registry) -> str:
    """Which plugin reads something of a library, and what."""
    found = [owned for owned in registry.list("format") if owned.name.rpartition("/")[2] == library]
    if not found:
        return f"none for {library} is installed; {ADVICE}"
    return f"of {library} the plugin {found[0].owner} reads: {found[0].spec.summary.rstrip('.')}"
