"""What the tiny networks can be asked to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True, kw_only=True)
class TinyConfig:
    """Of both families."""

    image_size: Annotated[int, Meta(ge=4, le=64)] = 8
    channels: Annotated[int, Meta(ge=1, le=3)] = 1
    latent_size: Annotated[int, Meta(ge=1, le=64)] = 3
    width: Annotated[int, Meta(ge=1, le=64)] = 8
    slopes: Annotated[tuple[Annotated[float, Meta(ge=0, le=1)], ...], Meta(max_length=4)] = (0.2,)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of a picture."""
        return (self.channels, self.image_size, self.image_size)
