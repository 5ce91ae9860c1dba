"""The adversarial trainer: two players, two phases, each with its own forward, zero, backward and step.

The settings are the rules of Chollet's GAN chapter (each can be switched off) and what has come since. The rules
that are about the networks (tanh, dropout, strides, LeakyReLU, kernel sizes, the prior) are the architecture's config.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.errors import ConfigError
from zoo.nn.interfaces import Discriminator, Generator
from zoo.training.machine.processes import Processes
from zoo.training.optimizers import make_optimizer
from zoo.training.trainer import Figures, seen_labels
from zoo.training.trainers.game import Bound, Count, GameSettings, Playing, Rate, Share
from zoo.training.trainers.losses import AdversarialLoss

__all__ = ["AdversarialSettings", "AdversarialTrainer"]


@dataclass(frozen=True, kw_only=True)
class AdversarialSettings(GameSettings):
    """How generator and discriminator learn."""

    optimizer: Literal["adam", "rmsprop"] = "adam"
    generator_lr: Rate = 2e-4
    discriminator_lr: Rate = 2e-4  # another rate than the generator's is TTUR (Heusel et al. 2017)
    beta1: Share = 0.5  # Adam only
    beta2: Share = 0.999  # RMSprop: the decay of its squared average
    decay: Share = 0.0  # per step: rate / (1 + decay * step)
    anneal: Share = 0.0  # share of the run at whose end the rates are a hundredth
    clip_value: Bound = 0.0  # each coordinate of a gradient; 0: no clipping
    clip_norm: Bound = 0.0  # the whole gradient; 0: no clipping
    generator_every: Count = 1  # steps of the discriminator for one of the generator (WGAN-GP: 5)
    fresh_fakes: bool = True  # the generator learns from new fakes, or from those the discriminator has just seen


class AdversarialTrainer(Playing):
    """Parts `generator` and `discriminator`; one step is one update of each."""

    averaged = ("generator",)
    value_range = (-1.0, 1.0)
    settings: AdversarialSettings

    def __init__(self, parts: dict[str, nn.Module], settings: AdversarialSettings, generator: torch.Generator) -> None:
        first, second = parts.get("generator"), parts.get("discriminator")
        if not isinstance(first, Generator) or not isinstance(second, Discriminator):
            names = ", ".join(sorted(parts))
            raise ConfigError(f"the adversarial trainer needs a generator and a discriminator, not {names}")
        if first.num_classes != second.num_classes:
            counts = f"{first.num_classes or 0} classes, the discriminator {second.num_classes or 0}"
            raise ConfigError(f"the generator sees labels of {counts}; they must be the same")
        self.take_sides(second, settings)
        self.parts, self.generator, self.random = parts, first, generator
        self.clip_value, self.clip_norm = settings.clip_value, settings.clip_norm
        self.decay, self.anneal = settings.decay, settings.anneal
        rates = {"generator": settings.generator_lr, "discriminator": settings.discriminator_lr}
        self.base_rates = rates
        self.optimizers = {
            name: make_optimizer(
                settings.optimizer, parts[name].parameters(), lr=rate, beta1=settings.beta1, beta2=settings.beta2
            )
            for name, rate in rates.items()
        }

    def join(self, processes: Processes, *, accumulate: int = 1) -> None:
        """As every trainer. Raises ConfigError for augmentations that the kind of data lacks, and where fakes that both
        players see cannot be: in pieces or processes.
        """
        self.check_augmentations(self.settings.augment)
        if not self.settings.fresh_fakes and (processes.count > 1 or accumulate > 1):
            raise ConfigError("fresh_fakes = false needs one process, and accumulate = 1: the fakes are made once")
        super().join(processes, accumulate=accumulate)

    def calibrate(self, x: Tensor) -> None:
        """Show the discriminator real examples (N, *data_shape) in [-1, 1] before the first step."""
        self.discriminator.calibrate(x)

    def step(self, x: Tensor, labels: Tensor | None) -> Figures:
        """One update of the discriminator, then one of the generator, from examples (N, *data_shape) in [-1, 1]."""
        real = self.mirror(x) if self.settings.flips else x
        given = seen_labels(labels, self.generator.num_classes)
        both = self._both_learn()
        if both and not self.settings.fresh_fakes:
            told = self._both_phases(real, given)
        else:
            told = self.discriminator_phase(real, *given)
            told |= self.generator_phase(real, *given) if both else {}
        return self.steer(told, len(x))

    def _both_learn(self) -> bool:
        """Whether the generator learns in the coming step too."""
        return self.steps % self.settings.generator_every == 0

    def variant(self) -> Hashable:
        """As of every game, and whether the generator learns too."""
        return super().variant(), self._both_learn()

    def discriminator_phase(self, real: Tensor, labels: Tensor | None = None) -> Figures:
        """Tell real from fake; the fakes are detached, so the generator gets no gradient."""
        given = seen_labels(labels, self.generator.num_classes)
        z, *asked = self._latents(len(real), given)
        return self.learn("discriminator", self._discriminator_loss, real, z, *given, *asked)

    def generator_phase(self, real: Tensor, labels: Tensor | None = None) -> Figures:
        """Make as many fakes that the discriminator calls real, or more real than these, where the loss compares."""
        if isinstance(self.loss, AdversarialLoss):
            return self.against_discriminator("generator", self._generator_loss, *self._latents(len(real)))
        given = seen_labels(labels, self.generator.num_classes)
        z, *asked = self._latents(len(real), given)
        return self.against_discriminator("generator", self._ahead_loss, z, real, *asked, *given)

    def _both_phases(self, real: Tensor, given: tuple[Tensor, ...]) -> Figures:
        """Both phases on the same fakes, made once and looked at once: detached for the discriminator."""
        z, *asked = self._latents(len(real), given)
        seen_fake = self.look(self._fakes(z, *asked))
        with torch.no_grad():
            seen_real = self.look(real)
        held = tuple(x.detach() for x in seen_fake)
        told = self.learn("discriminator", partial(self.told_apart, seen_real, held), *given, *asked)
        on_real = None if isinstance(self.loss, AdversarialLoss) else self.judge(seen_real, *given).detach()
        taken = partial(self.taken_for_real, seen_fake, on_real=on_real)
        return {**told, **self.against_discriminator("generator", taken, *asked)}

    def _latents(self, n: int, given: tuple[Tensor, ...] = ()) -> tuple[Tensor, ...]:
        """z (n, *latent_shape) from the prior, and where there are classes labels (n,): those `given` for the real
        examples where the loss compares like with like, else each as likely.
        """
        shape, num_classes = self.generator.latent_shape, self.generator.num_classes
        uniform = self.generator.prior == "uniform"
        z = self.draws.uniform(n, *shape) * 2 - 1 if uniform else self.draws.normal(n, *shape)
        if num_classes is None:
            return (z,)
        if isinstance(self.loss, AdversarialLoss):
            return z, self.draws.integers(0, num_classes, n)
        return z, *given

    def _fakes(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        with self.in_precision(self.settings.precision):
            return self.generator.draft(z, labels).float()

    def _discriminator_loss(
        self, real: Tensor, z: Tensor, given: Tensor | None = None, asked: Tensor | None = None
    ) -> tuple[Tensor, Figures]:
        with torch.no_grad():
            fake = self._fakes(z, asked)
            seen = self.look(real), self.look(fake)
        return self.told_apart(*seen, given, asked)

    def _generator_loss(self, z: Tensor, asked: Tensor | None = None) -> tuple[Tensor, Figures]:
        return self.taken_for_real(self.look(self._fakes(z, asked)), asked)

    def _ahead_loss(
        self, z: Tensor, real: Tensor, asked: Tensor | None = None, given: Tensor | None = None
    ) -> tuple[Tensor, Figures]:
        seen = self.look(self._fakes(z, asked))
        with torch.no_grad():
            on_real = self.judge(self.look(real), given)
        return self.taken_for_real(seen, asked, on_real=on_real)
