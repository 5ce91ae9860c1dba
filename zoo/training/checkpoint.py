"""Checkpoints: a folder each, `state.safetensors` and `state.json`, that appears only complete.

`state.json` holds the other file's sha256, so a damaged checkpoint is known by name and the one before it is used.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from torch import Tensor

from zoo.errors import IntegrityError, NotFoundError, ZooError
from zoo.files import new_folder, storage_errors
from zoo.nn.serialization import parse, save
from zoo.weights import sha256_of

__all__ = ["checkpoints", "load_newest", "save_checkpoint"]

TENSORS, NUMBERS = "state.safetensors", "state.json"
KEPT = 2


def checkpoints(folder: Path) -> list[Path]:
    """The complete checkpoints in a folder, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.name.isdigit() and path.is_dir())


def save_checkpoint(folder: Path, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> Path:
    """Write a checkpoint named by its images, and remove all but the last two. Raises StorageError."""
    path = folder / f"{numbers['images']:012d}"
    if path.is_dir():
        return path
    with new_folder(path) as aside:
        save(aside / TENSORS, tensors)
        facts = {"sha256": sha256_of(aside / TENSORS), **numbers}
        (aside / NUMBERS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    for old in checkpoints(folder)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return path


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with storage_errors(f"cannot read the checkpoint {path}"):
        numbers = json.loads((path / NUMBERS).read_text(encoding="utf-8"))
        blob = bytearray((path / TENSORS).read_bytes())
    if numbers.pop("sha256") != sha256_of(path / TENSORS):
        raise IntegrityError(f"checkpoint {path} is damaged: its bytes are not those that were written")
    return parse(blob, str(path / TENSORS)), numbers


def load_newest(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any], list[str]]:
    """The newest whole checkpoint, and a line for each damaged one that was passed over.

    Raises NotFoundError when there is none, IntegrityError when all are damaged.
    """
    refused: list[str] = []
    found = checkpoints(folder)
    if not found:
        raise NotFoundError(f"no checkpoint in {folder}; start without --resume")
    for path in reversed(found):
        try:
            return *_read(path), refused
        except (ZooError, ValueError, KeyError) as error:
            refused.append(f"{path.name} is damaged ({error})")
    raise IntegrityError(f"every checkpoint in {folder} is damaged: {'; '.join(refused)}")
