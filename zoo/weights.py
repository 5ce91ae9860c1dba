"""A model -> a local folder whose bytes are the pinned ones.

A name is `name` or `namespace/name` of the catalogue, `hf://org/repo[@revision]`, or a path (`./folder`). The order is
bundled copy, Hub cache, Hub. Bytes are hashed as they are read, every time, and it is these bytes that are used. What
is damaged is fetched anew, or refused.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.configs import strict_json
from zoo.errors import (
    IntegrityError,
    NetworkError,
    NotFoundError,
    PluginError,
    StorageError,
    UsageError,
    WeightsError,
    ZooError,
)
from zoo.files import storage_errors
from zoo.registry import Registry
from zoo.specs import COMMIT, ModelSpec, WeightsSpec, resource, split_hub_name

if TYPE_CHECKING:
    from zoo.hub import Hub
    from zoo.hub_cache import RepoCache

__all__ = [
    "CARD",
    "CONCEPTS",
    "CONFIG",
    "DISCRIMINATOR",
    "EVALUATION",
    "GOLDEN",
    "MODEL",
    "PRIOR",
    "Folder",
    "hashes_of",
    "locate",
    "parse_config",
    "sha256_of",
]

CONFIG, MODEL = "config.json", "model.safetensors"
DISCRIMINATOR, GOLDEN = "discriminator.safetensors", "golden.safetensors"
CARD, EVALUATION = "README.md", "evaluation.json"
PRIOR, CONCEPTS = "prior.safetensors", "concepts.safetensors"
FILES = (CONFIG, MODEL, DISCRIMINATOR, GOLDEN, PRIOR, CONCEPTS)
CONFIG_KEYS = {"format", "architecture", "config", "data", "training", "zoo"}
MOST_BYTES, MOST_BESIDE, MOST_CONFIG = 8 * 2**30, 2**30, 2**20
NAME = re.compile(r"([A-Za-z0-9_.-]+/)?[A-Za-z0-9_.-]+")


def most_bytes(file: str) -> int:
    """The size of a file beyond which it is neither fetched nor read."""
    if file in (CONFIG, CARD, EVALUATION):
        return MOST_CONFIG
    return MOST_BESIDE if file in (GOLDEN, PRIOR, CONCEPTS) else MOST_BYTES


@dataclass(frozen=True, kw_only=True)
class Folder:
    """Where a model's files are, and what their bytes must be (nothing is known of a folder of the user's own)."""

    name: str
    path: Path
    pins: Mapping[str, str] = field(default_factory=dict)  # the catalogue's: file -> sha256
    digests: Mapping[str, str] = field(default_factory=dict)  # the Hub's, without a pin: sha256 or Git blob id
    spec: ModelSpec | None = None
    source: str = "folder"  # "bundled", "hub" or "folder"
    commit: str | None = None  # which one of the Hub's
    origin: str = ""  # "hf://org/repo@commit", "bundled" or the path
    repair: Callable[[str, ZooError], Folder] | None = None  # where else a file that is damaged can be had

    def read(self, file: str, *, most: int | None = None) -> bytearray:
        """The bytes of a file, hashed if it is known what they must be; a damaged one is fetched anew where it can be.

        Raises NotFoundError when it is not there, IntegrityError when the bytes are not the pinned ones, StorageError,
        WeightsError for more than `most` bytes, or a size that is never loaded: before memory is taken.
        """
        bound = min(most_bytes(file), most or MOST_BYTES)
        try:
            return self._read(file, bound)
        except (IntegrityError, NotFoundError, StorageError, WeightsError) as error:
            if self.repair is None or not (file in self.pins or file in self.digests):
                raise
            return self.repair(file, error)._read(file, bound)

    def _read(self, file: str, most: int) -> bytearray:
        path = self.path / file
        if not path.is_file():
            raise NotFoundError(f"{self.name}: {path} is missing; name a complete weights folder or reinstall")
        if self.pins and file not in self.pins and file not in (CARD, EVALUATION):
            raise IntegrityError(f"{path} is not pinned by the catalogue; its files are {', '.join(self.pins)}")
        with storage_errors(f"cannot read {path}"), path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > most:
                raise WeightsError(f"{path} has {size:,} bytes; at most {most:,} can be meant")
            if stream.readinto(data := bytearray(size)) != size:
                raise StorageError(f"{path} was cut while it was read; try again")
        if (wanted := self.pins.get(file) or self.digests.get(file)) and wanted not in _hashes(data, wanted):
            found = hashlib.sha256(data).hexdigest()
            raise IntegrityError(f"{path} has sha256 {found}, pinned is {wanted}; reinstall or pull it again")
        return data

    def has(self, file: str) -> bool:
        """Whether the folder has that file."""
        return (self.path / file).is_file()

    def config(self) -> dict[str, Any]:
        """config.json, its keys checked. Raises WeightsError."""
        return parse_config(self.read(CONFIG), f"{self.path / CONFIG}")

    def evaluation(self) -> dict[str, Any]:
        """What evaluation.json says; nothing where there is none. Raises WeightsError."""
        return _table(self.read(EVALUATION), f"{self.path / EVALUATION}") if self.has(EVALUATION) else {}


def _hashes(data: bytes | bytearray, like: str) -> tuple[str, ...]:
    """The sha256 of these bytes; for 40 digits Git's name of them and their sha1, as the Hub names small files."""
    if len(like) != 40:
        return (hashlib.sha256(data).hexdigest(),)
    blob = hashlib.sha1(b"blob %d\0" % len(data))
    blob.update(data)
    return blob.hexdigest(), hashlib.sha1(data).hexdigest()


def hashes_of(path: Path, like: str) -> tuple[str, ...]:
    """What `like`, a digest of 64 or 40 digits, is to be compared with for a file. Raises OSError."""
    if len(like) == 40:
        return _hashes(path.read_bytes(), like)
    with path.open("rb") as stream:
        return (hashlib.file_digest(stream, "sha256").hexdigest(),)


def _table(raw: bytes | bytearray, where: str) -> dict[str, Any]:
    try:
        data = strict_json(raw)
    except ValueError as error:
        raise WeightsError(f"{where} is no JSON: {error!s:.120}") from error
    if isinstance(data, dict):
        return data
    raise WeightsError(f"{where} is no JSON table: it holds a {type(data).__name__}")


def parse_config(raw: bytes | bytearray, where: str) -> dict[str, Any]:
    """Decode config.json and check its form; what the architecture's config holds is checked when it is built."""
    data = _table(raw, where)
    if set(data) != CONFIG_KEYS:
        keys = ", ".join(sorted(CONFIG_KEYS))
        raise WeightsError(f"{where} must have exactly the keys {keys}; it has {sorted(data)!s:.200}")
    if type(data["format"]) is not int or data["format"] != 1:
        raise WeightsError(f"{where} is of format {data['format']!r:.40}; this zoo reads format 1: update genzoo")
    if not isinstance(data["architecture"], str) or not NAME.fullmatch(data["architecture"]):
        raise WeightsError(f"{where}: architecture {data['architecture']!r:.80} is no name of the catalogue")
    if not all(isinstance(data[key], dict) for key in ("config", "data", "training")):
        raise WeightsError(f"{where}: config, data and training must be tables")
    return data


def sha256_of(path: Path) -> str:
    """The sha256 of a file, lower-case hex. Raises StorageError."""
    with storage_errors(f"cannot read {path}"), path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def locate(name: str | os.PathLike[str], registry: Registry) -> Folder:
    """Find a model's folder, fetching what is not there.

    Raises UsageError for a malformed name, NotFoundError for an unknown one, and what reading the Hub raises:
    NetworkError, IntegrityError, StorageError, WeightsError.
    """
    if isinstance(name, os.PathLike) or (isinstance(name, str) and _is_path(name)):
        path = Path(os.path.expanduser(os.fspath(name)))
        if not path.is_dir():
            raise NotFoundError(f"there is no folder {path}; a weights folder holds {CONFIG} and {MODEL}")
        return Folder(name=str(name), path=path, origin=str(path))
    if not isinstance(name, str):
        raise UsageError(f"a model's name is a text or a path, not {name!r:.80}")
    if name.startswith("hf://"):
        repo, revision = split_hub_name(name)
        with _hint(registry):
            return _from_hub(repo, revision, name, {})
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r:.120} is no model name; write NAME, NAMESPACE/NAME, hf://org/repo or ./folder")
    spec = registry.model(name)
    if spec.weights is None:
        raise NotFoundError(f"{name} has no published weights; train it: zoo train {name}, then zoo export")
    with _hint(registry):
        return _of_catalogue(spec, spec.weights, name)


def _is_path(name: str) -> bool:
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


def _of_catalogue(spec: ModelSpec, weights: WeightsSpec, name: str) -> Folder:
    def from_hub(file: str | None, error: ZooError) -> Folder:
        if weights.repo_id is None:
            raise error
        try:
            folder = replace(_from_hub(weights.repo_id, weights.revision, name, weights.files), spec=spec)
        except (NetworkError, NotFoundError) as failure:
            if file is None:
                raise
            raise type(error)(f"{error}; the Hub's copy cannot be had either: {failure}") from None
        if file is not None:
            _warn(f"{name}: the bundled {file} is damaged; using the one of {folder.origin}")
        return folder

    if weights.bundled is not None:
        try:
            path = resource(weights.bundled, name)
        except NotFoundError as error:
            return from_hub(None, error)
        bundle = Folder(name=name, path=path, pins=weights.files, spec=spec, source="bundled", origin="bundled")
        return bundle if weights.repo_id is None else replace(bundle, repair=from_hub)
    return from_hub(None, NotFoundError(f"{name} has no bundled weights"))


# --- the Hub -------------------------------------------------------------------------------------------------------


def _say(text: str) -> None:
    import logging  # not needed for a bundled model

    logging.getLogger("zoo").info("%s", text)


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=2)


def _from_hub(repo: str, revision: str | None, name: str, pins: Mapping[str, str]) -> Folder:
    """The files of the format, and nothing else, in the Hub's own cache; fetched where they are not there."""
    from zoo.hub import Hub, is_offline
    from zoo.hub_cache import RepoCache, hub_folder

    cache = RepoCache(hub_folder(), repo)
    hub = None if is_offline() else functools.cache(Hub)  # opened where it is asked first
    if revision is not None and COMMIT.fullmatch(revision):
        commit = revision
        _complete(hub, cache, commit, pins)
    else:
        commit = _follow(hub, cache, revision or "main")
        _say(f"{name} is commit {commit}")
    unpinned = [CARD] if pins else [*FILES, CARD]
    digests = {file: digest for file in unpinned if (digest := cache.digest(commit, file))}

    def repair(file: str, error: ZooError) -> Folder:
        if hub is None:
            raise error
        try:
            _fetch(hub, cache, commit, [file], pins, anew=True)
        except (NetworkError, StorageError) as failure:
            raise type(error)(f"{error}; it cannot be fetched anew: {failure}") from None
        return replace(folder, digests=digests | {file: cache.digest(commit, file) or ""})

    folder = Folder(
        name=name,
        path=cache.snapshot(commit),
        pins=pins,
        digests=digests,
        source="hub",
        commit=commit,
        origin=f"hf://{repo}@{commit}",
        repair=repair,
    )
    return folder


def _follow(hub: Callable[[], Hub] | None, cache: RepoCache, revision: str) -> str:
    """The commit of a branch or tag, complete in the cache: the Hub's, or the one last found where the Hub is away."""
    known = cache.ref(revision)
    if known is not None and not all(_usable(cache, known, file, {}) for file in (CONFIG, MODEL)):
        known = None
    if hub is None:
        if known is None:
            raise NetworkError(f"hf://{cache.repo}@{revision} is not in the cache, and being offline was asked for")
        return known
    try:
        with _format(cache.repo, revision):
            entry = hub().look(cache.repo, revision, CONFIG)
        _complete(hub, cache, entry.commit, {})
    except (NetworkError, StorageError) as error:
        if known is None:
            raise
        _warn(f"{error}; using commit {known} of hf://{cache.repo} from the cache")
        return known
    if entry.moved is not None:
        _warn(f"hf://{cache.repo} is now hf://{entry.moved}; make sure that it is still whom you trust")
    with contextlib.suppress(StorageError):  # a cache that cannot be written
        cache.set_ref(revision, entry.commit)
    return entry.commit


def _complete(hub: Callable[[], Hub] | None, cache: RepoCache, commit: str, pins: Mapping[str, str]) -> None:
    """Fetch what the cache lacks of a commit: what is pinned, or else the files of the format; and the card."""
    needed = list(pins) or [CONFIG, MODEL]
    missing = [file for file in needed if not _usable(cache, commit, file, pins)]
    more = [file for file in ([CARD] if pins else [*FILES, CARD]) if file not in needed]
    more = [file for file in more if not cache.has(commit, file) and not cache.lacks(commit, file)]
    where = f"hf://{cache.repo}@{commit}"
    if missing and hub is None:
        raise NetworkError(f"{where}: {', '.join(missing)} not in the cache, and being offline was asked for")
    if hub is None or (not missing and (pins or not more)):
        return
    if missing:
        with _format(cache.repo, commit):
            _fetch(hub, cache, commit, missing, pins)
    for file in more:
        try:
            _fetch(hub, cache, commit, [file], pins)
        except NotFoundError:
            with contextlib.suppress(StorageError):
                cache.set_lacks(commit, file)
        except (NetworkError, StorageError):  # what is needed is there
            return


@contextlib.contextmanager
def _format(repo: str, revision: str) -> Iterator[None]:
    from zoo.hub import Absent

    try:
        yield
    except Absent as error:
        advice = "it is no model in the zoo's format (pickled weights are never loaded)"
        raise NotFoundError(f"{error}; {advice}") from None


def _usable(cache: RepoCache, commit: str, file: str, pins: Mapping[str, str]) -> bool:
    """Whether the cache has a file and something says which bytes it must hold."""
    return cache.has(commit, file) and (file in pins or cache.digest(commit, file) is not None)


def _is_good(cache: RepoCache, commit: str, file: str, pins: Mapping[str, str]) -> bool:
    """Whether another process has mended a file meanwhile."""
    path, wanted = cache.snapshot(commit) / file, pins.get(file) or cache.digest(commit, file)
    with contextlib.suppress(OSError):
        return wanted is not None and path.stat().st_size <= most_bytes(file) and wanted in hashes_of(path, wanted)
    return False


def _fetch(
    hub: Callable[[], Hub], cache: RepoCache, commit: str, files: list[str], pins: Mapping[str, str], anew: bool = False
) -> None:
    """Download files into the cache, one process at a time; `anew` replaces one that is there and damaged."""
    with cache.lock():
        for path in cache.unfinished():
            with contextlib.suppress(OSError):
                path.unlink()
        for file in files:
            if anew and _is_good(cache, commit, file, pins):
                continue
            if not anew and _usable(cache, commit, file, pins):  # another process was faster
                continue
            with storage_errors(f"cannot write the Hub's cache {cache.folder}"), cache.writing() as (stream, aside):
                _, named = hub().download(cache.repo, commit, file, stream, most=most_bytes(file), pin=pins.get(file))
                if file == CONFIG and not pins:  # before it is kept, and before anything big is taken
                    stream.seek(0)
                    parse_config(stream.read(), f"hf://{cache.repo}@{commit}: {CONFIG}")
                cache.keep(stream, aside, commit, file, named)
