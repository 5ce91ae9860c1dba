"""Pixels as networks see them, and pictures as users have them."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from zoo.errors import DataError, NotFoundError, UsageError
from zoo.files import storage_errors
from zoo.images.decode import MAX_FILE_BYTES, Rules, conform, decode_picture, of_image
from zoo.nn.given import as_tensor

__all__ = ["load_image", "pictures", "read_picture", "to_range"]

CHANNELS = (1, 3)
LEAST_KEPT = 0.5  # of a picture, when its central square is cut out for a model


def to_range(pixels: Tensor, low: float, high: float) -> Tensor:
    """Pixels uint8 (N, C, H, W) as float32 in [low, high], channels last in memory."""
    scaled = pixels.to(torch.float32).mul_((high - low) / 255)
    scaled = scaled.add_(low) if low else scaled
    return scaled.contiguous(memory_format=torch.channels_last)


def load_image(path: str | PathLike[str], *, size: int | None = None, channels: int = 3) -> Tensor:
    """A picture's file as (1, C, H, W) float32 in [0, 1], turned upright as its EXIF data say.

    With `size` the largest central square is cut out and resized to `size` x `size` pixels, 1 to 2048. `channels` is 3,
    or 1 for grey; transparency becomes white. Raises NotFoundError where there is no file, DataError for one that is no
    picture, StorageError, UsageError for another size or number of channels.
    """
    return read_picture(Path(path).expanduser(), Rules(image_size=size, channels=channels))[None].float() / 255


def pictures(value: object, data_shape: tuple[int, ...] | None = None) -> Tensor:
    """Pictures as (N, C, H, W), C 1 or 3: floats as they are given, bytes (0 to 255) as uint8.

    Taken are a Pillow image, a path, a tensor or array (N, C, H, W), (N, H, W, C), or of one picture (C, H, W),
    (H, W, C) and grey (H, W), and lists of these. With `data_shape`, (C, S, S), files and Pillow images are brought to
    it: grey or coloured, the central square, resized. Raises UsageError for what has no one meaning (pictures of
    several sizes, of another size than `data_shape`, or of which that square is less than half), and what reading a
    file raises.
    """
    if isinstance(value, (str, PathLike, Image.Image)):
        return _file_or_image(value, data_shape)
    if isinstance(value, (list, tuple)) and value and not _of_numbers(value):
        return _joined([pictures(item, data_shape) for item in value])
    x = as_tensor("pictures", value)
    if not x.is_floating_point() and x.dtype != torch.uint8:
        raise UsageError(f"pictures are floats in [0, 1] or uint8, not {x.dtype}")
    if orders := _orders(x, data_shape):
        return orders[0]
    wanted = "(N, 1 or 3, H, W)" if data_shape is None else f"(N, {', '.join(map(str, data_shape))})"
    step = "" if data_shape is None else "; zoo.load_image(path, size=…) and Pillow images are resized"
    raise UsageError(f"pictures have shape {wanted}, not {tuple(x.shape)}{step}")


def read_picture(path: Path, rules: Rules) -> Tensor:
    """A picture's file as (C, H, W) uint8. Raises NotFoundError, StorageError, DataError."""
    if not path.is_file():
        raise NotFoundError(f"there is no photo {path}")
    with storage_errors(f"cannot read {path}"), path.open("rb") as stream:
        content = stream.read(MAX_FILE_BYTES + 1)
    try:
        return decode_picture(content, rules)
    except DataError as error:
        raise DataError(f"{path}: {error}; give a JPEG, PNG or another picture") from error


def _of_numbers(value: object) -> bool:
    """Whether lists hold numbers alone, as one array does."""
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return isinstance(value, (int, float))


def _orders(x: Tensor, data_shape: tuple[int, ...] | None) -> list[Tensor]:
    """x as (N, C, H, W), if it can be read so: channels first before channels last."""
    if not x.numel() or x.ndim not in (2, 3, 4):
        return []
    if x.ndim == 2:
        found = [x[None, None]]
    else:
        batch = x if x.ndim == 4 else x[None]
        found = [batch, batch.movedim(-1, 1)]
    fitting = [y for y in found if y.shape[1] in CHANNELS and data_shape in (None, tuple(y.shape[1:]))]
    if data_shape is None and x.ndim == 3 and len(fitting) > 1:
        raise UsageError(f"one picture {tuple(x.shape)} may be (C, H, W) or (H, W, C); give it as (1, C, H, W)")
    return fitting


def _joined(parts: list[Tensor]) -> Tensor:
    sizes = {tuple(part.shape[2:]) for part in parts}
    if len(sizes) > 1:
        some = ", ".join(f"{width}x{height}" for height, width in sorted(sizes)[:4])
        raise UsageError(f"pictures have several sizes ({some}); bring them to one: zoo.load_image(path, size=64)")
    if len({part.dtype for part in parts}) > 1:
        parts = [part.float() / 255 if part.dtype == torch.uint8 else part.float() for part in parts]
    channels = max(part.shape[1] for part in parts)
    return torch.cat([part.expand(-1, channels, -1, -1) for part in parts])


def _file_or_image(value: str | PathLike[str] | Image.Image, data_shape: tuple[int, ...] | None) -> Tensor:
    """One picture (1, C, H, W) uint8, of `data_shape` where that is given."""
    grey = isinstance(value, Image.Image) and len(value.getbands()) < 3 and value.mode != "P"
    rules = Rules(image_size=None, channels=1 if grey else 3) if data_shape is None else Rules.of(data_shape)
    as_it_is = replace(rules, image_size=None)
    if isinstance(value, Image.Image):
        pixels, name = of_image(value, as_it_is), "a picture"
    else:
        pixels, name = read_picture(Path(value).expanduser(), as_it_is), str(value)
    height, width = pixels.shape[1:]
    if data_shape is not None and min(height, width) < LEAST_KEPT * max(height, width):
        raise UsageError(f"{name} has {width}x{height} pixels, its central square is less than half; crop it first")
    return conform(pixels[None], rules)
