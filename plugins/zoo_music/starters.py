"""What networks of tunes begin with on tunes of one's own."""

from __future__ import annotations

from collections.abc import Iterator

from zoo.api import Choice, DataFacts
from zoo.sequences import writing_choices

__all__ = ["lstm", "transformer"]

USUAL = {"batch": 16, "passes": 40, "least": 20_000}
DROPOUT = Choice("config.dropout", 0.2, "few tunes are learnt by heart")


def lstm(facts: DataFacts) -> Iterator[Choice]:
    """Two layers of 256."""
    yield from writing_choices(facts, **USUAL)
    yield DROPOUT
    yield Choice("settings.lr", 2e-3, "of Adam")


def transformer(facts: DataFacts) -> Iterator[Choice]:
    """Four layers of 128."""
    yield from writing_choices(facts, **USUAL)
    yield DROPOUT
    yield Choice("settings.lr", 1e-3, "of Adam")
    yield Choice("settings.warmup", 100, "steps over which the rate rises")
