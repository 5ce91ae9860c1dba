"""What a view is asked to show: it follows from this alone, and so a link brings it back. No torch."""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

from zoo.errors import UsageError

__all__ = ["Asked", "latent_text", "latent_values"]

MOST = 64  # samples, or steps of a walk, that are shown at once
WHOLE = 2**53 - 1  # the largest number that a browser counts to
Number = Annotated[float, Meta(ge=-1e6, le=1e6)]
Share = Annotated[float, Meta(ge=0, le=1)]
Text = Annotated[str, Meta(max_length=4000)]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One view."""

    view: Literal["about", "sample", "walk", "place", "map", "dream"]
    model: Annotated[str, Meta(max_length=400)] = ""  # a name of the catalogue; of a dream there is none
    seed: Annotated[int, Meta(ge=0, le=WHOLE)] = 0
    n: Annotated[int, Meta(ge=1, le=MOST)] = 12  # samples; of a map examples a side
    label: Annotated[str, Meta(max_length=200)] = ""  # of a model with classes; empty: each in turn, or the first
    truncation: Annotated[float, Meta(gt=0, le=1e6)] | None = None  # latent coordinates stay so near to 0
    prior: Annotated[str, Meta(max_length=40)] = ""  # what latents are drawn from; empty: as the weights say
    options: dict[str, str | int | float] = field(default_factory=dict)  # what models of its kind, or a dream, take
    start: Annotated[int, Meta(ge=0, lt=MOST)] = 0  # which sample of the seed a walk, or a place, begins at
    end: Annotated[int, Meta(ge=0, lt=MOST)] = 1  # and a walk ends at
    steps: Annotated[int, Meta(ge=2, le=MOST)] = 25  # examples of a walk
    at: tuple[Share, Share] | None = None  # a place on the map: which share of the prior lies left of it, and below
    z: Annotated[str, Meta(max_length=200_000)] = ""  # a latent, see `latent_text`
    upload: Annotated[str, Meta(max_length=200)] = ""  # a file that was sent before
    dims: dict[str, Number] = field(default_factory=dict)  # coordinates of the latent that are set
    concepts: dict[str, Number] = field(default_factory=dict)  # by how many standard deviations it is moved
    format: Annotated[str, Meta(max_length=10)] = ""  # an ending: what is shown is written into such a file

    def __post_init__(self) -> None:
        if (self.view == "dream") == bool(self.model):
            raise ValueError("a view is of a model, and a dream of none")
        if any(not name.isdecimal() or len(name) > 9 for name in self.dims):
            raise ValueError("dims are whole numbers from 0")
        if self.view == "walk" and self.start == self.end:
            raise ValueError("a walk begins and ends at one sample; there is no way between")


def latent_text(values: list[float]) -> str:
    """A latent's coordinates as a text for a link: their bytes as float32, in the letters of base64 for addresses."""
    return base64.urlsafe_b64encode(struct.pack(f"<{len(values)}f", *values)).decode().rstrip("=")


def latent_values(text: str) -> list[float]:
    """The coordinates that `latent_text` wrote. Raises UsageError for a text that it did not."""
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return list(struct.unpack(f"<{len(content) // 4}f", content))
    except (binascii.Error, struct.error, ValueError) as error:
        raise UsageError("the link's place in the latent space is damaged; open the link as it was copied") from error
