"""Decoded tensors on disk, found again by the content they were decoded from.

An entry is one safetensors file. It appears under its final name only when complete, carries the
sha256 of its tensors, and is rebuilt when that does not fit. A cache that cannot be read or written
costs time, never a failure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from zoo.files import new_file

__all__ = ["Decoded", "cached", "content_key", "fingerprint"]

FORMAT = 1  # raise it when the meaning of an entry changes; old entries are then not looked at


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """Tensors, and notes that travel with them (JSON-able: class names, the names of bad files)."""

    tensors: Mapping[str, torch.Tensor]  # by name
    notes: Mapping[str, list[str]] = field(default_factory=dict)  # by what they are about

    @cached_property
    def sha256(self) -> str:
        """The fingerprint of the tensors."""
        return fingerprint(self.tensors)


def fingerprint(tensors: Mapping[str, torch.Tensor]) -> str:
    """The sha256 (hex) over each tensor's name, dtype, shape and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)};".encode())
        digest.update(tensor.numpy().data)
    return digest.hexdigest()


def content_key(**parts: object) -> str:
    """The sha256 (hex) of JSON-able `parts`: what was decoded, and how."""
    return hashlib.sha256(json.dumps({"format": FORMAT, **parts}, sort_keys=True).encode()).hexdigest()


def cached(folder: Path | None, key: str, build: Callable[[], Decoded]) -> Decoded:
    """The entry `key` below `folder`, or what `build()` returns, which is then kept there if it can be.

    Raises only what `build` raises.
    """
    if folder is None:
        return build()
    path = folder / "decoded" / f"{key}.safetensors"
    entry = _read(path)
    if entry is None:
        entry = build()
        _write(path, entry)
    return entry


def _read(path: Path) -> Decoded | None:
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["about"])  # one key: safetensors writes several in any order
            # cloned: a mapped tensor would change with the file
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        entry = Decoded(tensors=tensors, notes=about["notes"])
        return entry if about == _about(entry) else None
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None


def _about(entry: Decoded) -> dict[str, object]:
    notes = json.dumps(entry.notes, sort_keys=True).encode()
    return {"sha256": entry.sha256, "notes": dict(entry.notes), "notes_sha256": hashlib.sha256(notes).hexdigest()}


def _write(path: Path, entry: Decoded) -> None:
    metadata = {"about": json.dumps(_about(entry), sort_keys=True)}
    # a full or read-only disk is no failure: the next run decodes again
    with suppress(OSError, SafetensorError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with new_file(path) as aside:
            save_file({name: tensor.contiguous() for name, tensor in entry.tensors.items()}, aside, metadata=metadata)
