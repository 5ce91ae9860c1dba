"""What lies where in a tar shard: one pass over its headers, and over the contents that matter; kept in the cache.

The members of an example share its key, which is folder and base name up to the first dot: `a/000123.jpg` and
`a/000123.cls`. Of each key a picture is needed, and a `.cls` is read: a whole number or the name of a class. Other
members (`.json`) and hidden ones are passed over, and counted. What could be meant in two ways is refused.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from io import BufferedReader
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from zoo.data import Decoded, cached, content_key
from zoo.errors import DataError, NotFoundError, StorageError
from zoo.files import storage_errors
from zoo.images import SUFFIXES
from zoo_images.listing import HIDDEN, open_regular, readable
from zoo_images.splits import content_number
from zoo_images.tars import file_state, members, refusal

__all__ = ["Shard", "index_shard"]

COLUMNS = ("offsets", "sizes", "checks", "numbers", "labels")  # of a shard, (n,) each
CHUNK = 1 << 20  # bytes read at once
MAX_CLASS_BYTES = 200
PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One tar: where its pictures lie, in their order, (n,) each."""

    path: Path
    sha256: str  # over name, size and content of the pictures and classes
    offsets: Tensor  # int64: where the content begins, bytes
    sizes: Tensor  # int64: bytes
    checks: Tensor  # int64: CRC-32 of the content
    numbers: Tensor  # int64: what decides on its split where nothing else does (`content_number`)
    labels: Tensor  # int64: index into classes, or -1
    classes: tuple[str, ...]

    passed: Mapping[str, int]  # members that are neither picture nor class: kind -> how many

    def only(self, label: str) -> Shard:
        """The pictures of one class."""
        number = self.classes.index(label) if label in self.classes else -2
        chosen = self.at(self.labels == number)
        return replace(chosen, labels=torch.zeros_like(chosen.labels), classes=(label,))

    def at(self, mask: Tensor) -> Shard:
        """The pictures where the mask (n,) is true."""
        return replace(self, **{name: getattr(self, name)[mask] for name in COLUMNS})


def index_shard(cache: Path | None, path: Path) -> Shard:
    """The index of the shard at `path`, from the cache where path, size and time of change are those it was made of.

    Raises NotFoundError where there is none, StorageError where it cannot be read, DataError where it is no whole,
    uncompressed tar in the layout.
    """
    with storage_errors(f"cannot read {path}"):
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFoundError(f"{path}: no such shard; check the path") from error
        state = status.st_size, status.st_mtime_ns
        key = content_key(kind="shard-2", path=str(path.resolve()), state=state)
        entry = cached(cache, key, partial(_build, path, state))
    tensors, notes = entry.tensors, entry.notes
    return Shard(
        path=path,
        sha256=notes["sha256"][0],
        classes=tuple(notes["classes"]),
        passed={kind: int(count) for count, _, kind in (text.partition(" ") for text in notes["passed"])},
        **{name: tensors[name] for name in COLUMNS},
    )


@dataclass
class _Example:
    name: str
    offset: int = -1
    size: int = 0
    check: int = 0
    number: int = 0
    label: str | None = None


def _build(path: Path, state: tuple[int, int]) -> Decoded:
    with _opened(path) as file:
        _check_plain(path, file)
        found, passed, sha256 = _walk(path, file)
        if file_state(file) != state:
            raise StorageError(f"{path}: it changed while it was read; try again")
    lacking = [example.name for example in found if example.offset < 0]
    if lacking:
        raise DataError(f"{path}: {lacking[0]}: a class without a picture of that name; make the shard anew")
    found.sort(key=lambda example: example.offset)
    classes = sorted({example.label for example in found if example.label is not None})
    number = {name: index for index, name in enumerate(classes)}
    labels = [-1 if example.label is None else number[example.label] for example in found]
    if labels and min(labels) < 0 <= max(labels):
        name = found[labels.index(-1)].name
        raise DataError(f"{path}: {name}: no class, and others have one; add {name.partition('.')[0]}.cls")
    columns = {
        "offsets": [example.offset for example in found],
        "sizes": [example.size for example in found],
        "checks": [example.check for example in found],
        "numbers": [example.number for example in found],
        "labels": labels,
    }
    return Decoded(
        tensors={name: torch.tensor(values, dtype=torch.int64) for name, values in columns.items()},
        notes={"classes": classes, "sha256": [sha256], "passed": [f"{count} {kind}" for kind, count in passed.items()]},
    )


def _opened(path: Path) -> BufferedReader:
    try:
        return open_regular(path)
    except DataError as error:
        raise DataError(f"{path}: {error}; give a tar") from error


def _check_plain(path: Path, file: BufferedReader) -> None:
    start = os.pread(file.fileno(), 8, 0)
    for magic, name in PACKED.items():
        if start.startswith(magic):
            raise DataError(f"{path}: compressed ({name}), so nothing in it can be found; decompress it")


def _walk(path: Path, file: BufferedReader) -> tuple[list[_Example], Counter[str], str]:
    """The examples of a tar, what is passed over, and the sha256 over all that was read."""
    found: dict[str, _Example] = {}
    digest, passed = hashlib.sha256(), Counter[str]()
    end, length = 0, os.fstat(file.fileno()).st_size
    for member in members(path, file):
        end = member.offset_data + (-(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE if member.isreg() else 0)
        name = readable(str(PurePosixPath(member.name)))
        cause = None if member.isdir() else refusal(member)
        if cause:
            raise DataError(f"{path}: {name}: {cause}; make the shard anew from plain files")
        if member.offset_data + member.size > length:
            raise DataError(f"{path}: {name}: {member.size:,} bytes, but the tar ends at byte {length:,}; get it again")
        folder, _, base = name.rpartition("/")
        stem, _, extension = base.partition(".")
        is_class, is_picture = extension == "cls", f".{extension.lower()}" in SUFFIXES
        hidden = any(part.startswith(".") for part in PurePosixPath(name).parts)
        if member.isdir() or hidden or not (is_class or is_picture):
            passed[HIDDEN if hidden else PurePosixPath(name).suffix.lower()] += not member.isdir()
            continue
        example = found.setdefault(f"{folder}/{stem}", _Example(name))
        digest.update(f"{name}\0{member.size}\0".encode())
        if is_class:
            _add_class(path, file, member, name, example, digest)
        elif example.offset >= 0:
            raise DataError(f"{path}: {example.name} and {name} are two pictures of one example; make the shard anew")
        else:
            example.name, example.offset, example.size = name, member.offset_data, member.size
            own = hashlib.sha256()
            for chunk in _content(path, file, member):
                digest.update(chunk)
                own.update(chunk)
                example.check = zlib.crc32(chunk, example.check)
            example.number = content_number(own.hexdigest())
    if os.pread(file.fileno(), tarfile.BLOCKSIZE, end) != bytes(tarfile.BLOCKSIZE):
        raise DataError(f"{path}: it ends at byte {end:,} without a tar's end mark: it was cut short; get it again")
    return list(found.values()), passed, digest.hexdigest()


def _add_class(
    path: Path, file: BufferedReader, member: tarfile.TarInfo, name: str, example: _Example, digest: hashlib._Hash
) -> None:
    if example.label is not None:
        raise DataError(f"{path}: {name}: a second class of one example; make the shard anew")
    if member.size > MAX_CLASS_BYTES:
        raise DataError(f"{path}: {name}: {member.size:,} bytes are no class; write a number or a name")
    content = b"".join(_content(path, file, member))
    digest.update(content)
    try:
        example.label = content.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: {name}: no UTF-8 text; write a number or a name") from error
    if not example.label or not example.label.isprintable():
        raise DataError(f"{path}: {name}: {example.label!r:.80} is no class; write a number or a name")


def _content(path: Path, file: BufferedReader, member: tarfile.TarInfo) -> Iterator[bytes]:
    at, end = member.offset_data, member.offset_data + member.size
    while at < end:
        chunk = os.pread(file.fileno(), min(CHUNK, end - at), at)
        if not chunk:
            raise StorageError(f"{path}: it became shorter while it was read; try again")
        at += len(chunk)
        yield chunk
