"""What networks of text begin with on data of one's own."""

from __future__ import annotations

from collections.abc import Iterator

from zoo.api import Choice, DataFacts

__all__ = ["lstm", "transformer"]

PASSES = 4  # times that each piece is seen; a character is in eight pieces
LEAST = 50_000  # pieces that are seen, of the shortest texts too
BATCH = 32


def lstm(facts: DataFacts) -> Iterator[Choice]:
    """Two layers of 256."""
    yield from _common(facts)
    yield Choice("settings.lr", 2e-3, "of Adam")


def transformer(facts: DataFacts) -> Iterator[Choice]:
    """Four layers of 128."""
    yield from _common(facts)
    yield Choice("settings.lr", 1e-3, "of Adam")
    yield Choice("settings.warmup", 100, "steps over which the rate rises")
    if facts.count < LEAST:
        yield Choice("config.dropout", 0.2, "a short text is learnt by heart")


def _common(facts: DataFacts) -> Iterator[Choice]:
    yield Choice("trainer", "likelihood", "of each character given those before it")
    if facts.vocabulary:
        yield Choice("config.vocabulary", facts.vocabulary, "different characters")
    yield Choice("config.length", facts.side, "characters that are learnt from at once")
    batch = facts.chosen("batch_size", facts.batch(BATCH))
    yield Choice("batch_size", batch, "pieces of a step")
    length = facts.chosen("examples", max(LEAST, PASSES * facts.count) // batch * batch)
    yield Choice("examples", length, f"each about {max(1, round(length / facts.count))} times")
    yield Choice("ema_half_life", max(batch, length // 50), "of the averaged weights")
    yield Choice("log_every", max(batch, length // 100), "a line each hundredth")
    yield Choice("sample_every", max(batch, length // 10), "samples each tenth")
    yield Choice("checkpoint_every", max(batch, length // 10), "a checkpoint each tenth")
    yield Choice("settings.anneal", 0.5, "the rate falls over the second half")
