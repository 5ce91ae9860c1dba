"""What networks of text begin with on texts of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zoo.api import Choice, DataFacts
from zoo.sequences import writing_choices

__all__ = ["line_vae", "lstm", "transformer"]

LEAST = 50_000  # pieces that are seen, of the shortest texts too
USUAL: dict[str, Any] = {"batch": 32, "passes": 4, "least": LEAST}  # a character is in eight pieces


def lstm(facts: DataFacts) -> Iterator[Choice]:
    """Two layers of 256."""
    yield from writing_choices(facts, **USUAL)
    yield Choice("settings.lr", 2e-3, "of Adam")


def transformer(facts: DataFacts) -> Iterator[Choice]:
    """Four layers of 128."""
    yield from writing_choices(facts, **USUAL)
    yield Choice("settings.lr", 1e-3, "of Adam")
    yield Choice("settings.warmup", 100, "steps over which the rate rises")
    if facts.count < LEAST:
        yield Choice("config.dropout", 0.2, "a short text is learnt by heart")


def line_vae(facts: DataFacts) -> Iterator[Choice]:
    """An encoder and a writer of LSTM."""
    bound = Choice("trainer", "vae", "the bound on the likelihood (ELBO)")
    yield from writing_choices(facts, batch=32, passes=20, least=100_000, trainer=bound)
    yield Choice("settings.lr", 1e-3, "of Adam")
    yield Choice("settings.free_bits", 1.0, "nats of each latent unit that cost nothing: else the writer does without")
    yield Choice("settings.clip_norm", 50.0, "a gradient in nats grows with the length")
    yield Choice("config.dropout", 0.2, "share of the text that the writer does not see: it must look at the latent")
