"""What a DCGAN begins with on pictures that nobody has made a recipe for. No torch."""

from __future__ import annotations

from collections.abc import Iterator

from zoo.api import Choice, DataFacts

__all__ = ["dcgan"]

SIDES = (8, 16, 32, 64)
SIZES = ", ".join(map(str, SIDES))
WIDEST, NARROWEST = 256, 16  # channels
FEW, MANY = 1_000, 20_000  # pictures


def dcgan(facts: DataFacts) -> Iterator[Choice]:
    """The layout and the settings of the frogs' recipe, grown or shrunk to the pictures' side.

    The generator begins with a map of 4 x 4 and doubles it; the discriminator halves the picture to 4 x 4.
    """
    yield Choice("trainer", "adversarial", "a generator against a discriminator")
    side = facts.chosen("config.image_size", facts.nearest(SIDES))
    yield Choice(
        "config.image_size", side, f"the nearest to the pictures' own {facts.side} pixels that is trained soon"
    )
    yield Choice("config.channels", facts.channels, "grey" if facts.channels == 1 else "colour")
    doublings = max(1, side.bit_length() - 3)
    widths = [max(NARROWEST, WIDEST >> stage) for stage in range(doublings + 1)]
    yield Choice("config.generator_widths", widths, "from 4 x 4 pixels to the whole side")
    yield Choice("config.head", "conv", "one more convolution at the whole side")
    yield Choice("config.head_kernel", 3, "of that convolution")
    yield Choice("config.discriminator_widths", widths[-2::-1], "from the whole side to 4 x 4 pixels")
    yield Choice("batch_size", facts.batch(32), f"of {facts.count:,} pictures")
    examples = facts.chosen("examples", max(200_000, min(100 * facts.count, 1_000_000)))
    yield Choice("examples", examples, f"each picture about {examples // facts.count:,} times")
    yield Choice("ema_half_life", min(10_000, examples // 20), "examples: what is published is a moving average")
    policy = ["color", "translation", "cutout"] if facts.count < FEW else ["translation", "cutout"]
    if facts.count < MANY:
        yield Choice("settings.augment", policy, "few pictures: else the discriminator learns them by heart")
    flips = facts.channels != 1
    yield Choice(
        "settings.flips", flips, "colour: most photographs may be mirrored" if flips else "grey: often letters"
    )
    yield Choice("settings.mix_batches", False, "batch norm keeps the statistics of real and fake apart")
    yield Choice("settings.anneal", 0.2, "the learning rates fall over the last fifth")
