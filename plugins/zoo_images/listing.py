"""What a folder or a tar holds: pictures by their first bytes, what only looks like one, the rest counted by kind."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path, PurePosixPath

from zoo.errors import DataError
from zoo.images import FORMATS, MAX_FILE_BYTES, SUFFIXES, Bad, Picture, kind_of

__all__ = ["HIDDEN", "UNREAD", "Listing", "check_count", "open_regular", "readable"]

MAX_FILES = 2_000_000  # members or files looked at
TOO_LARGE = f"larger than {MAX_FILE_BYTES >> 20} MiB"
HIDDEN, UNREAD = "hidden files and folders", "files that cannot be read"  # kinds of what is passed over


@dataclass
class Listing:
    """Files by their names, as they are added."""

    found: dict[str, Picture | Bad] = field(default_factory=dict)  # what is a picture, or looks like one
    digests: dict[str, Callable[[], str]] = field(default_factory=dict)  # of each picture: the sha256 of its content
    passed: Counter[str] = field(default_factory=Counter)  # all else: kind -> how many

    def add(self, picture: Picture, head: bytes, size: int, digest: Callable[[], str]) -> None:
        """List a file of `size` bytes that begins with `head`."""
        kind = kind_of(picture.name, head)
        if kind not in FORMATS:
            self.passed[kind] += 1
        elif size > MAX_FILE_BYTES:
            self.refuse(picture.name, TOO_LARGE, UNREAD)
        else:
            self.found[picture.name], self.digests[picture.name] = picture, digest

    def refuse(self, name: str, cause: str, kind: str) -> None:
        """List a file that cannot be looked at: a bad picture where its name is one's, else passed over as a kind."""
        if PurePosixPath(name).suffix.lower() in SUFFIXES:
            self.found[name] = Bad(name=name, cause=cause)
        else:
            self.passed[kind] += 1


def check_count(seen: int, where: Path) -> None:
    """Raise DataError for more files or members than are looked at."""
    if seen > MAX_FILES:
        raise DataError(f"{where}: more than {MAX_FILES} files; divide them")


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
