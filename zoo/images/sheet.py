"""Tensors, arrays and what else is a picture -> Pillow images, grids and files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import UsageError
from zoo.files import new_file

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

__all__ = ["WRITTEN", "card_scale", "check_picture_path", "grid", "save_picture", "to_pil"]

MOST_PIXELS = 2**28
WRITTEN = (".png", ".jpg", ".jpeg", ".webp", ".bmp")  # how the files of pictures end that can be written


def _bytes(images: object) -> Tensor:
    """Pictures of any form that `pictures` takes, as uint8 (N, C, H, W) on the CPU."""
    from zoo.images.values import pictures

    x = pictures(images).detach().cpu()
    return x.float().clamp(0, 1).mul_(255).round_().byte() if x.is_floating_point() else x


def to_pil(images: object) -> list[Image]:
    """Images (N, C, H, W), float in [0, 1] or uint8, C 1 or 3, as Pillow images.

    Arrays, Pillow images, paths, single pictures and lists of them are taken too, see `zoo.images.values.pictures`.
    Raises UsageError for any other shape or type.
    """
    from PIL import Image

    x = _bytes(images)
    mode = "L" if x.shape[1] == 1 else "RGB"
    return [
        Image.fromarray(pixels.permute(1, 2, 0).squeeze(-1).contiguous().numpy(), mode=None).convert(mode)
        for pixels in x
    ]


def grid(images: object, *, columns: int | None = None, scale: int = 1, gap: int = 2) -> Image:
    """One picture of all images, as `to_pil` takes them: `columns` a row (the square root of N by default), each pixel
    `scale` pixels wide, `gap` white pixels between. Raises UsageError for shapes or numbers that cannot be meant.
    """
    from PIL import Image

    from zoo.nn.given import whole

    scale, gap = whole("scale", scale, 1, MOST_PIXELS), whole("gap", gap, 0, MOST_PIXELS)
    pieces = to_pil(images)
    across = math.ceil(math.sqrt(len(pieces))) if columns is None else whole("columns", columns, 1, MOST_PIXELS)
    down = math.ceil(len(pieces) / across)
    width, height = pieces[0].width * scale, pieces[0].height * scale
    size = across * (width + gap) - gap, down * (height + gap) - gap
    if size[0] * size[1] > MOST_PIXELS:
        raise UsageError(f"a grid of {size[0]:,} x {size[1]:,} pixels is too big; use fewer images or a smaller scale")
    sheet = Image.new(pieces[0].mode, size, "white")
    for index, piece in enumerate(pieces):
        row, column = divmod(index, across)
        big = piece.resize((width, height), Image.Resampling.NEAREST) if scale > 1 else piece
        sheet.paste(big, (column * (width + gap), row * (height + gap)))
    return sheet


def card_scale(data_shape: Sequence[int]) -> int:
    """How many pixels wide a pixel is in a card's pictures: 3 up to 32 pixels a side, 1 from 49 on."""
    return max(1, min(3, 96 // max(data_shape[-2:])))


def check_picture_path(path: Path) -> Path:
    """Return `path`, or raise UsageError when its suffix names no picture format: before any work is done."""
    if path.suffix.lower() not in WRITTEN:
        raise UsageError(f"{path} must end in one of {', '.join(WRITTEN)}")
    return path


def save_picture(picture: Image, path: Path) -> None:
    """Write a picture, complete or not at all; the suffix names the format.

    Raises UsageError for an unknown suffix, StorageError where the file cannot be written.
    """
    with new_file(check_picture_path(path)) as aside:
        picture.save(aside)
