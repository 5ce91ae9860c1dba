"""The modality "image": pictures (C, H, W), C 1 or 3, stored as bytes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor

from zoo.data.modality import Classifier, Judge, Labelled, Modality
from zoo.errors import DataError, UsageError
from zoo.images.animation import check_animation, save_animation
from zoo.images.augment import AUGMENTATIONS
from zoo.images.decode import Rules
from zoo.images.judges import picture_classifier, picture_probe
from zoo.images.sheet import MOST_PIXELS, card_scale, grid, save_picture
from zoo.images.terminal import letters_of
from zoo.images.values import pictures, read_picture, to_range

__all__ = ["Images", "images"]

BOARD_SCALE = 3  # screen pixels a pixel on TensorBoard


@final
class Images(Modality):
    """Pictures, stored as uint8 (N, C, H, W); networks see float32, channels last in memory."""

    augmentations = AUGMENTATIONS

    def check(self, stored: Tensor) -> None:
        """Raise DataError unless they are uint8 (N, C, H, W)."""
        if stored.dtype != torch.uint8 or stored.ndim != 4:
            raise DataError("pictures are uint8 (N, C, H, W)")

    def ready(self, stored: Tensor, value_range: tuple[float, float] = (0.0, 1.0)) -> Tensor:
        """Pixels as float32 in `value_range`, channels last."""
        return to_range(stored, *value_range)

    def values(self, stored: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Pixels in [0, 1], each the level's exact quotient."""
        return stored.to(dtype) / 255

    def stored(self, x: Tensor) -> Tensor:
        """[0, 1] rounded to the nearest of 256 levels; uint8 as it is.

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

    def read(self, path: Path, data_shape: tuple[int, ...]) -> Tensor:
        """A photo, cut to its central square and resized, as (1, C, S, S) in [0, 1]."""
        return self.values(read_picture(path, Rules.of(data_shape))[None])

    def read_whole(self, path: Path, data_shape: tuple[int, ...], stride: int) -> Tensor:
        """A photo at its own size, of which what no multiple of `stride` covers is cut from the edges."""
        pixels = read_picture(path, Rules(image_size=None, channels=data_shape[0]))
        height, width = pixels.shape[1:]
        if min(height, width) < stride:
            raise DataError(f"{path} has {width}x{height} pixels; at least {stride} a side are needed")
        top, left = height % stride // 2, width % stride // 2
        cut = pixels[:, top : top + height // stride * stride, left : left + width // stride * stride]
        return self.values(cut[None])

    def given(self, value: object, data_shape: tuple[int, ...]) -> Tensor:
        """Whatever `pictures` takes, bytes as [0, 1]. Raises UsageError, and what reading a file raises."""
        x = pictures(value, data_shape)
        return x if x.is_floating_point() else self.values(x)

    def how_read(self, data_shape: tuple[int, ...]) -> str:
        """Cut, resized, and made grey."""
        channels, size = data_shape[:2]
        return f"cut to the central square and resized to {size}x{size}" + (", in grey" if channels == 1 else "")

    def write(self, x: Tensor, path: Path, *, columns: int | None = None, scale: int | None = None) -> None:
        """One picture of all, in a grid: `columns` a row (the square root), each pixel `scale` wide (as in a card)."""
        save_picture(grid(x, columns=columns, scale=card_scale(x.shape[1:]) if scale is None else scale), path)

    def animate(
        self, x: Tensor, path: Path, *, columns: int | None = None, scale: int | None = None, duration: int = 100
    ) -> None:
        """A grid a frame, as `write` lays it out; GIF, WebP or APNG, for ever, or MP4."""
        enlarged = card_scale(x.shape[2:]) if scale is None else scale
        frames = [grid(frame, columns=columns, scale=enlarged) for frame in x]
        save_animation(frames, path, duration=duration)

    def check_writable(self, path: Path) -> None:
        """Raise NotFoundError where nothing writes MP4."""
        check_animation(path)

    def terminal(self, x: Tensor, *, width: int, columns: int | None = None, colour: bool = False) -> str:
        """Half blocks in 24-bit colour, or ASCII letters by brightness."""
        return letters_of(x, width=width, columns=columns, colour=colour)

    def fits(self, count: int, data_shape: tuple[int, ...], *, scale: int | None = None) -> None:
        """Raise UsageError for a grid of more pixels than a picture can have."""
        if count * data_shape[-2] * data_shape[-1] * max(scale or 1, 1) ** 2 > MOST_PIXELS:
            asked = f"{count:,} samples at scale {scale}"
            raise UsageError(f"{asked} do not fit in one picture; use fewer or a smaller scale")

    def typical_shape(self, stored: Tensor) -> tuple[int, ...]:
        """(C, H, W), C 1 where all are grey."""
        grey = all(torch.equal(stored[:, 0], stored[:, index]) for index in range(1, stored.shape[1]))
        return (1 if grey else 3, *stored.shape[2:])

    def shapes(self) -> Iterable[tuple[int, ...]]:
        """From icons to photographs, grey and coloured."""
        return [(channels, side, side) for side in (8, 28, 64, 1_500) for channels in (1, 3)]

    def log(self, board: Any, x: Tensor, step: int) -> None:
        """A grid, three screen pixels a pixel."""
        import numpy

        sheet = grid(x, scale=BOARD_SCALE).convert("RGB")
        board.add_image("samples", numpy.asarray(sheet), step, dataformats="HWC")

    def judge(self, train: Labelled, held_out: Labelled, *, seed: int = 0) -> Judge:
        """A small convolutional network."""
        return picture_probe(train, held_out, seed=seed)

    def classifier(
        self, train: Labelled, held_out: Labelled, num_classes: int, *, seed: int = 0, cache_dir: Path | None = None
    ) -> Classifier:
        """A deeper one."""
        return picture_classifier(train, held_out, num_classes, seed=seed, cache_dir=cache_dir)


def images(about: Mapping[str, Any]) -> Modality:
    """The modality; nothing of it travels with the weights."""
    return Images()
