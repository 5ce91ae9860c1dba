"""Which bytes a model's weights are: the spec that says it, and the files in which pins are kept. No torch.

A pins file is TOML, a table a model, as `zoo pin` and `zoo push --pins` write it:

    [vae-faces]
    repo_id = "org/vae-faces"
    revision = "<40-hex commit>"
    [vae-faces.files]
    "config.json" = "<sha256>"
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from zoo.catalogue.contract.names import COMMIT, INSIDE, REPO, SHA256
from zoo.catalogue.contract.references import FILE, check_reference, resource
from zoo.errors import ConfigError, PluginError
from zoo.files import new_file, storage_errors

__all__ = ["WeightsSpec", "pins_text", "read_pins", "weights_of", "write_pins"]

NEEDED = {"config.json", "model.safetensors"}
HEAD = "# Which bytes the weights of models are: file -> sha256, and the commit on the Hub. Written by `zoo pin`.\n"
TABLE = re.compile(r"\[(?:\"([^\"\\]+)\"|([\w-]+))(\.files)?\]", re.ASCII)
LINE = re.compile(r"(?:\"([^\"\\]+)\"|([\w-]+)) = \"([^\"\\]*)\"", re.ASCII)
MOST_PINS = 2**22  # bytes of a file


@dataclass(frozen=True, kw_only=True)
class WeightsSpec:
    """Where a model's weights are, and which bytes they must be."""

    files: Mapping[str, str] = field(default_factory=dict)  # file name -> sha256, lower-case hex
    bundled: str | None = None  # a folder an installed package carries: "package:path/inside"
    repo_id: str | None = None  # "org/repo" on the Hub
    revision: str | None = None  # the 40-hex commit there
    format: str = ""  # of another program's, by a plugin's name for it; then nothing need be pinned yet

    def __post_init__(self) -> None:
        for name, digest in self.files.items():
            if not isinstance(digest, str) or not SHA256.fullmatch(digest):
                raise PluginError(f"weights file {name}: {digest!r} is no sha256 (64 lower-case hex digits)")
        if not isinstance(self.format, str):
            raise PluginError(f"weights: format must be a string, not {self.format!r}")
        if not self.format and not set(self.files) >= NEEDED:
            raise PluginError("weights must pin config.json and model.safetensors")
        if self.bundled is not None:
            check_reference(self.bundled, FILE, "bundled weights")
        if self.bundled is None and self.repo_id is None:
            raise PluginError("weights need `bundled`, or `repo_id` and `revision`")
        if self.repo_id is not None and not REPO.fullmatch(self.repo_id):
            raise PluginError(f"repo_id is {self.repo_id!r}; it must look like 'org/repo'")
        if self.format:
            self._check_foreign()
        elif self.repo_id is not None and not COMMIT.fullmatch(self.revision or ""):
            raise PluginError(f"{self.repo_id}: revision {self.revision!r} is no 40-hex commit")

    def _check_foreign(self) -> None:
        if self.bundled is not None or self.repo_id is None:
            raise PluginError(f"weights of the format {self.format} are on the Hub: give `repo_id`, and no `bundled`")
        if bool(self.files) != (self.revision is not None) or not COMMIT.fullmatch(self.revision or "0" * 40):
            raise PluginError(f"{self.repo_id}: pin both, `files` and `revision` (a 40-hex commit), or neither")
        if strange := [file for file in self.files if not INSIDE.fullmatch(file)]:
            raise PluginError(f"{self.repo_id}: {strange[0]!r:.80} is no name of a file in a repository")

    @property
    def pinned(self) -> bool:
        """Whether the catalogue says which bytes they are."""
        return bool(self.files)


def weights_of(reference: str) -> Mapping[str, WeightsSpec]:
    """The weights that a pins file pins, by the names of the models: `weights_of("acme_zoo:weights/pins.toml")`.

    `reference` names the file, as "package:path".

    The folders that the package carries lie beside the file, each named as its model; one that is not there is on the
    Hub. Raises NotFoundError where the file is missing, ConfigError for one that is malformed, PluginError for pins
    that are none, StorageError.
    """
    check_reference(reference, FILE, "pins file")
    path = resource(reference, "pins")
    with storage_errors(f"cannot read {path}"):
        return _weights_of(reference, path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _weights_of(reference: str, path: Path, _: int) -> Mapping[str, WeightsSpec]:
    beside = re.sub(r"[^/:]+$", "", reference)
    found = read_pins(path).items()
    return MappingProxyType({name: WeightsSpec(bundled=beside + name, **told) for name, told in found})


def read_pins(path: Path) -> dict[str, dict[str, Any]]:
    """What a pins file says: name -> {"files": ..., "repo_id": ..., "revision": ...}, the last two where it is known.

    Raises ConfigError for one that is malformed, StorageError.
    """
    with storage_errors(f"cannot read {path}"), path.open("rb") as stream:
        raw = stream.read(MOST_PINS + 1)
    try:
        text = raw.decode("utf-8")
    except UnicodeError as error:
        raise ConfigError(f"{path} is no pins file: {error}") from error
    if len(raw) > MOST_PINS:
        raise ConfigError(f"{path} is no pins file: it has more than {MOST_PINS:,} bytes")
    found = _as_written(text)
    found = _as_toml(text, path) if found is None else found
    for name, told in found.items():
        _check(name, told, path)
    return found


def _as_written(text: str) -> dict[str, dict[str, Any]] | None:
    """Of a file as `pins_text` writes it; None of another. At start-up tomllib would cost as much as the catalogue."""
    found: dict[str, dict[str, Any]] = {}
    table: dict[str, Any] | None = None
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if match := TABLE.fullmatch(line):
            whole = found.setdefault(match[1] or match[2], {})
            table = whole.setdefault("files", {}) if match[3] else whole
        elif (match := LINE.fullmatch(line)) and table is not None and (match[1] or match[2]) not in table:
            table[match[1] or match[2]] = match[3]
        else:
            return None
    return found


def _as_toml(text: str, path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no pins file: {error!s:.120}; write it anew with `zoo pin`") from error


def _check(name: str, told: object, path: Path) -> None:
    files = told.get("files") if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(files, dict) or set(told) - {"files", "repo_id", "revision"}:
        raise ConfigError(f"{path}: {name!r:.80} must be a table of files, and repo_id and revision at most")
    if not all(isinstance(value, str) and SHA256.fullmatch(value) for value in files.values()):
        raise ConfigError(f"{path}: {name!r:.80} pins a file to what is no sha256 (64 lower-case hex digits)")
    repo, commit = told.get("repo_id"), told.get("revision")
    if (repo is None) != (commit is None) or (repo is not None and not _is_place(repo, commit)):
        raise ConfigError(f"{path}: {name!r:.80} needs a repo_id as org/repo and a revision of 40 hex, or neither")


def _is_place(repo: object, commit: object) -> bool:
    return bool(isinstance(repo, str) and isinstance(commit, str) and REPO.fullmatch(repo) and COMMIT.fullmatch(commit))


def pins_text(pins: Mapping[str, Mapping[str, Any]]) -> str:
    """The text of a pins file, sorted by name."""
    lines = [HEAD]
    for name, told in sorted(pins.items()):
        key = name if re.fullmatch(r"[\w-]+", name, re.ASCII) else f'"{name}"'
        if told.get("repo_id"):
            lines.append(f'[{key}]\nrepo_id = "{told["repo_id"]}"\nrevision = "{told["revision"]}"\n')
        lines.append(f"[{key}.files]\n")
        lines += [f'"{file}" = "{digest}"\n' for file, digest in told["files"].items()]
        lines.append("\n")
    return "".join(lines).rstrip("\n") + "\n"


def write_pins(path: Path, pins: Mapping[str, Mapping[str, Any]], *, without: str = "") -> None:
    """Set tables of a pins file, which is made where it is not there; its others stay, but that of the name `without`.

    Raises ConfigError for a malformed one, StorageError.
    """
    old = read_pins(path) if path.is_file() else {}
    kept = {name: told for name, told in old.items() if name != without}
    with storage_errors(f"cannot write {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as aside:
        aside.write_text(pins_text(kept | dict(pins)), encoding="utf-8")
