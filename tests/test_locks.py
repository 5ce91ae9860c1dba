"""zoo.locks: one process at a time, a killed one lets go, and who asks is told; with fcntl and without."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from zoo import locks
from zoo.locks import is_locked, locked

HOLD = """
import sys, time
from pathlib import Path
from zoo import locks
if sys.argv[2] == "filelock":
    locks.fcntl = None
with locks.locked(Path(sys.argv[1]), wait=0) as got:
    print(got, flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["fcntl", "filelock"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How locks are taken: as on POSIX systems, or as where there is no fcntl."""
    if request.param == "filelock":
        monkeypatch.setattr(locks, "fcntl", None)
    return str(request.param)


@contextmanager
def held_elsewhere(path: Path, way: str) -> Iterator[subprocess.Popen[str]]:
    """Another process holds the lock."""
    command = [sys.executable, "-c", HOLD, str(path), way]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        try:
            yield process
        finally:
            process.kill()


def test_one_process_at_a_time(way: str, tmp_path: Path) -> None:
    """While another holds it nobody gets it and who asks is told so; once that one is killed it is free at once."""
    path = tmp_path / "lock"
    with held_elsewhere(path, way) as other:
        assert is_locked(path)
        start = time.monotonic()
        with locked(path, wait=0.2) as got:
            assert (got, 0.2 <= time.monotonic() - start < 5) == (False, True)
        assert is_locked(path)  # trying has not let go of what the other holds
        other.kill()
        other.wait()
    assert not is_locked(path)
    with locked(path, wait=0) as got:
        assert got
        assert is_locked(path)
    assert not is_locked(path)


def test_what_is_no_lock_is_not_held(way: str, tmp_path: Path) -> None:
    """Asking makes no file; a folder in a lock's place is an OSError for who wants to hold it."""
    assert not is_locked(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []
    assert not is_locked(tmp_path)
    with pytest.raises(IsADirectoryError), locked(tmp_path, wait=0):
        raise AssertionError("a folder was locked")
