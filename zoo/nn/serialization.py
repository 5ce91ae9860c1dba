"""safetensors in and out: the whole header is checked against the module before one tensor is touched."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save as save_bytes
from safetensors.torch import save_file
from torch import Tensor, nn

from zoo.catalogue.weights.header import header, texts
from zoo.errors import StorageError, WeightsError
from zoo.files import new_file

__all__ = ["fill", "half_of", "packed", "parse", "parse_metadata", "rounded", "save"]

LETTERS = {"F": (16, 32, 64), "BF": (16,), "I": (8, 16, 32, 64), "U": (8,)}  # of the format, and how many bits follow
WORDS = {"F": "float", "BF": "bfloat", "I": "int", "U": "uint"}  # torch's for them
DTYPES: dict[str, torch.dtype] = {"BOOL": torch.bool} | {
    f"{letter}{bits}": getattr(torch, f"{WORDS[letter]}{bits}") for letter, sizes in LETTERS.items() for bits in sizes
}
HALVES = {torch.float16, torch.bfloat16}


METADATA = {"format": "pt"}


def _whole(values: object, count: int | None = None) -> bool:
    return (
        isinstance(values, list)
        and (len(values) == count if count is not None else len(values) <= 8)
        and all(type(v) is int and 0 <= v < 2**48 for v in values)
    )


def _entry(key: str, entry: object, name: str) -> tuple[torch.dtype, list[int], int, int]:
    """One tensor's dtype, shape, start and end, checked against each other."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise WeightsError(f"{name}: {key!r:.80} needs exactly dtype, shape and data_offsets")
    dtype = DTYPES.get(entry["dtype"]) if isinstance(entry["dtype"], str) else None
    if dtype is None or not _whole(entry["shape"]) or not _whole(entry["data_offsets"], 2):
        raise WeightsError(f"{name}: {key!r:.80} has an unknown dtype, or a malformed shape or offsets")
    start, end = entry["data_offsets"]
    if math.prod(side or 1 for side in entry["shape"]) >= 2**48:  # strides of an empty tensor count them too
        raise WeightsError(f"{name}: {key!r:.80} has a shape no tensor can have")
    if math.prod(entry["shape"]) * dtype.itemsize != end - start:
        raise WeightsError(f"{name}: {key!r:.80} of shape {entry['shape']} does not fill its {end - start} bytes")
    return dtype, entry["shape"], start, end


def parse(blob: bytearray, name: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file, as views of `blob` (nothing is copied).

    Raises WeightsError, naming the file `name`, for anything malformed: lengths, duplicate keys, unknown dtypes,
    shapes that do not fill their bytes, tensors that overlap or leave a hole.
    """
    found, begin = header(blob, len(blob), name)
    texts(found, name)
    entries = sorted(((key, *_entry(key, entry, name)) for key, entry in found.items()), key=lambda e: (e[3], e[4]))
    at = 0
    for key, _, _, start, end in entries:
        if start != at:
            raise WeightsError(f"{name}: {key!r:.80} begins at byte {start}, not at {at}: an overlap or a hole")
        at = end
    if begin + at != len(blob):
        raise WeightsError(f"{name}: its tensors end at byte {begin + at}, the file at {len(blob)}")
    tensors = {}
    for key, dtype, shape, start, end in entries:
        if start == end:
            tensors[key] = torch.empty(shape, dtype=dtype)
        elif (begin + start) % dtype.itemsize:
            piece = bytearray(blob[begin + start : begin + end])
            tensors[key] = torch.frombuffer(piece, dtype=dtype).view(shape)
        else:
            count = (end - start) // dtype.itemsize
            tensors[key] = torch.frombuffer(blob, dtype=dtype, count=count, offset=begin + start).view(shape)
    return tensors


def parse_metadata(blob: bytearray, name: str) -> dict[str, str]:
    """The texts a safetensors file carries besides its tensors. Raises WeightsError as `parse`."""
    return texts(header(blob, len(blob), name)[0], name)


def _some(names: set[str]) -> str:
    shown = [f"{name!r:.80}" for name in sorted(names)[:3]]
    return ", ".join(shown) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def half_of(tensors: Iterable[Tensor]) -> torch.dtype | None:
    """float16 or bfloat16 where all floats among the tensors are stored so; None for a file of float32, or of several.

    Half of all is no model: its parts would not fit together.
    """
    found = {tensor.dtype for tensor in tensors if tensor.is_floating_point()}
    return found.pop() if len(found) == 1 and found <= HALVES else None


def _compare(
    expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor], name: str, half: torch.dtype | None
) -> None:
    """Raise WeightsError unless both have the same names, shapes and dtypes, or `half` for float32."""
    if missing := set(expected) - set(tensors):
        raise WeightsError(f"{name} lacks {_some(missing)}; it belongs to another architecture or config")
    if extra := set(tensors) - set(expected):
        raise WeightsError(f"{name} holds {_some(extra)} beyond what the architecture has")
    for key, wanted in expected.items():
        given, dtype = tensors[key], wanted.dtype
        dtype = half if half is not None and dtype == torch.float32 else dtype
        if given.shape != wanted.shape or given.dtype != dtype:
            raise WeightsError(
                f"{name}: {key} is {given.dtype} {list(given.shape)}, "
                f"the architecture needs {dtype} {list(wanted.shape)}"
            )


def fill(module: nn.Module, tensors: Mapping[str, Tensor], name: str, *, half: torch.dtype | None = None) -> None:
    """Give a module on the meta device its tensors, without a copy; of dtype `half` where its own is float32, if given.

    Raises WeightsError, before anything is touched, when names, shapes or dtypes differ, or a value is not finite.
    """
    _compare(module.state_dict(), tensors, name, half)
    for key, tensor in tensors.items():
        # A finite sum proves finite values in one pass; only an overflowing one needs the closer look.
        if tensor.is_floating_point() and not math.isfinite(tensor.sum()) and not bool(tensor.isfinite().all()):
            raise WeightsError(f"{name}: {key} holds NaN or infinity")
    module.load_state_dict(dict(tensors), strict=True, assign=True)
    if absent := [key for key, tensor in (*module.named_parameters(), *module.named_buffers()) if tensor.is_meta]:
        raise WeightsError(f"{name} cannot hold {_some(set(absent))}: its network keeps it out of its state")
    module.requires_grad_(False)


def save(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file, complete or not at all. Raises StorageError, for a full disk too."""
    ready = _ready(tensors)
    with new_file(path) as aside:
        try:
            save_file(ready, aside, metadata=dict(metadata or METADATA))
        except SafetensorError as error:  # the library's word for whatever the disk says
            raise StorageError(f"cannot write {path}: {error}; check its rights and the free space") from error


def packed(tensors: Mapping[str, Tensor]) -> bytes:
    """The bytes that `save` writes."""
    return save_bytes(_ready(tensors), metadata=METADATA)


def rounded(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same with float32 rounded to float16, whose 11 bits suffice a network. Raises WeightsError above 65,504."""
    found = {key: tensor.half() if tensor.dtype == torch.float32 else tensor for key, tensor in tensors.items()}
    if large := next((key for key, tensor in found.items() if not bool(tensor.isfinite().all())), None):
        raise WeightsError(f"{large} has values above 65,504, or none: float16 cannot hold them; store it as float32")
    return found


def _ready(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors on the CPU, each in memory of its own: the format knows no sharing."""
    ready: dict[str, Tensor] = {}
    places: set[int] = set()
    for key, tensor in tensors.items():
        plain = tensor.detach().cpu().contiguous()
        place = plain.untyped_storage().data_ptr()
        ready[key] = plain.clone() if place in places else plain
        places.add(place)
    return ready
