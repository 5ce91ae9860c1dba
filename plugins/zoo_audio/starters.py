"""What the models of spectrograms begin with on recordings that nobody has made a recipe for. No torch."""

from __future__ import annotations

import math
from collections.abc import Iterator

from zoo.api import Choice, DataFacts
from zoo.images import length_of, relativistic_choices

__all__ = ["spectrogram_gan", "spectrogram_vae"]

N_FFT, HOP = 256, 64
WIDTHS = (16, 32, 64, 128, 160)
FRAMES = 32  # of which a multiple is taken: they are halved five times
MOST_FRAMES = 512
PASSES = 50  # times that a run sees each recording, where they are many
GAMMA = 0.5  # weight of R1 and R2
SIDE = 128  # frequencies, and frames, of the GAN's spectrograms
BETA = 4.0  # weight of the KL where the recordings are as many as the values of one spectrogram


def spectrogram_vae(facts: DataFacts) -> Iterator[Choice]:
    """Windows of 256 values, 64 apart, and five halvings."""
    yield Choice("trainer", "vae", "the bound on the likelihood (ELBO)")
    frames = max(1, min(MOST_FRAMES, math.ceil(facts.side / HOP)) // FRAMES) * FRAMES
    yield Choice("config.length", (frames - 1) * HOP, "values: whole windows, near to the usual recording's")
    yield Choice("config.widths", list(WIDTHS), "channels: the sides of the spectrogram are halved five times")
    yield Choice("config.blocks", [1] * len(WIDTHS), "one residual block at each")
    yield Choice("batch_size", facts.batch(32), f"of {facts.count:,} recordings")
    examples = length_of(facts, PASSES)
    yield Choice("examples", examples, f"each recording about {examples // facts.count:,} times")
    yield Choice("ema_half_life", min(10_000, examples // 20), "examples: what is published is a moving average")
    yield Choice("settings.lr", 5e-4, "of Adam")
    beta = round(max(1.0, BETA * math.sqrt(N_FFT // 2 * frames / facts.count)), 1)
    yield Choice("settings.beta", beta, "weight of the KL: few recordings need codes that say little of each")
    yield Choice("settings.clip_norm", 5_000.0, "a gradient in nats grows with the spectrogram")
    yield Choice("settings.anneal", 0.4, "the learning rate falls over the last four tenths")


def spectrogram_gan(facts: DataFacts) -> Iterator[Choice]:
    """The settings of `gan-spoken-digits`; a longer recording has windows that are farther apart."""
    yield Choice("trainer", "adversarial", "a generator against a discriminator")
    hop = max(4, min(SIDE, round(facts.side / (SIDE - 1))))
    yield Choice("config.hop", hop, f"values from one window to the next: {SIDE} windows for the usual recording")
    yield Choice("config.length", (SIDE - 1) * hop, "values: whole windows, near to the usual recording's")
    yield Choice("batch_size", facts.batch(32), f"of {facts.count:,} recordings")
    examples = length_of(facts, PASSES)
    yield Choice("examples", examples, f"each recording about {examples // facts.count:,} times")
    yield Choice("ema_half_life", min(10_000, examples // 20), "examples: what is published is a moving average")
    yield from relativistic_choices(GAMMA)
    yield Choice("settings.penalty_every", 2, "steps from one penalty to the next, which weighs twice as much")
    yield Choice("settings.fresh_fakes", False, "both players learn from the same fakes: the network looks once")
    yield Choice("settings.augment", ["shift"], "sounds begin earlier or later: else they are learnt by heart")
    yield Choice("settings.anneal", 0.3, "the learning rates fall over the last three tenths")
