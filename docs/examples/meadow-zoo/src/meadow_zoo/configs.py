"""What the architecture can be asked to be. Bounds are checked before anything is built. No torch."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

Width = Annotated[int, Meta(ge=1, le=1024)]


@dataclass(frozen=True, kw_only=True)
class SplatConfig:
    """Three strided convolutions in; out: three dense layers, whose last gives nine numbers a splat."""

    image_size: Annotated[int, Meta(ge=8, le=256)] = 32  # pixels a side, a multiple of 8
    latent_size: Annotated[int, Meta(ge=1, le=512)] = 8
    encoder_width: Annotated[int, Meta(ge=1, le=256)] = 8  # channels of the first convolution; doubled by the next two
    hidden: Width = 64  # units of the decoder's dense layers
    splats: Annotated[int, Meta(ge=1, le=1024)] = 32
    sd: Annotated[float, Meta(gt=0, le=10)] = 0.1  # of the likelihood, of the data's [0, 1]

    def __post_init__(self) -> None:
        if self.image_size % 8:
            raise ValueError(f"image_size = {self.image_size} must be a multiple of 8")
