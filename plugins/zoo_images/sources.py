"""A folder or a tar of pictures, listed in the order of the names. Nothing is unpacked to disk.

Only regular files are opened: links that lead out of the folder, links inside a tar, devices, pipes,
and tar members with absolute or `..` paths are bad files. Hidden files, and files whose suffix is no
picture's, are passed over.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import IO, cast

from zoo.errors import DataError, NotFoundError, StorageError, ZooError
from zoo.images import MAX_FILE_BYTES, SUFFIXES, Bad, Picture

__all__ = ["Source", "file_state", "is_picture", "members", "open_regular", "open_source", "readable", "refusal"]

MAX_FILES = 2_000_000  # members or files looked at
MAX_TAR_BYTES = 1 << 38  # 256 GiB
MAX_HEADER_BYTES = 1 << 20  # of one extended header
TOO_LARGE = f"larger than {MAX_FILE_BYTES >> 20} MiB"


@dataclass(frozen=True, kw_only=True)
class Source:
    """The pictures of a folder or tar, listed when first asked for."""

    where: str
    is_tar: bool
    digest: str  # sha256 of the tar, or of the sorted names and content hashes of the folder
    entries: Callable[[], list[Picture | Bad]]

    @cached_property
    def _sorted(self) -> list[Picture | Bad]:
        return sorted(self.entries(), key=lambda entry: entry.name)

    @property
    def names(self) -> list[str]:
        """All names, sorted."""
        return [entry.name for entry in self._sorted]

    @property
    def pictures(self) -> list[Picture]:
        """The files that may be pictures, sorted by name."""
        return [entry for entry in self._sorted if isinstance(entry, Picture)]

    @property
    def bad(self) -> list[Bad]:
        """The files that only look like pictures, sorted by name."""
        return [entry for entry in self._sorted if isinstance(entry, Bad)]


@contextmanager
def open_source(path: Path, *, hashed: bool = True) -> Iterator[Source]:
    """The pictures below the folder or in the uncompressed tar `path`; `read` works while the block lasts.

    Where it is not `hashed`, nothing is read but what is asked for, and the digest is empty.
    Raises NotFoundError when there is nothing at `path`, StorageError when it cannot be read or changes
    meanwhile, and DataError when it is neither folder nor tar, or a damaged tar.
    """
    try:
        if path.is_dir():
            yield _folder(path, hashed)
        else:
            with _open_tar(path) as file:
                yield _tar(path, file, hashed)
    except ZooError:
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(f"{path}: no such folder or tar; check the path") from error
    except OSError as error:
        raise StorageError(
            f"{error.filename or path}: cannot be read ({error.strerror or error}); check its permissions"
        ) from error


def is_picture(name: str) -> bool:
    """Whether `name` looks like a picture's: a known suffix, and no hidden file or folder on the way."""
    path = PurePosixPath(name)
    return path.suffix.lower() in SUFFIXES and not any(part.startswith(".") and part != ".." for part in path.parts)


def open_regular(path: Path, flags: int = 0) -> BufferedReader:
    """Open a file to read. Raises DataError for a folder, a device, a pipe; OSError where it cannot be opened."""
    if not stat.S_ISREG(path.stat().st_mode):  # opening alone can wake a pipe or a device
        raise DataError("not a regular file")
    # not blocking, and asked again: another file may have taken its place
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | flags)
    file = os.fdopen(handle, "rb")
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        file.close()
        raise DataError("not a regular file")
    return file


def readable(name: str) -> str:
    """A name that can be printed and stored, whatever bytes the disk has."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


# --- folders


def _folder(root: Path, hashed: bool) -> Source:
    real = root.resolve()
    entries: list[Picture | Bad] = []
    digest = hashlib.sha256()
    for name, path in sorted(_walk(root)):
        try:
            target = path.resolve()
            if not target.is_relative_to(real):
                raise DataError("a link that leads out of the folder")
            content = _hash(target) if hashed else ""
        except (OSError, DataError, RuntimeError) as error:  # RuntimeError: links in a circle
            content = (error.strerror if isinstance(error, OSError) else None) or str(error)
            entries.append(Bad(name=name, cause=content))
        else:
            entries.append(Picture(name=name, read=partial(_read_file, target, content)))
        digest.update(f"{name}\0{content}\n".encode())
    sha256 = digest.hexdigest() if hashed else ""
    return Source(where=str(root), is_tar=False, digest=sha256, entries=lambda: entries)


def _walk(root: Path) -> Iterator[tuple[str, Path]]:
    """(name with slashes, path) of what looks like a picture. Linked folders are not entered."""
    seen = 0
    todo = [(root, "")]
    while todo:
        folder, prefix = todo.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                seen += 1
                if seen > MAX_FILES:
                    raise DataError(f"{root}: more than {MAX_FILES} files; divide the folder")
                if entry.is_dir(follow_symlinks=False):
                    if not entry.name.startswith("."):
                        todo.append((Path(entry.path), f"{prefix}{entry.name}/"))
                elif is_picture(entry.name):
                    yield readable(prefix + entry.name), Path(entry.path)


def _hash(path: Path) -> str:
    with open_regular(path, getattr(os, "O_NOFOLLOW", 0)) as file:
        if os.fstat(file.fileno()).st_size > MAX_FILE_BYTES:
            raise DataError(TOO_LARGE)
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_file(path: Path, sha256: str) -> bytes:
    try:
        with open_regular(path, getattr(os, "O_NOFOLLOW", 0)) as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise StorageError(f"{path}: it can no longer be read ({error.strerror}); try again") from error
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise StorageError(f"{path}: it changed while it was read; try again")
    return content


# --- tars


def _open_tar(path: Path) -> BufferedReader:
    try:
        return open_regular(path)
    except DataError as error:
        raise DataError(f"{path}: neither a folder nor a tar; give one of them") from error


def _tar(path: Path, file: BufferedReader, hashed: bool) -> Source:
    if os.fstat(file.fileno()).st_size > MAX_TAR_BYTES:
        raise DataError(f"{path}: larger than {MAX_TAR_BYTES >> 30} GiB; divide the tar")
    state = file_state(file)
    digest = hashlib.file_digest(file, "sha256").hexdigest() if hashed else ""
    return Source(where=str(path), is_tar=True, digest=digest, entries=partial(_list_tar, path, file, state))


def file_state(file: BufferedReader) -> tuple[int, int]:
    """Size in bytes and time of the last change in nanoseconds: another state is another content."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _list_tar(path: Path, file: BufferedReader, state: tuple[int, int]) -> list[Picture | Bad]:
    found: dict[str, Picture | Bad] = {}  # of two members with one name the last counts, as for tar itself
    for member in members(path, file):
        name = readable(str(PurePosixPath(member.name)))  # without a leading "./"
        if is_picture(name) and not member.isdir():
            cause = refusal(member) or (TOO_LARGE if member.size > MAX_FILE_BYTES else None)
            read = partial(_read_member, path, file, state, member.offset_data, member.size)
            found[name] = Bad(name=name, cause=cause) if cause else Picture(name=name, read=read)
    return list(found.values())


def refusal(member: tarfile.TarInfo) -> str | None:
    """Why a member of a tar is not read, or None."""
    path = PurePosixPath(member.name)
    if not member.isreg() or member.sparse is not None:
        return "a link, a device or a sparse file in a tar"
    if path.is_absolute() or ".." in path.parts:
        return "a path that leads out of the tar"
    return None


class _Headers:
    """A tar as tarfile sees it: it reads headers alone, and they are short, whatever size they claim."""

    def __init__(self, file: BufferedReader) -> None:
        self.seek, self.tell, self._read = file.seek, file.tell, file.read

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_HEADER_BYTES:
            raise EOFError(f"a header of {size:,} bytes")
        return self._read(size)


def members(path: Path, file: BufferedReader) -> Iterator[tarfile.TarInfo]:
    """The members of an uncompressed tar in its order, their contents passed over.

    Raises DataError where it is damaged or cut short within a member.
    """
    file.seek(0)
    seen, before = 0, -1
    try:
        with tarfile.open(fileobj=cast(IO[bytes], _Headers(file)), mode="r:") as tar:
            while (member := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # else every header stays in memory
                seen += 1
                if seen > MAX_FILES:
                    raise DataError(f"{path}: more than {MAX_FILES} members; divide the tar")
                if tar.offset <= before:  # a hostile size leads backwards, for ever
                    raise tarfile.ReadError(f"wrong size at byte {member.offset}")
                before = tar.offset
                yield member
            file.seek(tar.offset)
            if file.read(tarfile.BLOCKSIZE).strip(b"\0"):  # tarfile takes a damaged header for the end
                raise tarfile.ReadError(f"damaged header at byte {tar.offset}")
    except DataError:
        raise
    except (tarfile.TarError, ValueError, EOFError, OverflowError, RecursionError) as error:
        hint = "give the folder it is in" if is_picture(path.name) else "give a folder or an uncompressed, whole tar"
        raise DataError(f"{path}: cannot be read as a tar ({error}); {hint}") from error


def _read_member(path: Path, file: BufferedReader, state: tuple[int, int], offset: int, size: int) -> bytes:
    file.seek(offset)
    content = file.read(size)
    if file_state(file) != state:  # else the cache would keep other pictures under the old digest
        raise StorageError(f"{path}: it changed while it was read; try again")
    return content
