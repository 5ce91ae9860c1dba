"""zoo.training.checkpoint: complete or not there, the last two kept, a damaged one known by name."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.catalogue.runs.folder import checkpoints
from zoo.errors import IntegrityError, NotFoundError, StorageError
from zoo.training.checkpoint import load_newest, save_checkpoint


def state(examples: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A state that says which one it is."""
    tensors = {
        "weights": torch.full((500,), float(examples)),
        "random": torch.arange(examples % 1000, dtype=torch.uint8),
    }
    return tensors, {"examples": examples, "steps": examples // 4, "position": {"epoch": 0, "offset": examples}}


def save(folder: Path, *examples: int) -> None:
    for count in examples:
        save_checkpoint(folder, *state(count))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def flip_a_bit(path: Path, at: int = -3) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    """The newest checkpoint gives back its tensors and numbers to the last bit."""
    save(tmp_path / "checkpoints", 4, 8)
    tensors, numbers, refused = load_newest(tmp_path / "checkpoints")
    wanted, wanted_numbers = state(8)
    assert set(tensors) == set(wanted)
    assert all(torch.equal(tensors[key], wanted[key]) and tensors[key].dtype == wanted[key].dtype for key in wanted)
    assert (numbers, refused) == (wanted_numbers, [])


def test_a_digest_of_the_tensors_alone_is_still_read(tmp_path: Path) -> None:
    """A checkpoint whose digest covers its tensors alone, as the first ones did, is whole while its tensors are."""
    save(tmp_path, 4, 8)
    newest = tmp_path / "000000000008"
    rewrite(newest, sha256=hashlib.sha256((newest / "state.safetensors").read_bytes()).hexdigest())
    assert load_newest(tmp_path)[1:] == (state(8)[1], [])
    flip_a_bit(newest / "state.safetensors")
    assert load_newest(tmp_path)[1]["examples"] == 4


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    """Each checkpoint is a folder named by its examples; all but the last two go. They are ordered by number."""
    save(tmp_path, 4, 8, 12)
    assert names(tmp_path) == ["000000000008", "000000000012"]
    save(tmp_path, 999_999_999_999, 10**12)
    assert [path.name for path in checkpoints(tmp_path)] == ["999999999999", "1000000000000"]
    assert load_newest(tmp_path)[1]["examples"] == 10**12


def test_only_whole_checkpoints_count(tmp_path: Path) -> None:
    """Folders that were not finished, files and other names are no checkpoints."""
    save(tmp_path, 4)
    (tmp_path / ".000000000008.x1").mkdir()
    (tmp_path / "000000000012").write_text("a file")
    (tmp_path / "notes").mkdir()
    assert [path.name for path in checkpoints(tmp_path)] == ["000000000004"]
    assert checkpoints(tmp_path / "nothing") == []


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    """The next save removes folders that a killed process was still writing, and nothing else."""
    save(tmp_path, 4)
    left = tmp_path / ".000000000008.k2x"
    left.mkdir()
    (left / "state.safetensors").write_bytes(b"half")
    (tmp_path / ".keep").mkdir()
    save(tmp_path, 8)
    assert names(tmp_path) == [".keep", "000000000004", "000000000008"]


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a bit of a tensor": lambda path: flip_a_bit(path / "state.safetensors"),
    "a bit of the header": lambda path: flip_a_bit(path / "state.safetensors", 12),
    "cut": lambda path: os.truncate(path / "state.safetensors", 700),
    "longer": lambda path: append(path / "state.safetensors"),
    "empty": lambda path: (path / "state.safetensors").write_bytes(b""),
    "no tensors": lambda path: (path / "state.safetensors").unlink(),
    "no numbers": lambda path: (path / "state.json").unlink(),
    "numbers cut": lambda path: os.truncate(path / "state.json", 40),
    "numbers empty": lambda path: (path / "state.json").write_bytes(b""),
    "numbers no text": lambda path: (path / "state.json").write_bytes(b"\xff\xfe\0"),
    "numbers a list": lambda path: (path / "state.json").write_text("[]"),
    "numbers deep": lambda path: (path / "state.json").write_text("[" * 100_000),
    "numbers null": lambda path: (path / "state.json").write_text("null"),
    "no digest": lambda path: rewrite(path, sha256=None),
    "other examples": lambda path: rewrite(path, examples=16),
    "other steps": lambda path: rewrite(path, steps=3),
    "another position": lambda path: rewrite(path, position={"epoch": 0, "offset": 12}),
    "a number more": lambda path: rewrite(path, more=1),
    "no position": lambda path: rewrite(path, position=None),
    "a folder for a file": lambda path: ((path / "state.json").unlink(), (path / "state.json").mkdir()),
}


def rewrite(path: Path, **changes: object) -> None:
    numbers = json.loads((path / "state.json").read_text()) | changes
    kept = {key: value for key, value in numbers.items() if value is not None}
    (path / "state.json").write_text(json.dumps(kept))


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_newest_is_named_and_the_one_before_it_used(how: str, tmp_path: Path) -> None:
    """However the newest is damaged, it is passed over with a line that names it, and the one before it is given."""
    save(tmp_path, 4, 8)
    DAMAGE[how](tmp_path / "000000000008")
    tensors, numbers, refused = load_newest(tmp_path)
    assert numbers["examples"] == 4
    assert torch.equal(tensors["weights"], state(4)[0]["weights"])
    assert len(refused) == 1
    assert refused[0].startswith("000000000008 is damaged (")


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_one_is_written_anew(how: str, tmp_path: Path) -> None:
    """Saving where a damaged checkpoint stands replaces it; the whole one before it stays."""
    save(tmp_path, 4, 8)
    DAMAGE[how](tmp_path / "000000000008")
    save(tmp_path, 8)
    assert load_newest(tmp_path)[1:] == (state(8)[1], [])
    assert names(tmp_path) == ["000000000004", "000000000008"]


def test_a_whole_one_stays_as_it_is(tmp_path: Path) -> None:
    """Saving where a whole checkpoint stands writes nothing."""
    save(tmp_path, 8)
    before = (tmp_path / "000000000008/state.safetensors").stat()
    save(tmp_path, 8)
    after = (tmp_path / "000000000008/state.safetensors").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_damaged_newest_never_costs_the_whole_one_before_it(tmp_path: Path) -> None:
    """While a run goes on from the one before a damaged one, its newest is whole and is the one used."""
    save(tmp_path, 4, 8)
    flip_a_bit(tmp_path / "000000000008" / "state.safetensors")
    for examples in (5, 6, 7):
        save(tmp_path, examples)
        assert load_newest(tmp_path)[1]["examples"] == examples
    save(tmp_path, 8)
    assert names(tmp_path) == ["000000000007", "000000000008"]
    assert load_newest(tmp_path)[2] == []


def test_all_damaged_is_an_error_of_integrity(tmp_path: Path) -> None:
    """When no checkpoint is whole, the IntegrityError names each."""
    save(tmp_path, 4, 8)
    for name in names(tmp_path):
        flip_a_bit(tmp_path / name / "state.safetensors")
    with pytest.raises(IntegrityError, match=r"000000000008 is damaged .*000000000004 is damaged .*new run folder"):
        load_newest(tmp_path)


def test_no_checkpoint_is_not_found(tmp_path: Path) -> None:
    """An empty folder, and none at all, is a NotFoundError."""
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(NotFoundError, match="no checkpoint in"):
            load_newest(folder)


# --- a disk that fails ---------------------------------------------------------------------------------------------


def failing(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, cause: int) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(cause, os.strerror(cause))

    monkeypatch.setattr(owner, name, fail)


@pytest.mark.parametrize("step", ["replace", "fsync"])
@pytest.mark.parametrize("cause", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_failing_disk_costs_nothing_that_was_saved(
    cause: int, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When writing fails it is a StorageError with the cause; what was saved is whole, and nothing half is left."""
    save(tmp_path, 4, 8)
    with monkeypatch.context() as patch:
        failing(patch, os, step, cause)
        with pytest.raises(StorageError, match=os.strerror(cause)):
            save(tmp_path, 12)
    assert names(tmp_path) == ["000000000004", "000000000008"]
    assert load_newest(tmp_path)[1:] == (state(8)[1], [])
    save(tmp_path, 12)
    assert load_newest(tmp_path)[1]["examples"] == 12


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The system refuses to write a file beyond `size` bytes, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 100, 1500])
def test_a_file_that_cannot_grow_costs_nothing_that_was_saved(size: int, tmp_path: Path) -> None:
    """When the system itself stops the writing half-way, it is a StorageError, and what was saved is whole."""
    save(tmp_path, 4, 8)
    with files_of_at_most(size), pytest.raises(StorageError) as caught:
        save(tmp_path, 12)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == ["000000000004", "000000000008"]
    assert load_newest(tmp_path)[1:] == (state(8)[1], [])


def test_a_damaged_one_that_cannot_be_removed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a damaged checkpoint cannot be replaced, the StorageError names it."""
    save(tmp_path, 4, 8)
    flip_a_bit(tmp_path / "000000000008" / "state.safetensors")
    failing(monkeypatch, os, "unlink", errno.EACCES)
    with pytest.raises(StorageError, match=r"cannot remove the damaged checkpoint .*000000000008"):
        save(tmp_path, 8)
