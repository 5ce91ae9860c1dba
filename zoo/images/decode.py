"""Picture files -> uint8 tensors, by fixed rules.

    formats      JPEG, PNG, GIF, BMP, TIFF, WebP, AVIF, JPEG 2000, PPM and its kin; the first frame of an animation
    orientation  EXIF orientation is applied
    alpha        composited on white, wherever the picture has transparency
    depth        16-bit and 32-bit integers: 0..65535 -> 0..255 (12-bit: 0..4095); floats: 0..1 -> 0..255, or
                 taken as 0..255 when any value is above 1; values outside are clipped, NaN is 0
    channels     3: RGB (palette, CMYK, grey and bilevel are converted); 1: grey, by ITU-R 601-2 luma
    size         after the above a square, with Lanczos: "crop" cuts out the largest in the middle, "pad" adds black
                 bars on two sides, "stretch" keeps all and changes the proportions

A picture is bad when it cannot be decoded, or is larger than MAX_PIXELS or MAX_FILE_BYTES. Bad ones
are named and left out; more than MAX_BAD of all is an error.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import PIL
import torch
from PIL import Image, ImageChops

from zoo.errors import DataError, UsageError
from zoo.images.kinds import FORMATS, SUFFIXES
from zoo.images.losses import Losses
from zoo.images.pixels import FITS, to_pixels, upright
from zoo.nn.quiet import Quiet

__all__ = [
    "MAX_BAD",
    "MAX_FILE_BYTES",
    "Bad",
    "Decoding",
    "Picture",
    "Rules",
    "check_bad",
    "conform",
    "decode_all",
    "decode_picture",
    "look",
    "of_image",
]

MAX_PIXELS = 1 << 26  # of one picture: 8192 x 8192
MAX_FILE_BYTES = 1 << 26  # of one picture: 64 MiB
MAX_DECODED_BYTES = 1 << 34  # of all together: 16 GiB
MAX_SIDE = 2048
MAX_BAD = 0.1  # share of bad files beyond which a folder is refused
LOOK, GREY = 64, 8  # pixels a side of what is looked at; levels by which the channels of a grey picture may differ
# Pillow warns about large pictures and odd metadata: the first are refused here, the second do not matter
QUIET = Quiet(module=r"PIL\.")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How pictures become tensors. `image_size` None: all must have one size, and are kept as they are."""

    image_size: int | None  # pixels a side, 1..2048
    channels: int = 3  # 1 or 3
    fit: str = "crop"  # how they become squares: one of FITS

    @classmethod
    def of(
        cls,
        data_shape: tuple[int, ...] | None,
        *,
        default_size: int | None = None,
        default_channels: int = 3,
        fit: str = "crop",
    ) -> Rules:
        """Those that give pictures of `data_shape`, (C, S, S), fitted as `fit` says; None: the defaults.

        Raises UsageError for what is no square picture, and out of range.
        """
        if data_shape is None:
            return cls(image_size=default_size, channels=default_channels, fit=fit)
        if len(data_shape) != 3 or data_shape[1] != data_shape[2]:
            raise UsageError(f"examples of shape {data_shape} were asked for; pictures are made square, (C, S, S)")
        return cls(image_size=data_shape[1], channels=data_shape[0], fit=fit)

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise UsageError(f"channels is {self.channels!r}; it must be 1 (grey) or 3 (colour)")
        if self.fit not in FITS:
            raise UsageError(f"fit is {self.fit!r:.40}; it must be one of {', '.join(FITS)}")
        size = self.image_size
        if size is not None and not (type(size) is int and 1 <= size <= MAX_SIDE):
            raise UsageError(f"image_size is {size!r}; it must be a whole number of pixels, 1..{MAX_SIDE}")

    def key(self) -> list[object]:
        """What of the rules decides the pixels: part of the cache's key. Pillow's decoders differ by version."""
        return [self.image_size, self.channels, self.fit, PIL.__version__]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A file that should be a picture."""

    name: str  # of the file
    read: Callable[[], bytes]  # gives its bytes


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A file that cannot be used, and why."""

    name: str  # of the file
    cause: str  # in a few words

    def __str__(self) -> str:
        return f"{self.name} ({self.cause})"


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """Pictures that were decoded together."""

    data: torch.Tensor  # (M, C, H, W) uint8, of the good ones
    kept: list[int]  # which these are, (M,)
    bad: list[Bad]  # the others, with the cause
    notes: list[str]  # how much of the pictures is not in the data, in a line each


def decode_picture(content: bytes, rules: Rules) -> torch.Tensor:
    """The picture in `content` as (C, H, W) uint8. Raises DataError with the cause when it is bad."""
    return _decode(content, rules, Losses(rules.fit))


def _decode(content: bytes, rules: Rules, losses: Losses) -> torch.Tensor:
    with QUIET, _opened(content) as image:
        pixels = to_pixels(upright(image, rules.channels), rules.image_size, rules.fit)
        losses.add(image)
        return pixels


def of_image(image: Image.Image, rules: Rules) -> torch.Tensor:
    """A picture that Pillow holds, by the same rules, as (C, H, W) uint8. Raises DataError when it is bad."""
    try:
        return to_pixels(upright(image, rules.channels), rules.image_size, rules.fit)
    except Exception as error:  # a file that is read only now may be anything
        raise DataError(_cause(error)) from error


def look(content: bytes) -> tuple[int, bool]:
    """The shorter side of the picture in `content`, in pixels, and whether it is grey. Raises DataError as `decode`."""
    with QUIET, _opened(content) as image:
        side = min(image.size)
        image.draft("RGB", (LOOK, LOOK))  # JPEG alone: decoded at a fraction of its size
        image.thumbnail((LOOK, LOOK))
        red, green, blue = upright(image, 3).split()
        apart = ImageChops.lighter(ImageChops.difference(red, green), ImageChops.difference(blue, green))
        return side, not any(apart.histogram()[GREY + 1 :])


@contextlib.contextmanager
def _opened(content: bytes) -> Iterator[Image.Image]:
    """The picture in `content`, not decoded yet; whatever Pillow raises in the block is a DataError with the cause."""
    if len(content) > MAX_FILE_BYTES:
        raise DataError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise DataError(f"{image.width} x {image.height} pixels are more than {MAX_PIXELS}")
            yield image
    except DataError:
        raise
    except Exception as error:  # on hostile bytes Pillow raises nearly anything; a bad picture costs only itself
        raise DataError(_cause(error)) from error


def conform(data: torch.Tensor, rules: Rules) -> torch.Tensor:
    """Pixels that are decoded already, (N, 1 or 3, H, W) uint8, by the same rules: (N, C, S, S) uint8."""
    side = rules.image_size
    if data.shape[1] == rules.channels and (side is None or data.shape[2:] == (side, side)):
        return data
    mode = "RGB" if data.shape[1] == 3 else "L"
    size = data.shape[3], data.shape[2]
    rows = data.permute(0, 2, 3, 1).contiguous()
    pictures = (Image.frombytes(mode, size, row.numpy().tobytes()) for row in rows)
    return torch.stack([to_pixels(upright(picture, rules.channels), side, rules.fit) for picture in pictures])


def decode_all(pictures: Sequence[Picture], rules: Rules, where: str) -> Decoding:
    """Decode `pictures`, and tell the good from the bad.

    Raises DataError, naming `where`, when the result would not fit in memory. What `read` raises passes through,
    except DataError, which makes the picture a bad one.
    """
    data: torch.Tensor | None = None
    kept: list[int] = []
    bad: list[Bad] = []
    losses = Losses(rules.fit)
    for index, picture in enumerate(pictures):
        try:
            pixels = _decode(picture.read(), rules, losses)
        except DataError as error:
            bad.append(Bad(name=picture.name, cause=str(error)))
            continue
        if data is None:
            data = _room(len(pictures), pixels, where)
        if pixels.shape != data.shape[1:]:
            cause = f"{pixels.shape[2]} x {pixels.shape[1]} pixels, unlike the first; give an image_size"
            bad.append(Bad(name=picture.name, cause=cause))
            continue
        data[len(kept)] = pixels
        kept.append(index)
    data = torch.empty(0, rules.channels, 0, 0, dtype=torch.uint8) if data is None else data[: len(kept)]
    return Decoding(data=data, kept=kept, bad=bad, notes=losses.notes(squared=rules.image_size is not None))


def check_bad(bad: Sequence[Bad], total: int, where: str) -> None:
    """Raise DataError, naming `where` and the files, when there is no picture or more than a tenth is bad."""
    if total == 0:
        raise DataError(f"{where}: no pictures found; supported are {', '.join(sorted(SUFFIXES))}")
    if len(bad) > MAX_BAD * total:
        names = "; ".join(map(str, bad[:5])) + ("; ..." if len(bad) > 5 else "")
        raise DataError(f"{where}: {len(bad)} of {total} pictures are bad: {names}; repair or remove them")


def _room(count: int, pixels: torch.Tensor, where: str) -> torch.Tensor:
    size = count * pixels.numel()
    if size <= MAX_DECODED_BYTES:
        try:
            return torch.empty(count, *pixels.shape, dtype=torch.uint8)
        except RuntimeError:  # torch's word for: no memory
            pass
    raise DataError(f"{where}: {count} pictures need {size / 2**30:.1f} GiB of memory; use a smaller image_size")


def _cause(error: Exception) -> str:
    if isinstance(error, PIL.UnidentifiedImageError):
        return "not a picture"
    if isinstance(error, Image.DecompressionBombError):
        return "too many pixels"
    text = " ".join(str(error).split())[:120]
    return text or type(error).__name__
