"""A model -> a local folder whose bytes are the pinned ones. The only place that reads from the network.

A name is `name` or `namespace/name` of the catalogue, `hf://org/repo[@revision]`, or a path (`./folder`). The order is
bundled copy, Hub cache, Hub. Bytes are hashed as they are read, every time, and it is these bytes that are used.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.errors import IntegrityError, NetworkError, NotFoundError, StorageError, UsageError, WeightsError, ZooError
from zoo.files import storage_errors
from zoo.registry import Registry
from zoo.settings import offline
from zoo.specs import ModelSpec, WeightsSpec, resource

__all__ = [
    "CONCEPTS",
    "CONFIG",
    "DISCRIMINATOR",
    "GOLDEN",
    "MODEL",
    "PRIOR",
    "Folder",
    "locate",
    "parse_config",
    "sha256_of",
]

CONFIG, MODEL = "config.json", "model.safetensors"
DISCRIMINATOR, GOLDEN = "discriminator.safetensors", "golden.safetensors"
PRIOR, CONCEPTS = "prior.safetensors", "concepts.safetensors"
FILES = (CONFIG, MODEL, DISCRIMINATOR, GOLDEN, PRIOR, CONCEPTS)
CONFIG_KEYS = {"format", "architecture", "config", "data", "training", "zoo"}
MOST_BYTES = 8 * 2**30
MOST_CONFIG = 2**20
DISK = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR}
HUB_NAME = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+?)(@(?P<revision>[\w./-]+))?")
NAME = re.compile(r"([A-Za-z0-9_.-]+/)?[A-Za-z0-9_.-]+")


@dataclass(frozen=True, kw_only=True)
class Folder:
    """Where a model's files are, and what their sha256 must be (nothing, for a folder of the user's own)."""

    name: str
    path: Path
    pins: Mapping[str, str] = field(default_factory=dict)
    spec: ModelSpec | None = None
    source: str = "folder"  # "bundled", "hub" or "folder"

    def read(self, file: str) -> bytearray:
        """The bytes of a file, hashed if it is pinned.

        Raises NotFoundError when it is not there, IntegrityError when the bytes are not the pinned ones, StorageError.
        """
        path = self.path / file
        if not path.is_file():
            raise NotFoundError(f"{self.name}: {path} is missing; name a complete weights folder or reinstall")
        with storage_errors(f"cannot read {path}"), path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > (MOST_CONFIG if file == CONFIG else MOST_BYTES):
                raise WeightsError(f"{path} has {size:,} bytes, more than is ever loaded")
            data = bytearray(size)
            if stream.readinto(data) != size:
                raise StorageError(f"{path} was cut while it was read; try again")
        pin = self.pins.get(file)
        if self.pins and pin is None:
            raise IntegrityError(f"{path} is not pinned by the catalogue; its files are {', '.join(self.pins)}")
        if pin is not None and (found := hashlib.sha256(data).hexdigest()) != pin:
            raise IntegrityError(f"{path} has sha256 {found}, pinned is {pin}; reinstall or pull it again")
        return data

    def has(self, file: str) -> bool:
        """Whether the folder has that file."""
        return (self.path / file).is_file()

    def config(self) -> dict[str, Any]:
        """config.json, its keys checked. Raises WeightsError."""
        return parse_config(self.read(CONFIG), f"{self.path / CONFIG}")


def parse_config(raw: bytes | bytearray, where: str) -> dict[str, Any]:
    """Decode config.json and check its form; what the architecture's config holds is checked when it is built."""
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{where} is no JSON: {error!s:.120}") from error
    if not isinstance(data, dict) or set(data) != CONFIG_KEYS:
        found = sorted(data) if isinstance(data, dict) else type(data).__name__
        keys = ", ".join(sorted(CONFIG_KEYS))
        raise WeightsError(f"{where} must have exactly the keys {keys}; it has {found!s:.200}")
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
    """Find a model's folder.

    Raises UsageError for a malformed name, NotFoundError for an unknown one, and what reading the Hub raises.
    """
    if isinstance(name, os.PathLike) or (isinstance(name, str) and _is_path(name)):
        path = Path(os.path.expanduser(os.fspath(name)))
        if not path.is_dir():
            raise NotFoundError(f"there is no folder {path}; a weights folder holds {CONFIG} and {MODEL}")
        return Folder(name=str(name), path=path)
    if not isinstance(name, str):
        raise UsageError(f"a model's name is a text or a path, not {name!r:.80}")
    if name.startswith("hf://"):
        match = HUB_NAME.fullmatch(name)
        if not match or ".." in name:
            raise UsageError(f"{name!r:.120} is malformed; write hf://org/repo or hf://org/repo@revision")
        return Folder(name=name, path=_from_hub(match["repo"], match["revision"]), source="hub")
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r:.120} is no model name; write NAME, NAMESPACE/NAME, hf://org/repo or ./folder")
    spec = registry.model(name)
    if spec.weights is None:
        raise NotFoundError(f"{name} has no published weights; train it: zoo train {name}, then zoo export")
    path, source = _place(spec.weights, name)
    return Folder(name=name, path=path, pins=spec.weights.files, spec=spec, source=source)


def _is_path(name: str) -> bool:
    if name.startswith("hf://"):
        return False
    return name.startswith((".", "/", "~", os.sep)) or name.endswith("/") or os.path.isabs(name)


def _place(weights: WeightsSpec, name: str) -> tuple[Path, str]:
    if weights.bundled is not None:
        try:
            return resource(weights.bundled, name), "bundled"
        except NotFoundError:
            if weights.repo_id is None:
                raise
    assert weights.repo_id is not None
    return _from_hub(weights.repo_id, weights.revision), "hub"


def _from_hub(repo_id: str, revision: str | None) -> Path:
    """Fetch the files of the format, and nothing else, into the Hub's own cache."""
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(
            repo_id, revision=revision, allow_patterns=list(FILES), local_files_only=offline(os.environ)
        )
    except Exception as error:  # each major version of the client raises errors of another HTTP library
        raise _hub_error(repo_id, revision, error) from error
    return Path(found)


def _hub_error(repo_id: str, revision: str | None, error: Exception) -> ZooError:
    kind = type(error).__name__
    where = repo_id + (f"@{revision}" if revision else "")
    if kind in ("RepositoryNotFoundError", "RevisionNotFoundError", "GatedRepoError", "HFValidationError"):
        return NotFoundError(f"hf://{where}: no such public repository or revision ({kind}); check the name")
    if isinstance(error, OSError) and error.errno in DISK:
        return StorageError(f"the Hub's cache cannot be written: {error.strerror}; set HF_HOME to another folder")
    return NetworkError(f"hf://{where} cannot be fetched ({kind}); check the network, or use a bundled model offline")
