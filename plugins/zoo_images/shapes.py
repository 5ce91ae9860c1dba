"""Circles, squares and triangles on black, drawn in memory. Each is a function of its index alone.

    factor   values                      meaning
    shape    0, 1, 2          int64      circle, square, triangle
    colour   [0, 1)           float32    hue, as a part of the circle of hues; full saturation and value
    x, y     [0.25, 0.75)     float32    centre, from the left and the top, in sides of the picture
    scale    [0.10, 0.20)     float32    radius of the circle, in sides; the others have about its area

The factors are independent and uniform. Examples 0 to 9,999 are the split `train`, the next 2,000 `test`.
"""

from __future__ import annotations

import math

import torch

from zoo.data import DataRequest, Examples
from zoo.errors import DataError
from zoo.images import Rules

CLASSES = ("circle", "square", "triangle")
SPLITS = {"train": (0, 10_000), "test": (10_000, 12_000)}
SIDE = 32
CHUNK_PIXELS = 1 << 21  # drawn at once: bounds the memory of the float planes
MAX_BYTES = 1 << 33


def load(request: DataRequest) -> Examples:
    """The split's drawings, (N, C, S, S); S is 32 unless asked for otherwise; with `factors`, each (N,).

    Raises DataError when they would take more than 8 GiB.
    """
    rules = Rules.of(request.data_shape, default_size=SIDE)
    index = torch.arange(*SPLITS[request.split])
    classes: tuple[str, ...] = CLASSES
    if request.selection is not None:
        index = index[index % len(CLASSES) == CLASSES.index(request.selection)]
        classes = (request.selection,)
    factors = _factors(index)
    side = rules.image_size or SIDE
    if len(index) * rules.channels * side * side > MAX_BYTES:
        raise DataError(f"shapes: {len(index)} pictures of {side} pixels take too much memory; lower image_size")
    data = torch.empty(len(index), rules.channels, side, side, dtype=torch.uint8)
    step = max(1, CHUNK_PIXELS // (side * side))
    for start in range(0, len(index), step):
        part = {name: values[start : start + step] for name, values in factors.items()}
        data[start : start + step] = _draw(part, side, rules.channels)
    labels = torch.zeros_like(factors["shape"]) if request.selection is not None else factors["shape"].clone()
    return Examples(data=data, labels=labels, classes=classes, factors=factors)


def _factors(index: torch.Tensor) -> dict[str, torch.Tensor]:
    return {
        "shape": index % len(CLASSES),
        "colour": _uniform(index, 0),
        "x": 0.25 + 0.5 * _uniform(index, 1),
        "y": 0.25 + 0.5 * _uniform(index, 2),
        "scale": 0.1 + 0.1 * _uniform(index, 3),
    }


def _uniform(index: torch.Tensor, stream: int) -> torch.Tensor:
    """Numbers in [0, 1) mixed from each index alone (a 32-bit integer hash), the same everywhere."""
    mask = 0xFFFFFFFF
    value = (index * 4 + stream + 1) & mask
    for factor in (0x7FEB352D, 0x6C8E9CF5):
        value = ((value ^ (value >> 16)) * factor) & mask
    return ((value ^ (value >> 16)) >> 8).float() / 2**24


def _draw(factors: dict[str, torch.Tensor], side: int, channels: int) -> torch.Tensor:
    """(n, C, side, side) uint8. A pixel's cover is taken from its centre's distance to the edge, in pixels."""
    centre = (torch.arange(side) + 0.5) / side
    scale = factors["scale"][:, None, None]
    dx = centre[None, None, :] - factors["x"][:, None, None]  # (n, 1, side)
    dy = centre[None, :, None] - factors["y"][:, None, None]  # (n, side, 1)
    circle = (dx.square() + dy.square()).sqrt() - scale
    square = torch.maximum(dx.abs(), dy.abs()) - 0.89 * scale
    # the three edges of a triangle that stands on one of them
    slanted = math.cos(math.pi / 6) * dx.abs() - math.sin(math.pi / 6) * dy
    triangle = torch.maximum(slanted, dy.expand_as(slanted)) - 0.78 * scale
    distance = torch.stack([circle, square, triangle])[factors["shape"], torch.arange(len(scale))]
    cover = (0.5 - distance * side).clamp(0, 1)
    colour = _rgb(factors["colour"])
    if channels == 1:
        colour = colour @ torch.tensor([[0.299], [0.587], [0.114]])
    return (cover[:, None] * colour[:, :, None, None] * 255).round().to(torch.uint8)


def _rgb(hue: torch.Tensor) -> torch.Tensor:
    """(n,) hues at full saturation and value -> (n, 3) in [0, 1]."""
    offset = torch.tensor([0.0, 2 / 3, 1 / 3])
    return ((((hue[:, None] + offset) % 1.0) * 6 - 3).abs() - 1).clamp(0, 1)
