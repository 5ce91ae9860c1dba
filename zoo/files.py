"""Files that appear only complete: written aside, flushed, renamed; and the hashes of files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from zoo.errors import StorageError, UsageError, ZooError

__all__ = [
    "UNBLOCKED",
    "check_text",
    "create",
    "hashes",
    "hashes_of",
    "new_file",
    "new_files",
    "new_folder",
    "refuse_full",
    "sha256_of",
    "shell_line",
    "storage_errors",
]

# How somebody else's file is opened for reading: not waiting for the other end of a pipe. Windows has no such flag.
UNBLOCKED = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def check_text(path: str | os.PathLike[str]) -> None:
    """Raise UsageError for a path whose bytes are no UTF-8: it could not be written into a run or a config."""
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        raise UsageError(f"{shown}: the path is not UTF-8; rename it, or name a link to it: ln -s") from error


@contextlib.contextmanager
def storage_errors(action: str) -> Iterator[None]:
    """Turn what the file system says into StorageError: '<action>: <cause>'."""
    try:
        yield
    except ZooError:  # some of them are OSErrors too, and say more than this would
        raise
    except OSError as error:
        cause = error.strerror or error
        raise StorageError(f"{action}: {cause}; check the path, its rights and the free space") from error


def _flush(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
    elif path.is_dir():  # which no other system opens
        return
    else:
        descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; it becomes `path` when the block ends well, and is removed otherwise.

    Raises StorageError where the file cannot be written.
    """
    with new_files(path) as (aside,):
        yield aside


@contextlib.contextmanager
def new_files(*paths: Path) -> Iterator[list[Path]]:
    """`new_file` for several files that belong together: none is renamed before all are written and flushed.

    Raises StorageError where one cannot be written; all are then as they were, unless renaming itself fails.
    """
    names = " and ".join(map(str, paths))
    with storage_errors(f"cannot write {names}"), contextlib.ExitStack() as stack:
        asides = [_aside(path, stack) for path in paths]
        rights = [stat.S_IMODE(aside.stat().st_mode) for aside in asides]
        yield asides
        for aside, mode in zip(asides, rights, strict=True):
            aside.chmod(mode)  # a library that puts a file of its own there, as safetensors does, keeps others out
            _flush(aside)
        for aside, path in zip(asides, paths, strict=True):
            os.replace(aside, path)
        for folder in dict.fromkeys(path.parent for path in paths):
            _flush(folder)


def _aside(path: Path, stack: contextlib.ExitStack) -> Path:
    """An empty file beside `path`, removed when the stack is left."""
    if path.is_dir():
        raise IsADirectoryError(21, "it is a folder")
    aside = _beside(path, path.suffix)
    os.close(create(aside))
    stack.callback(aside.unlink, missing_ok=True)
    return aside


def create(path: Path) -> int:
    """Make a file that must not be there, with the rights that the process gives to new ones; gives its descriptor.

    To ask for these rights, the umask, would be to change them for a moment, for all threads. Raises OSError.
    """
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)


def _beside(path: Path, suffix: str = "") -> Path:
    """A hidden name beside `path` that nobody has."""
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}{suffix}")


def refuse_full(path: Path) -> None:
    """Raise StorageError where a folder is to be written, and what has its name is not an empty one."""
    with storage_errors(f"cannot write {path}"):
        if path.is_dir() and any(path.iterdir()):
            raise StorageError(f"{path} exists and is not empty; name another folder or remove it")
        if path.exists() and not path.is_dir():
            raise StorageError(f"cannot write {path}: it is no folder; name another one or remove it")


@contextlib.contextmanager
def new_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a folder beside `path` to fill; it becomes `path` when the block ends well, and is removed otherwise.

    Raises StorageError where it cannot be written, or where `path` exists and is not empty; with `overwrite` the new
    one takes its place when it is whole.
    """
    if not overwrite:
        refuse_full(path)
    with storage_errors(f"cannot write {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = _beside(path)
        aside.mkdir()
        try:
            yield aside
            for file in (*aside.iterdir(), aside):
                _flush(file)
            with _away(path, aside) if overwrite and path.exists() else contextlib.nullcontext():
                os.replace(aside, path)
            _flush(path.parent)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def _away(path: Path, aside: Path) -> Iterator[None]:
    """Move a folder out of the way; it is removed when the block ends well, and comes back otherwise."""
    old = aside.with_name(f"{aside.name}.old")
    os.replace(path, old)
    try:
        yield
    except BaseException:
        os.replace(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def hashes(data: bytes | bytearray, like: str) -> tuple[str, ...]:
    """The sha256 of these bytes; for 40 digits Git's name of them and their sha1, as the Hub names small files."""
    if len(like) != 40:
        return (hashlib.sha256(data).hexdigest(),)
    blob = hashlib.sha1(b"blob %d\0" % len(data))
    blob.update(data)
    return blob.hexdigest(), hashlib.sha1(data).hexdigest()


def hashes_of(path: Path, like: str) -> tuple[str, ...]:
    """What `like`, a digest of 64 or 40 digits, is to be compared with for a file. Raises OSError."""
    if len(like) == 40:
        return hashes(path.read_bytes(), like)
    with path.open("rb") as stream:
        return (hashlib.file_digest(stream, "sha256").hexdigest(),)


def sha256_of(path: Path) -> str:
    """The sha256 of a file, lower-case hex. Raises StorageError."""
    with storage_errors(f"cannot read {path}"), path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def shell_line(words: Iterable[str]) -> str:
    """A command on one line, which a shell takes as it stands: paths may hold any character.

    What steers a terminal, or breaks the line, is written in the way of bash and zsh.
    """
    return " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    letters = "".join(chr(b) if 32 <= b < 127 and b not in b"'\\" else f"\\x{b:02x}" for b in os.fsencode(word))
    return f"$'{letters}'"
