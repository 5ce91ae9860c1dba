"""The files of a folder. Links are followed wherever they lead, and each folder is entered once."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from io import BufferedReader
from pathlib import Path

from zoo.errors import DataError, StorageError
from zoo.images import HEAD, MAX_FILE_BYTES, Picture
from zoo_images.listing import HIDDEN, UNREAD, Listing, check_count, open_regular, readable

__all__ = ["list_folder"]

NOWHERE = "links that lead nowhere"
AGAIN = "links to folders that are here already, or hold this one"


class _File:
    """A file of a folder. What is read is what was hashed before, where it was."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def sha256(self) -> str:
        with self._open() as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _open(self) -> BufferedReader:
        return open_regular(self.path, getattr(os, "O_NOFOLLOW", 0))

    def digest(self) -> str:
        try:
            return self.sha256
        except (OSError, DataError) as error:
            raise StorageError(f"{self.path}: it can no longer be read ({error}); try again") from error

    def read(self) -> bytes:
        try:
            with self._open() as file:
                content = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise StorageError(f"{self.path}: it can no longer be read ({error.strerror}); try again") from error
        if "sha256" in vars(self) and hashlib.sha256(content).hexdigest() != self.sha256:
            raise StorageError(f"{self.path}: it changed while it was read; try again")
        return content


def list_folder(root: Path) -> Listing:
    """What lies below the folder. Raises OSError for a folder that cannot be read, DataError for too many files."""
    listing = Listing()
    for name, path in sorted(_walk(root, listing.passed)):
        try:
            file = _File(path.resolve())
            with open_regular(path) as stream:
                head, size = stream.read(HEAD), os.fstat(stream.fileno()).st_size
        except (OSError, DataError, RuntimeError) as error:  # RuntimeError: links in a circle
            cause = (error.strerror if isinstance(error, OSError) else None) or str(error)
            listing.refuse(name, cause, NOWHERE if isinstance(error, FileNotFoundError) else UNREAD)
        else:
            listing.add(Picture(name=name, read=file.read), head, size, file.digest)
    return listing


def _walk(root: Path, passed: Counter[str]) -> Iterator[tuple[str, Path]]:
    """(name with slashes, path) of the files; each folder is entered once, and by a link only if not without one."""
    seen = 0
    entered = {_identity(folder) for folder in (root.resolve(), *root.resolve().parents)}
    todo, links = [(root, "")], list[tuple[Path, str]]()
    while todo or links:
        if not todo:
            folder, prefix = links.pop(0)
            if _identity(folder) in entered:
                passed[AGAIN] += 1
                continue
            entered.add(_identity(folder))
        else:
            folder, prefix = todo.pop()
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            seen += 1
            check_count(seen, root)
            path, name = Path(entry.path), prefix + entry.name
            if entry.name.startswith("."):
                passed[HIDDEN] += 1
            elif entry.is_dir(follow_symlinks=False):
                entered.add(_identity(path))
                todo.append((path, f"{name}/"))
            elif entry.is_symlink() and path.is_dir():
                links.append((path, f"{name}/"))
            else:
                yield readable(name), path


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
