"""The header of a safetensors file, read before its tensors and without torch.

The format (https://github.com/huggingface/safetensors): 8 bytes little-endian header length, a JSON object
name -> {dtype, shape, data_offsets}, then the data. The library itself takes duplicate keys; this reader does not.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.catalogue.weights.folder import refuse_pointer
from zoo.configs import strict_json
from zoo.errors import WeightsError
from zoo.files import storage_errors

__all__ = ["MOST_HEADER", "STATISTICS", "Header", "header", "header_of", "read_header", "texts"]

MOST_HEADER = 8 * 2**20  # bytes
MOST_TENSORS = 100_000
PIECE = 2**16  # bytes, read at once
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")  # of batch norms: stored, and no parameters


@dataclass(frozen=True)
class Header:
    """What a safetensors file says of its tensors."""

    shapes: Mapping[str, tuple[int, ...]]
    texts: Mapping[str, str]

    def parameters(self) -> dict[str, int]:
        """How many parameters each part has; a tensor's name begins with its part's: `decoder.stem.weight`."""
        counts: dict[str, int] = {}
        for name, shape in self.shapes.items():
            if not name.endswith(STATISTICS):
                part = name.partition(".")[0]
                counts[part] = counts.get(part, 0) + math.prod(shape)
        return counts


def header(blob: bytes | bytearray, size: int, name: str) -> tuple[dict[str, Any], int]:
    """The JSON object at the beginning of a file of `size` bytes that begins with `blob`, and where the tensors begin.

    Raises WeightsError, naming the file `name`, where it is malformed or not whole in `blob`.
    """
    length = _length(blob, size, name)
    try:
        found = strict_json(blob[8 : 8 + length])
    except ValueError as error:
        raise WeightsError(f"{name} is no safetensors file: its header cannot be read ({error!s:.120})") from error
    if not isinstance(found, dict) or len(found) > MOST_TENSORS:
        raise WeightsError(f"{name}: its header is no table of at most {MOST_TENSORS:,} tensors")
    return found, 8 + length


def _length(blob: bytes | bytearray, size: int, name: str) -> int:
    length = int.from_bytes(blob[:8], "little") if len(blob) >= 8 else -1
    if not 2 <= length <= min(MOST_HEADER, size - 8):
        raise WeightsError(f"{name} is no safetensors file: it gives its header {length} bytes of {size}")
    return length


def texts(found: dict[str, Any], name: str) -> dict[str, str]:
    """Take the texts out of a header, checked. Raises WeightsError."""
    metadata = found.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise WeightsError(f"{name}: __metadata__ must hold texts only")
    return metadata


def read_header(pieces: Iterable[bytes], size: int, name: str) -> Header:
    """The header of a file of `size` bytes that comes in pieces, of which no more are taken than it needs.

    Raises WeightsError where it is malformed, and what the pieces raise.
    """
    blob = bytearray()
    for piece in pieces:
        blob += piece
        refuse_pointer(blob, name)
        if len(blob) >= 8 and len(blob) >= 8 + _length(blob, size, name):
            break
    found, _ = header(blob, size, name)
    said = texts(found, name)
    return Header({key: _shape(key, entry, name) for key, entry in found.items()}, said)


def header_of(path: Path) -> Header:
    """The header of a file. Raises WeightsError, StorageError."""
    with storage_errors(f"cannot read {path}"), path.open("rb") as stream:
        pieces = iter(functools.partial(stream.read, PIECE), b"")
        return read_header(pieces, os.fstat(stream.fileno()).st_size, str(path))


def _shape(key: str, entry: Any, name: str) -> tuple[int, ...]:
    shape = entry.get("shape") if isinstance(entry, dict) else None
    if not isinstance(shape, list) or len(shape) > 8 or not all(type(v) is int and 0 <= v < 2**48 for v in shape):
        raise WeightsError(f"{name}: {key!r:.80} has a malformed shape")
    return tuple(shape)
