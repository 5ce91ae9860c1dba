"""What the GANs begin with on pictures that nobody has made a recipe for. No torch."""

from __future__ import annotations

from collections.abc import Iterator

from zoo.api import Choice, DataFacts
from zoo.images import augment_choices, picture_choices, relativistic_choices, side_of

__all__ = ["dcgan", "projected_gan", "res_gan"]

DCGAN_SIDES = (8, 16, 32, 64)
SIDES = (16, 32, 64)  # 128 is the user's to ask for
PASSES = 100  # times that a run sees each picture, where they are many
WIDEST, NARROWEST = 256, 16  # channels of a DCGAN
LIGHT = (128, 128, 64, 32, 16, 16)  # channels of the projected GAN's maps of 4, 8, 16, ... pixels
DEEP = (256, 256, 128, 64, 32, 32)  # of the residual GAN's
SEEN = 96  # pixels a side at which the frozen network sees pictures that are smaller
GAMMA, SIDE = 2.0, 64  # weight of R1 and R2 at that side, as Huang et al. 2024 have it for faces


def dcgan(facts: DataFacts) -> Iterator[Choice]:
    """The layout and the settings of the frogs' recipe, grown or shrunk to the pictures' side.

    The generator begins with a map of 4 x 4 and doubles it; the discriminator halves the picture to 4 x 4.
    """
    yield Choice("trainer", "adversarial", "a generator against a discriminator")
    yield from picture_choices(facts, sides=DCGAN_SIDES, batch=32, passes=PASSES)
    doublings = max(1, side_of(facts, DCGAN_SIDES).bit_length() - 3)
    widths = [max(NARROWEST, WIDEST >> stage) for stage in range(doublings + 1)]
    yield Choice("config.generator_widths", widths, "from 4 x 4 pixels to the whole side")
    yield Choice("config.head", "conv", "one more convolution at the whole side")
    yield Choice("config.head_kernel", 3, "of that convolution")
    yield Choice("config.discriminator_widths", widths[-2::-1], "from the whole side to 4 x 4 pixels")
    yield from augment_choices(facts)
    yield Choice("settings.mix_batches", False, "batch norm keeps the statistics of real and fake apart")
    yield Choice("settings.anneal", 0.2, "the learning rates fall over the last fifth")


def projected_gan(facts: DataFacts) -> Iterator[Choice]:
    """The settings of `frog-gan` but for its batch: one of 16 learns more from as many pictures. As many stages as the
    side needs.
    """
    yield Choice("trainer", "adversarial", "a generator against a discriminator")
    yield from picture_choices(facts, sides=SIDES, batch=16, passes=PASSES)
    side = side_of(facts, SIDES)
    yield Choice("config.generator_widths", _stages(LIGHT, side), "from 4 x 4 pixels to the whole side")
    yield Choice("config.features_size", max(SEEN, side), "pixels a side at which the frozen network looks")
    yield from relativistic_choices(0.5)
    yield Choice("settings.penalty_every", 2, "steps from one penalty to the next, which weighs twice as much")
    yield Choice("settings.fresh_fakes", False, "both players learn from the same fakes: the network looks once")
    policy = ["color", "translation", "cutout"]
    yield Choice("settings.augment", policy, "DiffAugment: the heads see little else than these pictures")
    yield Choice("settings.anneal", 0.3, "the learning rates fall over the last three tenths")


def res_gan(facts: DataFacts) -> Iterator[Choice]:
    """The settings of Huang et al. 2024: penalties that grow with the picture, and fall to a tenth by the end."""
    yield Choice("trainer", "adversarial", "a generator against a discriminator")
    yield from picture_choices(facts, sides=SIDES, batch=64, passes=PASSES)
    side = side_of(facts, SIDES)
    yield Choice("config.widths", _stages(DEEP, side), "from 4 x 4 pixels to the whole side")
    yield from relativistic_choices(GAMMA * side**2 / SIDE**2)
    yield Choice("settings.penalty_end", 0.1, "the penalties fall to a tenth")
    yield from augment_choices(facts)
    yield Choice("settings.anneal", 0.3, "the learning rates fall over the last three tenths")


def _stages(widths: tuple[int, ...], side: int) -> list[int]:
    """Of the widths those that double a map of 4 x 4 up to the side."""
    return list(widths[: max(1, side.bit_length() - 2)])
