"""What the variational autoencoders begin with on pictures that nobody has made a recipe for. No torch."""

from __future__ import annotations

import math
from collections.abc import Iterator

from zoo.api import Choice, DataFacts

__all__ = ["conv_vae", "mlp_vae", "res_vae"]

SIDES = (8, 16, 28, 32, 48, 64)
SIZES = ", ".join(map(str, SIDES))
SMALLEST = 7  # pixels a side: a map is halved until it is no larger, or odd
MANY = 5_000  # pictures
BETA = 15.0  # weight of the KL where the pictures are as many as the values of one; found on 300 digits and faces
WIDTHS = (32, 64, 128, 160)  # channels at each side, the largest first


def conv_vae(facts: DataFacts) -> Iterator[Choice]:
    """Plain convolutions, one for each halving."""
    yield from _common(facts)
    widths = _widths(facts)
    yield Choice("config.encoder_widths", widths, "one convolution for each halving of the side")
    yield Choice("config.encoder_strides", [2] * len(widths), "each halves the side")
    yield Choice("config.decoder_stem", widths[-1], "channels of the smallest map")
    yield Choice("config.decoder_widths", widths[::-1], "as the encoder's, backwards")


def mlp_vae(facts: DataFacts) -> Iterator[Choice]:
    """Dense layers alone."""
    yield from _common(facts)
    yield Choice("config.hidden", [512, 256], "two dense layers on each side")


def res_vae(facts: DataFacts) -> Iterator[Choice]:
    """Residual blocks, one at each side but the whole."""
    yield from _common(facts)
    widths = _widths(facts)
    yield Choice("config.widths", widths, "one residual block at each halving of the side")
    yield Choice("config.blocks", [1] * len(widths), "one at each")


def _common(facts: DataFacts) -> Iterator[Choice]:
    side = _side(facts)
    yield Choice("trainer", "vae", "the bound on the likelihood (ELBO)")
    yield Choice(
        "config.image_size", side, f"the nearest to the pictures' own {facts.side} pixels that is trained soon"
    )
    yield Choice("config.channels", facts.channels, "grey" if facts.channels == 1 else "colour")
    yield Choice("config.latent_size", 32 if side <= 32 else 64, "numbers that a picture is coded in")
    yield Choice("config.likelihood", "gaussian", "of pixels with many levels")
    yield Choice("config.learned_scale", True, "the weight between detail and code is found by maximum likelihood")
    yield Choice("batch_size", facts.batch(64 if facts.count >= MANY else 32), f"of {facts.count:,} pictures")
    examples = facts.chosen("examples", max(200_000, min(30 * facts.count, 1_000_000)))
    yield Choice("examples", examples, f"each picture about {examples // facts.count:,} times")
    yield Choice("ema_half_life", min(10_000, examples // 20), "examples: what is published is a moving average")
    flips = facts.channels != 1
    yield Choice(
        "settings.flips", flips, "colour: most photographs may be mirrored" if flips else "grey: often letters"
    )
    yield Choice("settings.lr", 1e-3 if side <= 32 else 5e-4, "of Adam")
    if facts.chosen("trainer", "vae") == "vae" and facts.chosen("settings.objective", "elbo") == "elbo":
        yield from _divergence(facts, examples)
    yield Choice("settings.clip_norm", 200.0 if side <= 32 else 2000.0, "a gradient in nats grows with the picture")
    yield Choice("settings.anneal", 0.3, "the learning rate falls over the last three tenths")


def _divergence(facts: DataFacts, examples: int) -> Iterator[Choice]:
    """How the KL counts, where it stands apart."""
    beta = round(max(1.0, BETA * math.sqrt(facts.channels * _side(facts) ** 2 / facts.count)), 1)
    if beta > 1:
        yield Choice("settings.beta", beta, "weight of the KL: few pictures need codes that say little of each")
    yield Choice("settings.kl_warmup", examples // 20, "examples over which the weight of the KL rises")


def _side(facts: DataFacts) -> int:
    return facts.chosen("config.image_size", facts.nearest(SIDES))


def _widths(facts: DataFacts) -> list[int]:
    side, halvings = _side(facts), 0
    while side > SMALLEST and side % 2 == 0:
        side, halvings = side // 2, halvings + 1
    return [WIDTHS[min(index, len(WIDTHS) - 1)] for index in range(max(1, min(halvings, 7)))]
