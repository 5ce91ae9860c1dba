"""What the tiny networks can be asked to be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from zoo.api import Choice, DataFacts


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


def starter(facts: DataFacts) -> Iterator[Choice]:
    """What the tiny GAN begins with on any pictures."""
    yield Choice("trainer", "adversarial", "the zoo's own")
    yield Choice("config.image_size", 8, "it is tiny")
    yield Choice("config.channels", facts.channels, "as the pictures are")
    yield Choice("batch_size", facts.batch(32), "at most half of the pictures")
    yield Choice("examples", facts.chosen("examples", 20 * facts.count), "each twenty times")
