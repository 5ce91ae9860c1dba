"""What architectures of pictures can be asked to be, where several are asked the same. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from zoo.errors import ConfigError

__all__ = ["ProjectionConfig", "check_doublings", "check_square"]

MAPS = 7  # at most, of a feature network


@dataclass(frozen=True, kw_only=True)
class ProjectionConfig:
    """What `projected_discriminator` is made by: a base for the config of an architecture whose pictures are judged
    through a frozen feature network.
    """

    image_size: Literal[16, 32, 64, 128] = 32  # pixels
    channels: Literal[1, 3] = 3  # grey or colour
    num_classes: Annotated[int, Meta(ge=0, le=1000)] = 0  # of labels that all nets see; 0: without labels
    features: str  # full name of the network
    features_size: Annotated[int, Meta(ge=32, le=512)] = 96  # pixels a side at which it sees the pictures
    map_channels: tuple[Annotated[int, Meta(ge=1, le=1024)], ...] = (24, 40, 112, 320)  # of each map, fine to coarse
    map_strides: tuple[Annotated[int, Meta(ge=1, le=64)], ...] = (4, 8, 16, 32)  # pixels a side for one of each map
    mixing_width: Annotated[int, Meta(ge=1, le=256)] = 32  # channels of the first mixed map; doubled for each coarser

    def __post_init__(self) -> None:
        if not self.features:
            raise ValueError("features is empty; it takes the full name of a feature network (zoo list --features)")
        if not 1 <= len(self.map_channels) == len(self.map_strides) <= MAPS:
            each = f"one number for each map of the feature network, for 1 to {MAPS} maps"
            raise ValueError(f"map_channels and map_strides need {each}")


def check_doublings(key: str, widths: Sequence[int], image_size: int) -> None:
    """Raise ValueError, naming `key`, unless a map of 4 x 4, doubled before each of `widths` but the first, has
    `image_size` pixels a side.
    """
    if 4 << (len(widths) - 1) != image_size:
        stages = image_size.bit_length() - 2
        raise ValueError(f"{key} needs {stages} widths for {image_size} pixels: 4 x 4, doubled")


def check_square(shape: Sequence[int]) -> None:
    """Raise ConfigError for a `shape` (C, H, W) of another height than width, with what can be done."""
    if len(shape) == 3 and shape[1] != shape[2]:
        choices = "cut them (#fit=crop after a folder's path), add bars (#fit=pad) or stretch them (#fit=stretch)"
        raise ConfigError(f"pictures of {shape[2]} x {shape[1]} pixels are not square, as the networks are; {choices}")
