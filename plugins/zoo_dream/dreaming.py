"""DeepDream of photos: the sizes a photo is dreamt on at, the detail that is put back, and a zoom into a dream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from msgspec import Meta
from torch import Tensor
from torch.nn import functional as F

import zoo
from zoo.configs import decode
from zoo.errors import ConfigError, DataError, UsageError
from zoo_dream.ascent import LEAST, Ascent
from zoo_dream.layers import NETWORK, Layers

__all__ = ["Dreamer", "Settings", "as_picture", "dream", "settings_of", "zoom"]

SCALE = 1.4  # of an octave's sides to those of the one before
MOST_PIXELS = 1 << 26
CLOSER = 1.05  # how much nearer each picture of a zoom is
AGAIN = 3  # steps of each further picture of a zoom: what it shows was dreamt before

Progress = Callable[[int, int], None]  # (steps done, steps in all)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a photo is dreamt on."""

    octaves: Annotated[int, Meta(ge=1, le=16)] = 4  # sizes, the photo's own the last, each 1.4 times the one before
    steps: Annotated[int, Meta(ge=1, le=10_000)] = 20  # of gradient ascent at each
    rate: Annotated[float, Meta(gt=0, le=1)] = 0.007  # how far a step moves a value on average, of 1
    size: Annotated[int, Meta(ge=LEAST, le=16_384)] | None = None  # pixels of the longer side; None: the photo's
    seed: Annotated[int, Meta(ge=0)] = 0
    tile: Annotated[int, Meta(ge=64, le=4096)] = 512  # pixels a side that are differentiated at once


class Dreamer:
    """Dreams of certain layers of a network."""

    def __init__(self, layers: Layers, weights: Mapping[str, float] | None, settings: Settings) -> None:
        """`weights` by the names of layers; None: the usual one. Raises UsageError for a layer that is not there."""
        self.weights = layers.usual if weights is None else dict(weights)
        self.settings = settings
        self.ascent = Ascent(layers, self.weights, tile=settings.tile)
        self.random = torch.Generator().manual_seed(settings.seed)

    def sizes(self, x: Tensor) -> list[tuple[int, int]]:
        """Height and width of each octave of a picture x (3, H, W), the smallest first; none that is too small."""
        height, width = x.shape[1:]
        shrunk = [
            (round(height / SCALE**octave), round(width / SCALE**octave))
            for octave in reversed(range(self.settings.octaves))
        ]
        return [size for size in shrunk[:-1] if min(size) >= LEAST] + [(height, width)]

    def dream(self, x: Tensor, *, progress: Progress | None = None) -> Tensor:
        """Dream on a picture x (3, H, W), in [0, 1] or in 256 levels (uint8), as large as it is: float32 in [0, 1].

        The photo is shrunk to the smallest octave and changed there, then enlarged to the next, where the detail that
        shrinking took from the photo is added again, and so on. Beside what is dreamt only x is kept from size to size.
        """
        sizes = self.sizes(x)
        total, done = len(sizes) * self.settings.steps, 0
        dreamt = _resized(x, sizes[0])
        for size in sizes:
            dreamt = _enlarged(dreamt, x, size)
            for _ in range(self.settings.steps):
                self.ascent.step(dreamt, self.settings.rate, self.random)
                done += 1
                if progress is not None:
                    progress(done, total)
        return dreamt


def dream(
    image: object,
    *,
    layers: Mapping[str, float] | None = None,
    network: str = NETWORK,
    octaves: int = 4,
    steps: int = 20,
    rate: float = 0.007,
    size: int | None = None,
    seed: int = 0,
    tile: int = 512,
) -> Tensor:
    """A photo, changed until layers of a network see more of what they saw in it: (1, 3, H, W) float32 in [0, 1].

    `image` is a path, a Pillow image, an array or a tensor of one picture, as `zoo.to_pil` takes it. `layers` are
    weights by name, as `zoo dream --list-layers` shows the names, larger ones for more of it; by default one layer
    three fifths of the way through `network`. The picture is changed at `octaves` sizes, each 1.4 times the one before
    and none below 32 pixels, in `steps` steps of gradient ascent at each, which move a value by `rate` of 1 on average.
    `size` resizes it first, so that its longer side has as many pixels. Tiles of `tile` pixels a side are computed at
    once: what memory a photo needs depends on little else. The same seed gives the same picture.

    Raises UsageError for more than one picture, names and numbers that cannot be meant, DataError for a picture below
    32 or above 67 million pixels, and what reading a file and loading the network raise.
    """
    settings = settings_of(octaves=octaves, steps=steps, rate=rate, size=size, seed=seed, tile=tile)
    picture = as_picture(image, settings.size)
    return Dreamer(Layers(network), layers, settings).dream(picture)[None]


def zoom(dreamer: Dreamer, x: Tensor, frames: int, *, progress: Progress | None = None) -> Iterator[Tensor]:
    """Pictures (3, H, W) of a way into a dream on x (3, H, W): each is the middle of the one before, dreamt on again.

    The first is dreamt at all octaves, the others at their own size alone.
    """
    total = len(dreamer.sizes(x)) * dreamer.settings.steps + (frames - 1) * AGAIN
    height, width = x.shape[1:]
    x = dreamer.dream(x, progress=progress and (lambda done, _: progress(done, total)))
    yield x
    for frame in range(1, frames):
        down, across = round(height / CLOSER), round(width / CLOSER)
        top, left = (height - down) // 2, (width - across) // 2
        x = _resized(x[:, top : top + down, left : left + across], (height, width))
        for _ in range(AGAIN):
            dreamer.ascent.step(x, dreamer.settings.rate, dreamer.random)
        if progress is not None:
            progress(total - (frames - 1 - frame) * AGAIN, total)
        yield x


def settings_of(**given: Any) -> Settings:
    """The settings, checked. Raises UsageError."""
    try:
        return decode(Settings, given, "dream")
    except ConfigError as error:
        raise UsageError(str(error)) from error


def as_picture(image: object, size: int | None = None) -> Tensor:
    """One picture as (3, H, W) uint8, its longer side `size` pixels where that is given.

    Raises UsageError for several, DataError for one that is too small or too large, and what reading it raises.
    """
    pieces = zoo.to_pil(image)
    if len(pieces) != 1:
        raise UsageError(f"{len(pieces)} pictures are given; one is dreamt on at a time")
    photo = pieces[0].convert("RGB")
    width, height = photo.size
    if size is not None:
        share = size / max(width, height)
        photo = photo.resize((max(1, round(width * share)), max(1, round(height * share))))
    if min(photo.size) < LEAST:
        step = f"at least {LEAST} are needed: enlarge it with --size" if size is None else f"{LEAST} are needed"
        raise DataError(f"the picture has {photo.width} x {photo.height} pixels, and a side of {step}")
    if photo.width * photo.height > MOST_PIXELS:
        raise DataError(f"{photo.width} x {photo.height} pixels are more than {MOST_PIXELS:,}; shrink it with --size")
    data = torch.frombuffer(bytearray(photo.tobytes()), dtype=torch.uint8)
    return data.view(photo.height, photo.width, 3).permute(2, 0, 1)


def _enlarged(dreamt: Tensor, x: Tensor, size: tuple[int, int]) -> Tensor:
    """A dream (3, h, w) on a picture x at a larger height and width, with the detail that x has lost at h, w."""
    height, width = dreamt.shape[1:]
    detail = _resized(x, size).sub_(_resized(_resized(x, (height, width)), size))
    return _resized(dreamt, size).add_(detail).clamp_(0, 1)


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """A picture (3, H, W), in [0, 1] or in 256 levels, at another height and width: a new tensor in [0, 1]."""
    levels = not x.is_floating_point()
    x = x.float().div_(255) if levels else x
    if tuple(x.shape[1:]) == size:
        return x if levels else x.clone()
    smaller = size[0] < x.shape[1]
    return F.interpolate(x[None], size, mode="bicubic", antialias=smaller, align_corners=False)[0].clamp_(0, 1)
