"""The members of a tar. Links to its own members are followed; nothing is unpacked."""

from __future__ import annotations

import hashlib
import os
import posixpath
import tarfile
from collections.abc import Iterator, Mapping
from functools import partial
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import IO, cast

from zoo.errors import DataError, StorageError
from zoo.images import HEAD, SUFFIXES, Picture
from zoo_images.listing import HIDDEN, UNREAD, Listing, check_count, open_regular, readable

__all__ = ["file_state", "list_tar", "members", "open_tar", "refusal"]

MAX_TAR_BYTES = 1 << 38  # 256 GiB
MAX_HEADER_BYTES = 1 << 20  # of one extended header
MAX_LINKS = 8  # links that lead to links
SPECIAL = "a link, a device or a sparse file in a tar"


def open_tar(path: Path) -> BufferedReader:
    """The file, open. Raises DataError for what is none, or a very large one; OSError."""
    try:
        file = open_regular(path)
    except DataError as error:
        raise DataError(f"{path}: neither a folder nor a tar; give one of them") from error
    if os.fstat(file.fileno()).st_size > MAX_TAR_BYTES:
        file.close()
        raise DataError(f"{path}: larger than {MAX_TAR_BYTES >> 30} GiB; divide the tar")
    return file


def file_state(file: BufferedReader) -> tuple[int, int]:
    """Size in bytes and time of the last change in nanoseconds: another state is another content."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def list_tar(path: Path, file: BufferedReader, state: tuple[int, int]) -> Listing:
    """What lies in the tar, which must stay in that state. Raises DataError for a damaged one, StorageError."""
    listing, links = Listing(), dict[str, str]()
    for member in members(path, file):
        name = readable(str(PurePosixPath(member.name)))  # without a leading "./"
        if member.isdir():
            continue
        listing.found.pop(name, None)  # of two members with one name the last counts, as for tar itself
        if any(part.startswith(".") and part != ".." for part in PurePosixPath(name).parts):
            listing.passed[HIDDEN] += 1
        elif member.issym() or member.islnk():
            folder = posixpath.dirname(name) if member.issym() else ""
            links[name] = posixpath.normpath(posixpath.join(folder, readable(member.linkname)))
        elif cause := refusal(member):
            listing.refuse(name, cause, UNREAD)
        else:
            read = partial(_read_member, path, file, state, member.offset_data)
            picture = Picture(name=name, read=partial(read, member.size))
            listing.add(picture, read(min(HEAD, member.size)), member.size, partial(_digest, picture))
    for name, target in links.items():
        _follow(name, target, links, listing)
    return listing


def _follow(name: str, target: str, links: Mapping[str, str], listing: Listing) -> None:
    """List a link as what it leads to."""
    for _ in range(MAX_LINKS):
        target = links.get(target, target)
    found = listing.found.get(target)
    if isinstance(found, Picture):
        listing.found[name] = Picture(name=name, read=found.read)
        listing.digests[name] = listing.digests[target]
    else:
        listing.refuse(name, SPECIAL, "links to what is no picture in the tar")


def _digest(picture: Picture) -> str:
    return hashlib.sha256(picture.read()).hexdigest()


def refusal(member: tarfile.TarInfo) -> str | None:
    """Why a member of a tar is not read, or None."""
    path = PurePosixPath(member.name)
    if not member.isreg() or member.sparse is not None:
        return SPECIAL
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
                check_count(seen, path)
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
        is_picture = path.suffix.lower() in SUFFIXES
        hint = "give the folder it is in" if is_picture else "give a folder or an uncompressed, whole tar"
        raise DataError(f"{path}: cannot be read as a tar ({error}); {hint}") from error


def _read_member(path: Path, file: BufferedReader, state: tuple[int, int], offset: int, size: int) -> bytes:
    file.seek(offset)
    content = file.read(size)
    if file_state(file) != state:  # else the cache would keep other pictures under the old digest
        raise StorageError(f"{path}: it changed while it was read; try again")
    return content
