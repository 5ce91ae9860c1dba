"""What the zoo's own diffusion model of pictures can be asked to be. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

__all__ = ["DDPMConfig"]

Width = Annotated[int, Meta(ge=4, le=1024)]
Side = Annotated[int, Meta(ge=1, le=64)]


@dataclass(frozen=True, kw_only=True)
class DDPMConfig:
    """A U-Net that tells the noise in a picture (Ho et al. 2020), of the structure of the diffusers library's
    UNet2DModel, and how much noise there is at each time.
    """

    image_size: Annotated[int, Meta(ge=8, le=64)] = 32  # pixels: a multiple of 2^(number of widths - 1)
    channels: Annotated[int, Meta(ge=1, le=4)] = 3
    num_classes: Annotated[int, Meta(ge=0, le=1000)] = 0  # of labels that it sees; 0: without labels
    widths: Annotated[tuple[Width, ...], Meta(min_length=1, max_length=5)] = (32, 64, 96)  # channels, largest map first
    blocks: Annotated[int, Meta(ge=1, le=4)] = 1  # residual blocks at each side on the way down; one more on the way up
    attention: Annotated[tuple[Side, ...], Meta(max_length=5)] = (8,)  # sides of the maps with attention, in pixels
    head_size: Annotated[int, Meta(ge=1, le=1024)] = 32  # channels of a head of attention
    groups: Annotated[int, Meta(ge=1, le=64)] = 8  # of channels that are normalised together
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.0  # inside each residual block
    predicts: Literal["epsilon", "v_prediction"] = "epsilon"  # the noise, or the velocity of Salimans and Ho 2022
    schedule: Literal["cosine", "linear"] = "cosine"  # Nichol and Dhariwal 2021, or Ho et al. 2020
    times: Annotated[int, Meta(ge=2, le=4000)] = 1000  # steps from a picture to noise

    def __post_init__(self) -> None:
        if self.image_size % (1 << (len(self.widths) - 1)):
            halvings = len(self.widths) - 1
            raise ValueError(f"image_size = {self.image_size} cannot be halved {halvings} times; use fewer widths")
        if bad := [width for width in self.widths if width % self.groups]:
            raise ValueError(f"widths: {bad[0]} is no multiple of groups = {self.groups}")
        if strange := [side for side in self.attention if side not in self.sides]:
            there = ", ".join(map(str, self.sides))
            raise ValueError(f"attention: no map has {strange[0]} pixels a side; there are {there}")
        attended = {width for width, side in zip(self.widths, self.sides, strict=True) if side in self.attention}
        if bad := [width for width in (*sorted(attended), self.widths[-1]) if width % self.head_size]:
            raise ValueError(f"head_size = {self.head_size} does not divide {bad[0]} channels")

    @property
    def sides(self) -> tuple[int, ...]:
        """The side of the maps of each width, in pixels."""
        return tuple(self.image_size >> level for level in range(len(self.widths)))
