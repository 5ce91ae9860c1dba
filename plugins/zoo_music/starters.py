"""What networks of tunes begin with on tunes of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zoo.api import Choice, DataFacts
from zoo.sequences import writing_choices

__all__ = ["line_vae", "lstm", "transformer"]

USUAL: dict[str, Any] = {"batch": 16, "passes": 40, "least": 20_000}
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


def line_vae(facts: DataFacts) -> Iterator[Choice]:
    """An encoder and a writer of LSTM."""
    bound = Choice("trainer", "vae", "the bound on the likelihood (ELBO)")
    yield from writing_choices(facts, batch=32, passes=30, least=60_000, trainer=bound)
    yield Choice("settings.lr", 1e-3, "of Adam")
    yield Choice("settings.free_bits", 1.0, "nats of each latent unit that cost nothing: else the writer does without")
    yield Choice("settings.clip_norm", 50.0, "a gradient in nats grows with the length")
    yield Choice("config.dropout", 0.2, "share of the text that the writer does not see: it must look at the latent")
