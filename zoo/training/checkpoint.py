"""Checkpoints: a folder each, `state.safetensors` and `state.json`, that appears only complete.

`state.json` holds a sha256 over the other file and its own numbers, so a damaged checkpoint is known by name and the
one before it is used.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from torch import Tensor

from zoo.catalogue.runs.folder import as_written, checkpoints, digest_of
from zoo.errors import IntegrityError, NotFoundError, ZooError
from zoo.files import new_folder, sha256_of, storage_errors
from zoo.nn.serialization import parse, save

__all__ = ["load_at", "load_checkpoint", "load_newest", "save_checkpoint"]

TENSORS, NUMBERS = "state.safetensors", "state.json"
DAMAGE = (ZooError, ValueError, RecursionError)  # what reading a damaged checkpoint raises


def save_checkpoint(
    folder: Path,
    tensors: dict[str, Tensor],
    numbers: dict[str, Any],
    *,
    newest: int = 2,
    keep: Collection[int] = (),
) -> Path:
    """Write a checkpoint named by its examples, and remove all but the `newest`, of which it is one: at least 2.

    Those at `keep` examples stay too. One of that name stays when it is whole, and is written anew when it is damaged.
    Raises StorageError.
    """
    path = folder / f"{numbers['examples']:012d}"
    if path.is_dir():
        try:
            _read(path)
        except DAMAGE:
            with storage_errors(f"cannot remove the damaged checkpoint {path}"):
                shutil.rmtree(path)
        else:
            return path
    for left in folder.glob(".[0-9]*"):  # what a killed process was writing
        shutil.rmtree(left, ignore_errors=True)
    with new_folder(path) as aside:
        save(aside / TENSORS, tensors)
        facts = {"sha256": digest_of(sha256_of(aside / TENSORS), numbers), **numbers}
        (aside / NUMBERS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    # A later one is damaged, or the run would have gone on from there: it counts for nothing.
    earlier = [old for old in checkpoints(folder) if int(old.name) < int(path.name)]
    for old in earlier[: 1 - newest]:
        if int(old.name) not in keep:
            shutil.rmtree(old, ignore_errors=True)
    return path


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with storage_errors(f"cannot read the checkpoint {path}"):
        text = (path / NUMBERS).read_bytes()
        blob = bytearray((path / TENSORS).read_bytes())
    numbers = json.loads(text)
    if not isinstance(numbers, dict) or not {"examples", "steps", "position", "sha256"} <= set(numbers):
        raise IntegrityError(f"{path / NUMBERS} is not what was written")
    if not as_written(hashlib.sha256(blob).hexdigest(), numbers) or numbers["examples"] != int(path.name):
        raise IntegrityError(f"the bytes of {path} are not those that were written")
    del numbers["sha256"]
    return parse(blob, str(path / TENSORS)), numbers


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and numbers of one checkpoint. Raises IntegrityError, naming it, when it is damaged."""
    try:
        return _read(path)
    except DAMAGE as error:
        raise IntegrityError(f"the checkpoint {path} is damaged ({error})") from error


def load_at(folder: Path, examples: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The checkpoint at so many examples. Raises NotFoundError, which names those that are there, IntegrityError."""
    there = {int(path.name): path for path in checkpoints(folder)}
    if examples not in there:
        named = ", ".join(f"{one:,}" for one in there) or "none"
        advice = "a recipe's `keep` says how many stay"
        raise NotFoundError(f"no checkpoint at {examples:,} examples in {folder}; there: {named} ({advice})")
    return load_checkpoint(there[examples])


def load_newest(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any], list[str]]:
    """The newest whole checkpoint, and a line for each damaged one that was passed over.

    Raises NotFoundError when there is none, IntegrityError when all are damaged.
    """
    refused: list[str] = []
    found = checkpoints(folder)
    if not found:
        raise NotFoundError(f"no checkpoint in {folder} yet; train until the first is saved")
    for path in reversed(found):
        try:
            return *_read(path), refused
        except DAMAGE as error:
            refused.append(f"{path.name} is damaged ({error})")
    raise IntegrityError(f"every checkpoint in {folder} is damaged: {'; '.join(refused)}; start a new run folder")
