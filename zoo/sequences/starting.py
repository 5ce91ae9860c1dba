"""What starters of networks that write have in common."""

from __future__ import annotations

from collections.abc import Iterator

from zoo.catalogue.contract.facts import Choice, DataFacts

__all__ = ["writing_choices"]

LIKELIHOOD = Choice("trainer", "likelihood", "of each token given those before it")


def writing_choices(
    facts: DataFacts, *, batch: int, passes: int, least: int, trainer: Choice = LIKELIHOOD
) -> Iterator[Choice]:
    """The `trainer`, vocabulary and length as the data of `facts` have them, batches of at most `batch`, and a run in
    which each example is seen `passes` times, of at least `least` examples.
    """
    yield trainer
    if facts.vocabulary:
        yield Choice("config.vocabulary", facts.vocabulary, "different tokens")
    yield Choice("config.length", facts.side, "tokens that are learnt from at once")
    size = facts.chosen("batch_size", facts.batch(batch))
    length = facts.chosen("examples", max(least, passes * facts.count) // size * size)
    yield Choice("batch_size", size, "examples of a step")
    yield Choice("examples", length, f"each about {max(1, round(length / facts.count))} times")
    yield Choice("ema_half_life", max(size, length // 50), "of the averaged weights")
    yield Choice("log_every", max(size, length // 100), "a line each hundredth")
    yield Choice("sample_every", max(size, length // 10), "samples each tenth")
    yield Choice("checkpoint_every", max(size, length // 10), "a checkpoint each tenth")
    yield Choice("settings.anneal", 0.5, "the rate falls over the second half")
