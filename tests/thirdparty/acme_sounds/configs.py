"""What the networks can be asked to be. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from zoo.api import Choice, DataFacts

Width = Annotated[int, Meta(ge=1, le=512)]


@dataclass(frozen=True, kw_only=True)
class WaveConfig:
    """A VAE of sounds."""

    length: Annotated[int, Meta(ge=8, le=8192)] = 64  # values of a sound
    latent_size: Width = 4
    width: Width = 64


@dataclass(frozen=True, kw_only=True)
class GRUConfig:
    """A network of sentences."""

    length: Annotated[int, Meta(ge=1, le=256)] = 6  # tokens of a sentence
    vocabulary: Annotated[int, Meta(ge=2, le=65_536)] = 8  # different tokens
    width: Width = 16


def wave_starter(facts: DataFacts) -> Iterator[Choice]:
    """What a VAE of anybody's sounds begins with."""
    yield Choice("trainer", "vae", "the bound on the likelihood (ELBO)")
    yield Choice("config.length", facts.chosen("config.length", facts.shape[-1]), "as the sounds are")
    yield Choice("batch_size", facts.batch(32), "at most half of the sounds")
    yield Choice("examples", facts.chosen("examples", 20 * facts.count), "each twenty times")
    yield Choice("ema_half_life", 10, "of the moving average")
