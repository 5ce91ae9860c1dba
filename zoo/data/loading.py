"""A reference such as `cifar10[frog]` -> its examples, decoded, checked and kept in memory as they are stored.

Training can also take examples that stay where they are and are read as they are needed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from zoo.catalogue.contract.data_references import Reference, as_reference, parse_reference
from zoo.catalogue.contract.references import blamed, import_reference
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.contract.specs import DatasetSpec, ModalitySpec
from zoo.catalogue.plugins.loading import default_registry
from zoo.configs import near
from zoo.data.decoded import fingerprint
from zoo.data.modality import load_modality
from zoo.data.rows import Rows
from zoo.errors import DataError, IntegrityError, NotFoundError, PluginError, StorageError, UsageError
from zoo.files import storage_errors
from zoo.settings import cache_folder, data_folders, expand, offline

__all__ = [
    "Data",
    "DataRequest",
    "Examples",
    "SplitInfo",
    "Streamed",
    "check_request",
    "load_dataset",
    "look_up",
    "make_request",
    "not_found",
    "stream_dataset",
    "told",
]


@dataclass(frozen=True, kw_only=True)
class DataRequest:
    """What a dataset's load callable receives."""

    split: str = "train"  # one of the spec's `splits`, where it names some
    selection: str | None = None  # the text in brackets, cifar10[frog]: one of the `classes`, where the spec names some
    path: Path | None = None  # for datasets that take one: images:PATH
    options: Mapping[str, str] = field(default_factory=dict)  # each that the spec names: images:PATH#fit=pad
    data_shape: tuple[int, ...] | None = None  # of one of the examples that are wanted; None: as they are stored
    roots: tuple[Path, ...] = ()  # folders of $ZOO_DATA, searched in order
    cache: Path | None = None  # where decoded and downloaded data may be kept; None: nowhere
    offline: bool = False  # whether nothing may be fetched
    stream: bool = False  # whether Streamed may be returned

    def pinned(self, file_name: str, sha256: str) -> bytes:
        """The bytes of `file_name` in the roots, which must have that `sha256`.

        Raises NotFoundError where it is not there, StorageError, and IntegrityError for another file.
        """
        path = self.find(file_name)
        if path is None:
            raise NotFoundError(f"there is no {file_name}; put it into a folder and name that one in ZOO_DATA")
        with storage_errors(f"cannot read {path}"):
            content = path.read_bytes()
        if (digest := hashlib.sha256(content).hexdigest()) != sha256:
            raise IntegrityError(f"{path} has sha256 {digest}, not {sha256}; fetch it anew")
        return content

    def find(self, file_name: str) -> Path | None:
        """The first `file_name` in the roots, or None. Raises StorageError when a root cannot be searched."""
        for root in self.roots:
            try:
                if (root / file_name).exists():
                    return root / file_name
            except OSError as error:
                raise StorageError(f"{root}: cannot be searched ({error.strerror}); check ZOO_DATA") from error
        return None


@dataclass(frozen=True, kw_only=True)
class SplitInfo:
    """What is known of one split of a dataset, besides the examples themselves."""

    labels: torch.Tensor | None = None  # (N,) int64, index into classes
    classes: tuple[str, ...] = ()  # names of the classes, by their number
    name: str = ""  # the canonical reference: cifar10[frog]
    split: str = ""  # which split it is
    licence: str = ""
    sha256: str = ""  # the content's fingerprint: of the decoded bytes (data and labels) where they are in memory
    skipped: tuple[str, ...] = ()  # bad files: name and cause
    notes: tuple[str, ...] = ()  # what a user should know: which split it is, what was left out, how much was cut off
    files: Mapping[str, str] = field(default_factory=dict)  # name -> start of its sha256, to know which file differs
    about: Mapping[str, Any] = field(default_factory=dict)  # JSON-able, and travels with the weights: a vocabulary


@dataclass(frozen=True, kw_only=True)
class Streamed(SplitInfo):
    """One split of a dataset that is read as it is needed. A loader gives `sha256` too."""

    data: Rows  # read when a batch asks for them


@dataclass(frozen=True, kw_only=True)
class Examples(SplitInfo):
    """One split of a dataset in memory.

    A loader gives `data`, and `labels`, `classes`, `skipped`, `notes`, `factors` where there are any;
    `load_dataset` fills in what is left empty.
    """

    data: torch.Tensor  # (N, *data_shape), as the modality stores them: bytes of pictures, int64 tokens
    factors: Mapping[str, torch.Tensor] = field(default_factory=dict)  # name -> (N,), where they are known


Data = Examples | Streamed
MOST_TOLD = 5  # bad files that are named to a user


def load_dataset(
    reference: str,
    *,
    registry: Registry | None = None,
    split: str = "train",
    data_shape: tuple[int, ...] | None = None,
    env: Mapping[str, str] = os.environ,
) -> Examples:
    """The examples that `reference` names, each of `data_shape`.

    A path alone, `./photos`, is the dataset of that path. A shape of None keeps what the dataset stores. `env` gives
    ZOO_DATA (folders searched first, joined by the path separator), ZOO_CACHE and ZOO_OFFLINE.

    Raises UsageError for a malformed reference or value, NotFoundError for an unknown dataset, split,
    class or path, DataError for content that cannot be used, NetworkError and IntegrityError for a
    download, StorageError for a disk, and PluginError for a dataset whose code is broken.
    """
    wanted = _Wanted(split=split, data_shape=data_shape, env=env)
    found = _load(reference, registry or default_registry(), wanted, stream=False)
    assert isinstance(found, Examples)
    return found


def stream_dataset(
    reference: str,
    *,
    registry: Registry,
    split: str = "train",
    data_shape: tuple[int, ...] | None = None,
    env: Mapping[str, str] = os.environ,
) -> Data:
    """As `load_dataset`, but a dataset that can be read as it is needed is not taken into memory."""
    wanted = _Wanted(split=split, data_shape=data_shape, env=env)
    return _load(reference, registry, wanted, stream=True)


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    split: str
    data_shape: tuple[int, ...] | None
    env: Mapping[str, str]


def _load(reference: str, registry: Registry, wanted: _Wanted, *, stream: bool) -> Data:
    reference, asked, spec = look_up(reference, registry)
    name, request = asked.name, make_request(spec, asked, split=wanted.split, env=wanted.env)
    request = replace(request, data_shape=wanted.data_shape, stream=stream)
    load = import_reference(spec.load, f"dataset {name}", spec.install_hint)
    with blamed(f"dataset {name}: its loader failed"):
        examples = _checked(load(request), name, registry.modality(spec.modality), request)
    return replace(
        examples,
        name=reference,
        split=wanted.split,
        licence=examples.licence or spec.licence,
        sha256=examples.sha256 or _fingerprint(examples),
    )


def _fingerprint(examples: Examples | Streamed) -> str:
    assert isinstance(examples, Examples)  # a streamed one has come with its own
    return fingerprint({"data": examples.data} | ({} if examples.labels is None else {"labels": examples.labels}))


def not_found(what: str, wanted: str, known: Iterable[str]) -> NotFoundError:
    """A NotFoundError that names near matches, or else the first few that are known."""
    names = list(known)
    some = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return NotFoundError(f"no {what} is named {wanted!r:.100}{near(wanted, names) or f'; there are {some}'}")


def told(examples: Data) -> list[str]:
    """Lines for a user before anything else: the notes, and the first few of the bad files."""
    lines = [f"skipped: {line}" for line in examples.skipped[:MOST_TOLD]]
    more = len(examples.skipped) - len(lines)
    return [*examples.notes, *lines, *([f"skipped: {more:,} more"] if more > 0 else [])]


def look_up(text: str, registry: Registry) -> tuple[str, Reference, DatasetSpec]:
    """The canonical reference of a text that may be a path alone, the same taken apart, and the dataset it names.

    Raises UsageError, NotFoundError.
    """
    reference = as_reference(text, registry)
    asked = parse_reference(reference)
    try:
        return reference, asked, registry.dataset(asked.name)
    except NotFoundError as error:
        raise NotFoundError(f"{error}; nor is {text!r:.100} a folder or tar here") from error


def make_request(spec: DatasetSpec, asked: Reference, *, split: str, env: Mapping[str, str]) -> DataRequest:
    """What a dataset's code is asked, with the folders `env` names. Raises what `check_request` raises."""
    check_request(spec, asked, split)
    return DataRequest(
        split=split,
        selection=asked.selection,
        path=None if asked.path is None else expand(asked.path),
        options={key: asked.options.get(key, values[0]) for key, values in spec.options.items()},
        roots=data_folders(env),
        cache=cache_folder(env),
        offline=offline(env),
    )


def check_request(spec: DatasetSpec, asked: Reference, split: str) -> None:
    """Refuse what the dataset's spec rules out. Raises UsageError, NotFoundError."""
    name, selection, path = asked.name, asked.selection, asked.path
    for key, value in asked.options.items():
        if key not in spec.options:
            raise UsageError(f"dataset {name} has no option {key!r}{near(key, spec.options) or _choices(spec.options)}")
        if value not in spec.options[key]:
            raise UsageError(f"dataset {name}: {key}={value:.40} is none of its choices{_choices(spec.options[key])}")
    if spec.takes_path and path is None:
        raise UsageError(f"dataset {name}: it needs a path; write {name}:PATH")
    if path is not None and not spec.takes_path:
        raise UsageError(f"dataset {name}: it takes no path; write {name} alone")
    if spec.splits and split not in spec.splits:
        raise not_found(f"split of {name}", split, spec.splits)
    if selection is None or selection in spec.classes:
        return
    if spec.classes:
        raise not_found(f"class of {name}", selection, spec.classes)
    if not spec.takes_path:  # else the files decide, and the loader looks
        raise NotFoundError(f"no class of {name} is named {selection!r:.100}; it has no classes, write {name} alone")


def _choices(known: Iterable[str]) -> str:
    return f"; there are {', '.join(known)}" if known else "; it has none"


def _checked(found: object, name: str, modality: ModalitySpec, request: DataRequest) -> Data:
    if isinstance(found, Streamed) and request.stream:
        if not found.sha256 or len(found.data) == 0:
            raise PluginError(f"dataset {name}: streamed examples must be some, and have their sha256")
        _check_labels(found, len(found.data), name)
        return found
    if not isinstance(found, Examples):
        raise PluginError(f"dataset {name}: its loader returned {type(found).__name__}, not Examples")
    data = found.data
    if not isinstance(data, torch.Tensor):
        raise PluginError(f"dataset {name}: its data are a {type(data).__name__}, no tensor of examples")
    given = f"dataset {name}: data are {data.dtype} {tuple(data.shape)}"
    if data.ndim == 0 or len(data) == 0:
        raise PluginError(f"{given}; some examples are needed")
    try:
        load_modality(modality, found.about).check(data)
    except DataError as error:
        raise PluginError(f"{given}, which its modality {modality.name} refuses: {error}") from error
    if (wanted := request.data_shape) not in (None, tuple(data.shape[1:])):
        raise PluginError(f"{given}; asked was for examples of the shape {wanted}")
    _check_labels(found, len(data), name)
    return found


def _check_labels(found: Examples | Streamed, count: int, name: str) -> None:
    labels = found.labels
    if labels is None:
        return
    if not isinstance(labels, torch.Tensor):
        raise PluginError(f"dataset {name}: its labels are a {type(labels).__name__}, no tensor of int64")
    given = f"labels ({tuple(labels.shape)} {labels.dtype}"
    if labels.dtype != torch.int64 or labels.shape != (count,):
        raise PluginError(f"dataset {name}: {given}) must be one int64 for each of the {count} examples")
    if labels.min() < 0 or labels.max() >= len(found.classes):
        raise PluginError(f"dataset {name}: {given}) must lie in 0..{len(found.classes) - 1}, as its classes do")
