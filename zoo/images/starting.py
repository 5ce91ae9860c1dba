"""What architectures of pictures begin with on anybody's, where several begin with the same. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from zoo.catalogue.contract.facts import Choice, DataFacts
from zoo.images.configs import check_square

__all__ = ["augment_choices", "length_of", "picture_choices", "relativistic_choices", "side_of"]

FEWEST, MOST = 200_000, 1_000_000  # examples of a run
FEW, MANY = 1_000, 20_000  # pictures


def side_of(facts: DataFacts, sides: Iterable[int]) -> int:
    """The side in pixels: the user's, else the one of `sides` that is nearest to the pictures' own.

    Raises ConfigError for pictures that are not square.
    """
    check_square(facts.shape)
    return facts.chosen("config.image_size", facts.nearest(sides))


def length_of(facts: DataFacts, passes: int) -> int:
    """How many examples a run sees: the user's number, else each picture `passes` times, from 200,000 to 1,000,000."""
    return facts.chosen("examples", max(FEWEST, min(passes * facts.count, MOST)))


def picture_choices(facts: DataFacts, *, sides: Iterable[int], batch: int, passes: int) -> Iterator[Choice]:
    """What every model of pictures chooses by them: side, channels, a batch of at most `batch`, length and average.

    `sides` and `passes` are those of `side_of` and `length_of`.
    """
    near = f"the nearest to the pictures' own {facts.side} pixels that is trained soon"
    yield Choice("config.image_size", side_of(facts, sides), near)
    yield Choice("config.channels", facts.channels, "grey" if facts.channels == 1 else "colour")
    yield Choice("batch_size", facts.batch(batch), f"of {facts.count:,} pictures")
    examples = length_of(facts, passes)
    yield Choice("examples", examples, f"each picture about {examples // facts.count:,} times")
    yield Choice("ema_half_life", min(10_000, examples // 20), "examples: what is published is a moving average")
    flips = facts.channels != 1
    yield Choice(
        "settings.flips", flips, "colour: most photographs may be mirrored" if flips else "grey: often letters"
    )


def relativistic_choices(gamma: float) -> Iterator[Choice]:
    """The settings of a game that compares pairs, R1 and R2 both of weight `gamma` (Huang et al. 2024)."""
    yield Choice("settings.loss", "relativistic", "a real example is compared with a fake one: it does not run away")
    yield Choice("settings.r1", gamma, "weight of the penalty on the discriminator's slope at real examples")
    yield Choice("settings.r2", gamma, "and at fakes")
    yield Choice("settings.mix_batches", False, "real and fake are judged apart")
    yield Choice("settings.beta1", 0.0, "Adam without momentum: the opponent moves too")
    yield Choice("settings.beta2", 0.99, "of Adam")


def augment_choices(facts: DataFacts) -> Iterator[Choice]:
    """DiffAugment (Zhao et al. 2020) for a discriminator that sees pixels, where the pictures are few."""
    policy = ["color", "translation", "cutout"] if facts.count < FEW else ["translation", "cutout"]
    if facts.count < MANY:
        yield Choice("settings.augment", policy, "few pictures: else the discriminator learns them by heart")
