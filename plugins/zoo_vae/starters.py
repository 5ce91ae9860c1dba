"""What the variational autoencoders begin with on pictures that nobody has made a recipe for. No torch."""

from __future__ import annotations

import math
from collections.abc import Iterator

from zoo.api import Choice, DataFacts
from zoo.images import length_of, picture_choices, relativistic_choices, side_of

__all__ = ["conv_vae", "mlp_vae", "res_vae", "vae_gan"]

SIDES = (8, 16, 28, 32, 48, 64)
GAME_SIDES = (16, 32, 64)  # of the VAE-GAN; 128 is the user's to ask for
PASSES = 30  # times that a run sees each picture, where they are many
SMALLEST = 7  # pixels a side: a map is halved until it is no larger, or odd
MANY = 5_000  # pictures
BETA = 15.0  # weight of the KL where the pictures are as many as the values of one; found on 300 digits and faces
WIDTHS = (32, 64, 128, 160)  # channels at each side, the largest first
ENCODER = (32, 64, 96, 128, 128)  # channels of the VAE-GAN behind each halving
DECODER = (128, 96, 64, 32, 16, 16)  # of its maps of 4, 8, 16, ... pixels
SEEN = 64  # pixels a side at which the frozen network sees pictures that are smaller
GAME = 1000.0  # nats that the game weighs at that side


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


def vae_gan(facts: DataFacts) -> Iterator[Choice]:
    """As many stages as the side needs, and a game against the heads on a frozen network's maps."""
    yield Choice("trainer", "vae-gan", "the bound on the likelihood of what a frozen network sees, and a game")
    yield from picture_choices(facts, sides=GAME_SIDES, batch=32, passes=PASSES)
    side = side_of(facts, GAME_SIDES)
    doublings = max(1, side.bit_length() - 3)
    yield Choice("config.encoder_widths", list(ENCODER[:doublings]), "from the whole side to 4 x 4 pixels")
    yield Choice("config.decoder_widths", list(DECODER[: doublings + 1]), "and back")
    seen = max(SEEN, side)
    yield Choice("config.features_size", seen, "pixels a side at which the frozen network looks")
    yield Choice("settings.game", GAME * seen**2 / SEEN**2, "nats that the game weighs: they grow with what is seen")
    yield from relativistic_choices(0.5)
    yield Choice("settings.augment", ["color", "translation"], "a picture and its reconstruction alike")
    yield Choice("settings.anneal", 0.3, "the learning rates fall over the last three tenths")


def _common(facts: DataFacts) -> Iterator[Choice]:
    side = side_of(facts, SIDES)
    yield Choice("trainer", "vae", "the bound on the likelihood (ELBO)")
    yield from picture_choices(facts, sides=SIDES, batch=64 if facts.count >= MANY else 32, passes=PASSES)
    yield Choice("config.latent_size", 32 if side <= 32 else 64, "numbers that a picture is coded in")
    yield Choice("config.likelihood", "gaussian", "of pixels with many levels")
    yield Choice("config.learned_scale", True, "the weight between detail and code is found by maximum likelihood")
    yield Choice("settings.lr", 1e-3 if side <= 32 else 5e-4, "of Adam")
    if facts.chosen("trainer", "vae") == "vae" and facts.chosen("settings.objective", "elbo") == "elbo":
        yield from _divergence(facts)
    yield Choice("settings.clip_norm", 200.0 if side <= 32 else 2000.0, "a gradient in nats grows with the picture")
    yield Choice("settings.anneal", 0.3, "the learning rate falls over the last three tenths")


def _divergence(facts: DataFacts) -> Iterator[Choice]:
    """How the KL counts, where it stands apart."""
    side = side_of(facts, SIDES)
    beta = round(max(1.0, BETA * math.sqrt(facts.channels * side**2 / facts.count)), 1)
    if beta > 1:
        yield Choice("settings.beta", beta, "weight of the KL: few pictures need codes that say little of each")
    yield Choice("settings.kl_warmup", length_of(facts, PASSES) // 20, "examples over which the weight of the KL rises")


def _widths(facts: DataFacts) -> list[int]:
    side, halvings = side_of(facts, SIDES), 0
    while side > SMALLEST and side % 2 == 0:
        side, halvings = side // 2, halvings + 1
    return [WIDTHS[min(index, len(WIDTHS) - 1)] for index in range(max(1, min(halvings, 7)))]
