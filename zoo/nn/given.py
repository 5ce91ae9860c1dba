"""What users hand over: whatever has one meaning becomes a number or a tensor, and the rest is refused in words."""

from __future__ import annotations

import math
import numbers
import sys
from typing import Any

import torch
from torch import Tensor

from zoo.errors import UsageError

__all__ = ["as_tensor", "check_examples", "check_latents", "free_shape", "number", "whole"]

FLOAT_OR_WHOLE = "fiu"  # NumPy's letters for the kinds of numbers that are taken


def whole(name: str, value: Any, least: int, most: int) -> int:
    """A whole number, also one of NumPy's. Raises UsageError unless it is one from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not least <= int(value) <= most:
        raise UsageError(f"{name} is {value!r}; it must be a whole number from {least:,} to {most:,}")
    return int(value)


def number(value: Any) -> float:
    """A number, also one of NumPy's, as a float; NaN for what is none, so that it lies within no bounds."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:  # a whole number beyond all floats
        return sys.float_info.max if abs(value) == value else -sys.float_info.max


def as_tensor(name: str, value: object) -> Tensor:
    """Numbers as a tensor: a tensor, an array that NumPy can read, or lists of numbers, arrays or tensors.

    Raises UsageError, which calls it `name`, for what is none, for truth values and complex numbers, and for tensors
    that hold no values (sparse, quantised, on the device `meta`).
    """
    try:
        found = _tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        line = " ".join(str(error).split())
        cause = f" ({line:.80})" if isinstance(value, (list, tuple)) and line else ""
        raise UsageError(
            f"{name} is a {type(value).__name__}{cause}; give a tensor, an array or lists of numbers"
        ) from error
    if found.layout != torch.strided or found.is_meta or found.is_quantized or found.is_nested:
        raise UsageError(f"{name} is a tensor whose values are not at hand ({found.layout}, {found.device})")
    if found.is_complex() or found.dtype is torch.bool:
        raise UsageError(f"{name} is {found.dtype}; floats or whole numbers are needed")
    return found


def _tensor(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (list, tuple)) and any(isinstance(item, Tensor) for item in value):
        return torch.stack([_tensor(item) for item in value])
    import numpy  # heavy, and not needed for tensors

    array = numpy.array(value)  # a copy: torch takes no negative steps, and warns of what cannot be written
    if array.dtype == bool:
        return torch.from_numpy(array)
    if array.dtype.kind not in FLOAT_OR_WHOLE:
        raise TypeError
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))


def free_shape(x: object, shape: tuple[int, ...], step: int | None) -> tuple[int, ...]:
    """`shape`, or that of the examples in x where only the last two axes differ, and are multiples of `step`.

    None: they may not.
    """
    if step is None or not isinstance(x, torch.Tensor) or x.ndim not in (len(shape), len(shape) + 1):
        return shape
    found = tuple(x.shape[-len(shape) :])
    free = found[:-2] == shape[:-2] and all(side and side % step == 0 for side in found[-2:])
    return found if free else shape


def check_latents(z: object, shape: tuple[int, ...], device: torch.device) -> Tensor:
    """z as float32 (N, *shape) on the device; one alone, of that shape, is a batch of one.

    Raises UsageError unless it is that, N at least 1, and finite.
    """
    z = as_tensor("z", z)
    if tuple(z.shape) == shape:
        z = z[None]
    if z.ndim != 1 + len(shape) or tuple(z.shape[1:]) != shape or not len(z):
        wanted = ", ".join(map(str, shape))
        raise UsageError(f"z has shape {tuple(z.shape)}; this model decodes (N, {wanted})")
    z = z.to(device, torch.float32)
    if not bool(torch.isfinite(z).all()):
        raise UsageError("z holds NaN or infinity")
    return z


def check_examples(x: object, shape: tuple[int, ...], vocabulary: int | None = None) -> Tensor:
    """x as float32 (N, *shape), or as tokens int64 where there is a `vocabulary`; one alone is a batch of one.

    Raises UsageError unless it is floats of that shape in [0, 1], or tokens below `vocabulary`, N at least 1.
    """
    x = as_tensor("x", x)
    if tuple(x.shape) == shape:
        x = x[None]
    if vocabulary is not None:
        fits = tuple(x.shape[1:]) == shape and x.numel() and not x.is_floating_point()
        if not fits or not bool(((x >= 0) & (x < vocabulary)).all()):
            wanted = f"(N, {', '.join(map(str, shape))}) from 0 to {vocabulary - 1}"
            raise UsageError(f"x is {x.dtype} {tuple(x.shape)}; tokens {wanted} are needed")
        return x.long()
    if not x.is_floating_point() or x.ndim == 0 or tuple(x.shape[1:]) != shape or not x.numel():
        wanted = ", ".join(map(str, shape))
        raise UsageError(f"x is {x.dtype} {tuple(x.shape)}; floats (N, {wanted}) in [0, 1] are needed")
    x = x.float()
    if not bool(((x >= 0) & (x <= 1)).all()):  # NaN is neither
        raise UsageError("x holds values that are not in [0, 1]; scale them")
    return x
