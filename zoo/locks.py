"""Locks between processes. A lock is a file that stays; the system lets go of it when its process ends, however."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # no POSIX system: filelock knows its locks
    fcntl = None  # type: ignore[assignment]

__all__ = ["is_locked", "locked"]

STEP = 0.02  # seconds between two tries


@contextlib.contextmanager
def locked(path: Path, *, wait: float) -> Iterator[bool]:
    """Hold the lock while inside; gives False, and holds none, where another has it for longer than `wait` seconds.

    Raises OSError where the file cannot be opened or cannot be locked.
    """
    with (_by_filelock if fcntl is None else _by_flock)(path, wait) as got:
        yield got


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock now. Raises OSError."""
    if not path.is_file():
        return False
    if fcntl is None:
        with _by_filelock(path, 0) as got:
            return not got
    with path.open("rb") as stream:
        return not _flock(stream, fcntl.LOCK_SH)  # shared: those who ask are not in each other's way


@contextlib.contextmanager
def _by_flock(path: Path, wait: float) -> Iterator[bool]:
    until = time.monotonic() + wait
    with path.open("ab") as stream:
        while not (got := _flock(stream, fcntl.LOCK_EX)) and time.monotonic() < until:
            time.sleep(STEP)
        yield got


def _flock(stream: BinaryIO, how: int) -> bool:
    try:
        fcntl.flock(stream, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _by_filelock(path: Path, wait: float) -> Iterator[bool]:
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    with contextlib.suppress(Timeout):
        lock.acquire(timeout=wait, poll_interval=STEP)
    try:
        yield lock.is_locked
    finally:
        lock.release()
