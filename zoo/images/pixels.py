"""An opened picture -> pixels: turned upright, made RGB or grey of 256 levels, fitted into a square."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from PIL import Image, ImageCms, ImageOps

__all__ = ["FITS", "to_pixels", "upright"]

FITS = ("crop", "pad", "stretch")
BITS, COLOURS, SAMPLES, WHITE_IS_ZERO = 258, 262, 339, 0  # tags of a TIFF


def to_pixels(image: Image.Image, side: int | None, fit: str) -> torch.Tensor:
    """An RGB or L picture as (C, side, side) uint8, fitted as one of FITS says; None: as large as it is."""
    picture = _square(image, side, fit)
    pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    return pixels.view(picture.height, picture.width, len(picture.getbands())).permute(2, 0, 1)


def upright(opened: Image.Image, channels: int) -> Image.Image:
    """The picture as RGB or L: turned by its EXIF orientation, then depth, then alpha, then colour."""
    image = ImageOps.exif_transpose(opened)
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image, getattr(opened, "tag_v2", {}))
    elif image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    elif image.mode == "LAB":  # the one mode that convert() does not know
        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB") or image
    return image.convert("RGB" if channels == 3 else "L")


def _eight_bits(image: Image.Image, tags: Mapping[int, object]) -> Image.Image:
    """`image` of a deep mode as L; `tags` are those of a TIFF, of which Pillow heeds some for shallow modes alone."""
    if image.mode == "F":
        values = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.float32).nan_to_num(0.0, torch.inf, 0.0)
        values = values if (values > 1).any() else values * 255
    else:
        values = torch.frombuffer(bytearray(image.convert("I").tobytes()), dtype=torch.int32)
        if tags.get(BITS) == (32,) and tags.get(SAMPLES, (1,)) == (1,):
            values = values.long() & 0xFFFF_FFFF  # unsigned, which "I" is not
        peak = 4095 if tags.get(BITS) == (12,) else 65535
        values = (peak - values if tags.get(COLOURS) == WHITE_IS_ZERO else values) / (peak / 255)
    pixels = values.clamp(0, 255).round().to(torch.uint8)
    return Image.frombytes("L", image.size, pixels.numpy().tobytes())


def _square(image: Image.Image, side: int | None, fit: str) -> Image.Image:
    if side is None or image.size == (side, side):
        return image
    if fit == "stretch":
        return image.resize((side, side), Image.Resampling.LANCZOS)
    if fit == "pad":
        return ImageOps.pad(image, (side, side), Image.Resampling.LANCZOS, color="black")
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    return image.crop((left, top, left + short, top + short)).resize((side, side), Image.Resampling.LANCZOS)
