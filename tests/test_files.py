"""zoo.files: what is written appears complete or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from zoo.errors import NetworkError, StorageError, UsageError, ZooError
from zoo.files import new_file, new_files, new_folder, storage_errors


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    """While the block runs only a hidden file beside it exists; afterwards only the file, with ordinary rights."""
    path = tmp_path / "out.json"
    path.write_text("old")
    with new_file(path) as aside:
        aside.write_text("new")
        assert path.read_text() == "old"
        assert aside.parent == tmp_path
        assert (aside.name[0], aside.suffix) == (".", ".json")
    assert (path.read_text(), listing(tmp_path)) == ("new", ["out.json"])
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_the_umask_is_never_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing a file or a folder leaves the process's umask alone: another thread's file would get other rights."""

    def refuse(mask: int) -> int:
        raise AssertionError("umask was changed")

    monkeypatch.setattr(os, "umask", refuse)
    with new_file(tmp_path / "a.txt") as aside:
        aside.write_text("a")
    with new_folder(tmp_path / "b") as folder:
        (folder / "c").write_text("c")
    (tmp_path / "plain").touch()
    (tmp_path / "folder").mkdir()
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "b").stat().st_mode == (tmp_path / "folder").stat().st_mode


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt(), UsageError("mine")])
def test_an_unfinished_file_leaves_nothing(error: BaseException, tmp_path: Path) -> None:
    """When the block raises, the file that was there stays, nothing else does, and the error comes through."""
    path = tmp_path / "out.json"
    path.write_text("old")

    def write() -> None:
        with new_file(path) as aside:
            aside.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write()
    assert (path.read_text(), listing(tmp_path)) == ("old", ["out.json"])


def test_files_that_belong_together_appear_together(tmp_path: Path) -> None:
    """Several files are all new or all as they were: also when only the last of them cannot be written."""
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    with new_files(one, two) as asides:
        for aside in asides:
            aside.write_text("first")
        assert not one.exists()
    with pytest.raises(StorageError, match="No such file"), new_files(one, two) as (first, _):
        first.write_bytes((tmp_path / "absent").read_bytes())
    with pytest.raises(StorageError, match="it is a folder"), new_files(one, tmp_path):
        raise AssertionError("the second cannot be written")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"one.txt": "first", "two.txt": "first"}


def test_a_folder_appears_when_it_is_complete(tmp_path: Path) -> None:
    """A new folder is filled beside its place and renamed; folders above it are made, an empty one is taken."""
    path = tmp_path / "deep" / "out"
    with new_folder(path) as aside:
        (aside / "a").write_text("a")
        assert not path.exists()
    assert listing(tmp_path) == ["a", "deep", "out"]
    (tmp_path / "empty").mkdir()
    with new_folder(tmp_path / "empty") as aside:
        (aside / "b").write_text("b")
    assert listing(tmp_path / "empty") == ["b"]


def test_an_unfinished_folder_leaves_nothing(tmp_path: Path) -> None:
    """When the block raises, no folder and no part of one is there."""

    def write() -> None:
        with new_folder(tmp_path / "out") as aside:
            (aside / "a").write_text("a")
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        write()
    assert listing(tmp_path) == []


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    """A folder that is not empty is a StorageError before the block runs."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("")
    with pytest.raises(StorageError, match="not empty"), new_folder(tmp_path / "out"):
        pytest.fail("the block ran")
    assert listing(tmp_path) == ["mine", "out"]


def _a_file_as_folder(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / "out"


def _a_folder_as_file(tmp_path: Path) -> Path:
    (tmp_path / "out" / "inner").mkdir(parents=True)
    return tmp_path / "out"


PLACES: list[Callable[[Path], Path]] = [
    lambda tmp_path: tmp_path / "absent" / "out",
    lambda tmp_path: tmp_path / ("x" * 300),
    _a_file_as_folder,
    _a_folder_as_file,
]


@pytest.mark.parametrize("place", PLACES)
def test_a_place_that_cannot_be_written_is_a_storage_error(place: Callable[[Path], Path], tmp_path: Path) -> None:
    """A missing folder, too long a name, a file for a folder or a folder for a file: StorageError, nothing written."""
    path = place(tmp_path)
    before = listing(tmp_path)
    with pytest.raises(StorageError, match="cannot write") as caught, new_file(path):
        pytest.fail("the block ran")
    assert str(path) in str(caught.value)
    assert listing(tmp_path) == before


def test_a_folder_below_a_file_is_a_storage_error(tmp_path: Path) -> None:
    """A folder cannot be made below a file."""
    with pytest.raises(StorageError, match="cannot write"), new_folder(_a_file_as_folder(tmp_path)):
        pytest.fail("the block ran")


def test_what_the_disk_says_is_told_with_the_action() -> None:
    """An OSError becomes a StorageError: action, cause, next step; the zoo's own errors come through as they are."""
    with (
        pytest.raises(StorageError, match="cannot do it: No space left on device; check"),
        storage_errors("cannot do it"),
    ):
        raise OSError(28, os.strerror(28))
    for error in (NetworkError("down"), StorageError("full"), UsageError("no")):
        with pytest.raises(ZooError) as caught, storage_errors("cannot do it"):
            raise error
        assert caught.value is error
    with pytest.raises(ValueError, match="mine"), storage_errors("cannot do it"):
        raise ValueError("mine")
