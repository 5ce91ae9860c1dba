"""Pictures in a terminal's letters: two pixels a letter in 24-bit colour, or letters of growing weight without any."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from zoo.images.sheet import to_pil

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["letters_of"]

UPPER = "\N{UPPER HALF BLOCK}"  # the letter's colour is the upper pixel's, its background the lower one's
WEIGHTS = " .:-=+*#%@"  # from dark to light, as on a dark terminal
RESET = "\x1b[0m"
GAP = 1  # columns between two pictures
Colour = tuple[int, int, int]


def letters_of(images: object, *, width: int, columns: int | None = None, colour: bool = False) -> str:
    """Pictures, as `to_pil` takes them, in lines of at most `width` letters: a letter is one pixel wide and two high.

    `columns` stand in a row (as many as fit); what is still too wide is made smaller. With `colour` the letters are
    half blocks in 24-bit colour, else ASCII letters by brightness. Raises as `to_pil`.
    """
    pictures = to_pil(images)
    fit = (width + GAP) // (pictures[0].width + GAP)
    across = min(len(pictures), max(1, fit) if columns is None else columns)
    room = max(1, (width + GAP) // across - GAP)
    small = [_narrowed(picture.convert("RGB"), room) for picture in pictures]
    rows = [small[start : start + across] for start in range(0, len(small), across)]
    return "\n\n".join("\n".join(_side_by_side(row, colour)) for row in rows)


def _narrowed(picture: Image, room: int) -> Image:
    from PIL import Image

    if picture.width <= room:
        return picture
    height = max(1, round(picture.height * room / picture.width))
    return picture.resize((room, height), Image.Resampling.BOX)


def _side_by_side(pictures: Sequence[Image], colour: bool) -> list[str]:
    blocks = [_lines(picture, colour) for picture in pictures]
    return [(" " * GAP).join(line).rstrip() for line in zip(*blocks, strict=True)]


def _lines(picture: Image, colour: bool) -> list[str]:
    """A line for each two rows of pixels; below the last of an odd number there is nothing."""
    content, width = picture.tobytes(), picture.width
    pixels = [(content[i], content[i + 1], content[i + 2]) for i in range(0, len(content), 3)]
    rows = [pixels[start : start + width] for start in range(0, len(pixels), width)]
    write = _coloured if colour else _weighed
    return [write(upper, lower) for upper, lower in zip_longest(rows[::2], rows[1::2])]


def _coloured(upper: Sequence[Colour], lower: Sequence[Colour] | None) -> str:
    line, before = "", None
    for place, above in enumerate(upper):
        below = None if lower is None else lower[place]
        if (above, below) != before:
            back = "" if below is None else ";48;2;{};{};{}".format(*below)
            line += "\x1b[38;2;{};{};{}{}m".format(*above, back)
        line, before = line + UPPER, (above, below)
    return line + RESET


def _weighed(upper: Sequence[Colour], lower: Sequence[Colour] | None) -> str:
    pairs = zip(upper, upper if lower is None else lower, strict=True)
    light = [(_brightness(above) + _brightness(below)) / 2 for above, below in pairs]
    return "".join(WEIGHTS[min(int(value * len(WEIGHTS)), len(WEIGHTS) - 1)] for value in light)


def _brightness(colour: Colour) -> float:
    """In [0, 1], of ITU-R BT.601, as Pillow makes grey."""
    red, green, blue = colour
    return (0.299 * red + 0.587 * green + 0.114 * blue) / 255
