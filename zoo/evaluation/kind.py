"""What evaluation knows of the kind of data, in one place: pictures, stored as bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from zoo.errors import DataError
from zoo.images.sheet import card_scale, grid, save_picture

__all__ = ["NEIGHBOURS", "is_stored", "stored", "values", "writer"]

NEIGHBOURS = "neighbours.png"  # the file that shows samples beside their nearest training examples
COLUMNS = 8


def is_stored(data: Tensor, data_shape: Sequence[int]) -> bool:
    """Whether data are (N, *data_shape) as datasets store them."""
    return data.dtype == torch.uint8 and tuple(data.shape[1:]) == tuple(data_shape)


def values(data: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Stored data -> values in [0, 1]."""
    return data.to(dtype) / 255


def stored(x: Tensor) -> Tensor:
    """(N, C, H, W) as it is stored: unchanged if it is so already, else [0, 1] rounded to the nearest of 256 levels.

    Raises DataError for another shape or type, for values that are not finite, and for values outside [0, 1].
    """
    if x.dim() != 4 or x.shape[1] not in (1, 3):
        raise DataError(f"examples have shape {tuple(x.shape)}; (N, 1, H, W) or (N, 3, H, W) is needed")
    if x.dtype == torch.uint8:
        return x
    if not x.is_floating_point():
        raise DataError(f"examples are {x.dtype}; uint8, or floating point in [0, 1], is needed")
    low, high = (float(value) for value in x.aminmax()) if x.numel() else (0.0, 0.0)  # a NaN comes through
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DataError("examples hold NaN or infinite values; the model that made them has diverged")
    if low < -1e-3 or high > 1 + 1e-3:  # the tolerance is for rounding in the model's last layer
        raise DataError(f"examples range over [{low:.3g}, {high:.3g}], not [0, 1]")
    return (x.float() * 255).round().clamp(0, 255).to(torch.uint8)


def writer(x: Tensor) -> Callable[[Path], None]:
    """What writes stored examples into one file, as a card shows them."""
    sheet = grid(x, columns=COLUMNS, scale=card_scale(x.shape[1:]))
    return lambda path: save_picture(sheet, path)
