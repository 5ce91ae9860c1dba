"""Tensors -> pictures, through Pillow. No torch import: it takes tensors as they come."""

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

__all__ = ["card_scale", "check_picture_path", "grid", "save_picture", "to_pil"]

MOST_PIXELS = 2**28
FORMATS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")


def _bytes(images: Tensor) -> Tensor:
    """Images (N, C, H, W), float in [0, 1] or uint8, as uint8."""
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.numel():
        raise UsageError(f"pictures have shape (N, 1 or 3, H, W), not {tuple(images.shape)}")
    if not images.is_floating_point():
        if str(images.dtype) != "torch.uint8":
            raise UsageError(f"pictures are floats in [0, 1] or uint8, not {images.dtype}")
        return images.detach().cpu()
    return images.detach().cpu().float().clamp(0, 1).mul(255).round().byte()


def to_pil(images: Tensor) -> list[Image]:
    """Images (N, C, H, W), float in [0, 1] or uint8, C 1 or 3, as Pillow images.

    Raises UsageError for any other shape or type.
    """
    from PIL import Image

    mode = "L" if images.ndim == 4 and images.shape[1] == 1 else "RGB"
    return [
        Image.fromarray(pixels.permute(1, 2, 0).squeeze(-1).contiguous().numpy(), mode=None).convert(mode)
        for pixels in _bytes(images)
    ]


def grid(images: Tensor, *, columns: int | None = None, scale: int = 1, gap: int = 2) -> Image:
    """One picture of all images (N, C, H, W): `columns` a row (the square root of N by default), each pixel
    `scale` pixels wide, `gap` white pixels between. Raises UsageError for shapes or numbers that cannot be meant.
    """
    from PIL import Image

    if not all(isinstance(value, int) for value in (scale, gap, columns or 1)):
        raise UsageError(f"columns, scale and gap must be whole numbers, not {columns!r}, {scale!r}, {gap!r}")
    if scale < 1 or gap < 0 or (columns is not None and columns < 1):
        raise UsageError(f"columns and scale must be at least 1 and gap at least 0, not {columns}, {scale}, {gap}")
    pieces = to_pil(images)
    across = columns or math.ceil(math.sqrt(len(pieces)))
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
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"{path} must end in one of {', '.join(FORMATS)}")
    return path


def save_picture(picture: Image, path: Path) -> None:
    """Write a picture, complete or not at all; the suffix names the format.

    Raises UsageError for an unknown suffix, StorageError where the file cannot be written.
    """
    with new_file(check_picture_path(path)) as aside:
        picture.save(aside)
