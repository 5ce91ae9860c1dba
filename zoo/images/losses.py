"""How much of pictures is lost on the way to squares of pixels: what a user should be told."""

from __future__ import annotations

import contextlib

from PIL import Image

__all__ = ["Losses"]

LEAST = 0.005  # share of the area that is worth a line
CUT = {
    "crop": "the middle is kept, {share:.0%} of the area is cut off{half}; PATH#fit=pad or #fit=stretch keeps all",
    "pad": "they are whole, and {share:.0%} of the squares are black bars",
    "stretch": "they are whole, and the longer side is up to {most:.1f} times shorter than it should be",
}


class Losses:
    """Counts, over the pictures that are added, what the way to fit them into a square does to them."""

    def __init__(self, fit: str) -> None:
        self.fit = fit
        self.shares: list[float] = []  # of each picture's area, that is outside of its middle square
        self.moving = 0

    def add(self, image: Image.Image) -> None:
        """Count a picture in, as Pillow has opened it."""
        self.shares.append(1 - min(image.size) / max(image.size))
        with contextlib.suppress(Exception):  # the rest of an animation may be damaged: it does not matter here
            # a camera's MPO holds a photo and its small copies
            self.moving += bool(getattr(image, "is_animated", False)) and image.format != "MPO"

    def notes(self, *, squared: bool) -> list[str]:
        """A line for each thing that is lost; nothing of the shapes where pictures were not `squared`."""
        lines = []
        total, oblong = len(self.shares), sum(share > 0 for share in self.shares)
        mean = sum(self.shares) / max(total, 1)
        if squared and mean >= LEAST:
            deep, most = sum(share > 0.5 for share in self.shares), 1 / (1 - max(self.shares))
            half = f", more than half of {deep:,} of them" if deep else ""
            done = CUT[self.fit].format(share=mean, half=half, most=most)
            lines.append(f"{oblong:,} of {total:,} pictures are not square: {done}")
        if self.moving:
            lines.append(f"{self.moving:,} of {total:,} pictures have several frames or pages: the first is taken")
        return lines
