"""The trainer `vae-gan`: an autoencoder that plays against a discriminator, and is measured on what that one sees.

Larsen et al. 2016, arXiv:1512.09300: the decoder is a generator too. Its pictures, reconstructions and draws from the
prior alike, play against the discriminator, and "how far off" is measured on what the discriminator sees as well as on
the values. The other terms are the ELBO's, in nats an example.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import torch
from msgspec import Meta
from torch import Tensor, nn

from zoo.data.draws import Draw
from zoo.errors import ConfigError
from zoo.nn.bounds import active_units
from zoo.nn.distributions import DiagonalGaussian, Likelihood
from zoo.nn.interfaces import Decoder, Discriminator, Encoder
from zoo.training.machine.processes import Processes
from zoo.training.trainer import Figures, seen_labels
from zoo.training.trainers.game import Bound, GameSettings, Playing, Rate, Share
from zoo.training.trainers.losses import PairedLoss
from zoo.training.trainers.penalties import Seen

__all__ = ["VAEGANSettings", "VAEGANTrainer"]

NEEDED = "an encoder, a decoder, a likelihood and a discriminator"


@dataclass(frozen=True, kw_only=True)
class VAEGANSettings(GameSettings):
    """How encoder, decoder and discriminator learn."""

    lr: Rate = 2e-4  # of encoder and decoder
    discriminator_lr: Rate = 2e-4
    encoder_beta1: Share = 0.5  # Adam's
    beta1: Share = 0.0  # of decoder and discriminator
    beta2: Share = 0.99
    decay: Share = 0.0  # per step: rate / (1 + decay * step)
    anneal: Share = 0.0  # share of the run at whose end the rates are a hundredth
    clip_norm: Bound = 0.0  # the whole gradient of a player; 0: no clipping
    on_values: Bound = 0.3  # weight of the likelihood of the values themselves
    on_maps: Annotated[tuple[Bound, ...], Meta(max_length=8)] = (0.3, 0.3)  # of that of each map the discriminator sees
    beta: Bound = 1.0  # weight of the KL
    game: Annotated[float, Meta(gt=0, le=1e9)] = 1000.0  # nats that the loss of the game weighs
    encoder_plays: bool = True  # whether the game's gradient reaches the encoder, through the reconstructions


class VAEGANTrainer(Playing):
    """Parts `encoder`, `decoder`, `likelihood` and `discriminator`; one step is one update of each.

    The discriminator sees the examples beside their reconstructions, under the same augmentation, and beside draws from
    N(0, I). Encoder and decoder minimise the game's loss plus, in units of `game` nats, the ELBO's terms: with S_i(x)
    the maps that the discriminator sees, of unit variance on real data, -log p(x given z) is half the squared error of
    S_i times `on_maps[i]`, and `on_values` times the likelihood's own.
    """

    averaged = ("encoder", "decoder", "likelihood")
    settings: VAEGANSettings

    def __init__(self, parts: dict[str, nn.Module], settings: VAEGANSettings, generator: torch.Generator) -> None:
        encoder, decoder, likelihood, discriminator = (parts.get(n) for n in (*self.averaged, "discriminator"))
        if not (isinstance(encoder, Encoder) and isinstance(decoder, Decoder) and isinstance(likelihood, Likelihood)):
            raise ConfigError(f"the vae-gan trainer needs {NEEDED}, not {', '.join(sorted(parts))}")
        if not isinstance(discriminator, Discriminator):
            raise ConfigError(f"the vae-gan trainer needs {NEEDED}, not {', '.join(sorted(parts))}")
        self.encoder, self.decoder, self.likelihood = encoder, decoder, likelihood
        self.take_sides(discriminator, settings)
        self.parts, self.random = parts, generator
        self.clip_norm, self.decay, self.anneal = settings.clip_norm, settings.decay, settings.anneal
        self.base_rates = {"vae": settings.lr, "discriminator": settings.discriminator_lr}
        players = (settings.beta1, settings.beta2)
        coders: list[dict[str, Any]] = [
            {"params": list(encoder.parameters()), "betas": (settings.encoder_beta1, settings.beta2)},
            {"params": [*decoder.parameters(), *likelihood.parameters()]},
        ]
        self.optimizers = {
            "vae": torch.optim.Adam(coders, lr=settings.lr, betas=players, fused=True),
            "discriminator": torch.optim.Adam(
                discriminator.parameters(), lr=settings.discriminator_lr, betas=players, fused=True
            ),
        }

    def join(self, processes: Processes, *, accumulate: int = 1) -> None:
        """As every trainer. Raises ConfigError for augmentations that the kind of data lacks, and where the pictures
        that all players see cannot be made once: in pieces or processes.
        """
        self.check_augmentations(self.settings.augment)
        if processes.count > 1 or accumulate > 1:
            raise ConfigError("the vae-gan trainer needs one process, and accumulate = 1: its fakes are made once")
        super().join(processes, accumulate=accumulate)

    def calibrate(self, x: Tensor) -> None:
        """Show the discriminator real examples (N, *data_shape) in [0, 1] before the first step."""
        self.discriminator.calibrate(x * 2 - 1)

    def step(self, x: Tensor, labels: Tensor | None) -> Figures:
        """One update of the discriminator, then one of the coders, from examples (N, *data_shape) in [0, 1]."""
        x = self.mirror(x) if self.settings.flips else x
        given = seen_labels(labels, self.decoder.num_classes)
        with self.in_precision(self.settings.precision):
            posterior = self.encoder(x, *given)
        posterior = DiagonalGaussian(posterior.mean.float(), posterior.log_var.float())
        z = posterior.transform(self.draws.normal(len(x), *self.encoder.latent_shape))
        drawn = self.draws.normal(len(x), *self.encoder.latent_shape)
        both = tuple(torch.cat([one, one]) for one in given)
        parameters = self._decode(torch.cat([z, drawn]), *both)
        seen_real, seen_fake = self._look_at_pairs(x, self.likelihood.mean(parameters))
        twice = tuple(torch.cat([seen, seen]) for seen in seen_real)
        told = self.learn(
            "discriminator", partial(self.told_apart, twice, tuple(seen.detach() for seen in seen_fake)), *both, *both
        )
        playing = seen_fake
        if not self.settings.encoder_plays:  # made once more, from codes that pass no gradient on
            pictures = self.likelihood.mean(self._decode(torch.cat([z.detach(), drawn]), *both))
            playing = self._look_at_pairs(x, pictures)[1]
        errors = self._errors(x, parameters[: len(x)], seen_real, seen_fake)
        loss = partial(self._loss, posterior, errors, playing, twice)
        return self.steer(told | self.against_discriminator("vae", loss, *both), len(x))

    def _decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        with self.in_precision(self.settings.precision):
            parameters: Tensor = self.decoder(z, labels)
        return parameters.float()

    def _look_at_pairs(self, x: Tensor, pictures: Tensor) -> tuple[Seen, Seen]:
        """What is seen of x (N, ...) and of the 2 N pictures; x and its reconstructions are augmented alike."""
        draws, n = self.draws, len(x)
        drawn: list[Tensor] = []

        def note(draw: Draw) -> Tensor:
            drawn.append(draws.take(draw))
            return drawn[-1]

        with torch.no_grad(), self.drawing(note):
            seen_real = self.look(x * 2 - 1)
        again = iter(drawn)
        with self.drawing(lambda _: next(again)):
            rebuilt = self.augmented(pictures[:n] * 2 - 1)
        fresh = self.augmented(pictures[n:] * 2 - 1)
        return seen_real, self.look(torch.cat([rebuilt, fresh]), augmented=True)

    def _errors(self, x: Tensor, parameters: Tensor, seen_real: Seen, seen_fake: Seen) -> tuple[Tensor, Tensor]:
        """-log p(x given z) of the values, and half the squared errors of the maps, weighted: nats an example."""
        values = -self.likelihood.log_prob(parameters, x).mean()
        maps = torch.zeros((), device=x.device)
        for weight, real, fake in zip(self.settings.on_maps, seen_real, seen_fake, strict=False):
            maps = maps + weight / 2 * (fake[: len(x)] - real).square().flatten(1).sum(1).mean()
        return values, maps

    def _loss(
        self,
        posterior: DiagonalGaussian,
        errors: tuple[Tensor, Tensor],
        playing: Seen,
        real: Seen,
        labels: Tensor | None = None,
    ) -> tuple[Tensor, Figures]:
        values, maps = errors
        kl = posterior.kl().mean()
        on_real = self.judge(real, labels).detach() if isinstance(self.loss, PairedLoss) else None
        game, figures = self.taken_for_real(playing, labels, on_real=on_real)
        nats = self.settings.on_values * values + maps + self.settings.beta * kl
        loss = game + nats / self.settings.game
        return loss, {
            "loss": loss.detach(),
            "reconstruction": values.detach(),
            "map_error": maps.detach(),
            "kl": kl.detach(),
            "active_units": active_units(posterior.mean.detach()),
            "decoder_loss": figures["generator_loss"],
        }
