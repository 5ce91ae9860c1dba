"""What the diffusion model begins with on pictures that nobody has made a recipe for. No torch."""

from __future__ import annotations

from collections.abc import Iterator

from zoo.api import Choice, DataFacts
from zoo.images import picture_choices, side_of

__all__ = ["ddpm"]

SIDES = (16, 28, 32, 64)
PASSES = 100  # times that a run sees each picture, where they are many
WIDTHS = (16, 32, 64, 64)  # channels, largest map first
SMALLEST = 7  # pixels a side of the smallest map


def ddpm(facts: DataFacts) -> Iterator[Choice]:
    """The widths and settings of `ddpm-mnist`, with as many maps as lead to one of 7 or 8 pixels."""
    yield Choice("trainer", "diffusion", "a network that tells noise")
    yield from picture_choices(facts, sides=SIDES, batch=64, passes=PASSES)
    side = side_of(facts, SIDES)
    maps = next((n for n, _ in enumerate(WIDTHS) if side >> n <= SMALLEST + 1 or side >> n & 1), len(WIDTHS) - 1) + 1
    yield Choice("config.widths", list(WIDTHS[:maps]), "as few channels as two processor cores need")
    yield Choice("config.attention", [], "in the middle alone, where the map is smallest")
    yield Choice("config.head_size", 16, "channels of a head, which divide all widths")
    yield Choice("config.predicts", "v_prediction", "brightness does not drift, as it does where noise is told")
    yield Choice("settings.lr", 2e-3, "a small network learns fast")
    yield Choice("settings.anneal", 0.5, "the rate falls over the second half")
