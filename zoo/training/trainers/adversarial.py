"""The adversarial trainer: two players, two phases, each with its own forward, zero, backward and step.

The settings are the rules of Chollet's GAN chapter (each can be switched off) and what has come since. The rules
that are about the networks (tanh, dropout, strides, LeakyReLU, kernel sizes, the prior) are the architecture's config.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from msgspec import Meta
from torch import Tensor, nn

from zoo.errors import ConfigError
from zoo.nn.interfaces import Discriminator, Generator
from zoo.training.machine.processes import Processes
from zoo.training.optimizers import make_optimizer
from zoo.training.trainer import Figures, Precision, Trainer, seen_labels
from zoo.training.trainers.losses import ADVERSARIAL_LOSSES

__all__ = ["AdversarialSettings", "AdversarialTrainer"]

Rate = Annotated[float, Meta(gt=0, le=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Bound = Annotated[float, Meta(ge=0, le=1e6)]


@dataclass(frozen=True, kw_only=True)
class AdversarialSettings:
    """How generator and discriminator learn."""

    loss: Literal["non_saturating", "minimax", "hinge"] = "non_saturating"
    optimizer: Literal["adam", "rmsprop"] = "adam"
    generator_lr: Rate = 2e-4
    discriminator_lr: Rate = 2e-4  # another rate than the generator's is TTUR (Heusel et al. 2017)
    beta1: Share = 0.5  # Adam only
    beta2: Share = 0.999  # RMSprop: the decay of its squared average
    decay: Share = 0.0  # per step: rate / (1 + decay * step)
    anneal: Share = 0.0  # share of the run at whose end the rates are a hundredth
    clip_value: Bound = 0.0  # each coordinate of a gradient; 0: no clipping
    clip_norm: Bound = 0.0  # the whole gradient; 0: no clipping
    label_noise: Annotated[float, Meta(ge=0, le=0.5)] = 0.0  # targets move off 0 and 1 by U(0, label_noise)
    mix_batches: bool = True  # real and fake in one forward of the discriminator, or each alone
    freeze_discriminator: bool = True  # no gradients for it in the generator's phase
    fresh_fakes: bool = True  # the generator learns from new fakes, or from those the discriminator has just seen
    flips: bool = True  # mirror the real examples at random, where their kind has a mirror image
    augment: Annotated[tuple[str, ...], Meta(max_length=8)] = ()  # of the modality's augmentations, in this order
    precision: Precision = "float32"  # of the networks' products; sums, losses and weights stay float32

    def __post_init__(self) -> None:
        if self.label_noise and self.loss == "hinge":
            raise ValueError("label_noise needs targets between 0 and 1; the hinge loss has only two sides")


class AdversarialTrainer(Trainer):
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
        self.generator, self.discriminator = first, second
        self.parts, self.settings, self.random = parts, settings, generator
        self.clip_value, self.clip_norm = settings.clip_value, settings.clip_norm
        self.decay, self.anneal = settings.decay, settings.anneal
        self.apart = not settings.mix_batches
        self.loss = ADVERSARIAL_LOSSES[settings.loss]
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

    def step(self, x: Tensor, labels: Tensor | None) -> Figures:
        """One update of the discriminator, then one of the generator, from examples (N, *data_shape) in [-1, 1]."""
        real = self.mirror(x) if self.settings.flips else x
        if self.settings.fresh_fakes:
            return {**self.discriminator_phase(real, labels), **self.generator_phase(len(real))}
        z, *asked = self._latents(len(real))
        fake, given = self._fakes(z, *asked), seen_labels(labels, self.generator.num_classes)
        told = self.learn("discriminator", self._told_apart, real, fake.detach(), *given, *asked)
        return {**told, **self._against_discriminator(self._taken_for_real, fake, *asked)}

    def discriminator_phase(self, real: Tensor, labels: Tensor | None = None) -> Figures:
        """Tell real from fake; the fakes are detached, so the generator gets no gradient."""
        given = seen_labels(labels, self.generator.num_classes)
        z, *asked = self._latents(len(real))
        return self.learn("discriminator", self._discriminator_loss, real, z, *given, *asked)

    def generator_phase(self, n: int) -> Figures:
        """Make fakes that the discriminator calls real: every target is real."""
        return self._against_discriminator(self._generator_loss, *self._latents(n))

    def _against_discriminator(self, loss: Callable[..., tuple[Tensor, Figures]], *batch: Tensor) -> Figures:
        self.discriminator.requires_grad_(not self.settings.freeze_discriminator)
        figures = self.learn("generator", loss, *batch)
        self.discriminator.requires_grad_(True)
        return figures

    def _latents(self, n: int) -> tuple[Tensor, ...]:
        """z (n, *latent_shape) from the prior, and where there are classes labels (n,), each as likely."""
        shape, num_classes = self.generator.latent_shape, self.generator.num_classes
        uniform = self.generator.prior == "uniform"
        z = self.draws.uniform(n, *shape) * 2 - 1 if uniform else self.draws.normal(n, *shape)
        return (z,) if num_classes is None else (z, self.draws.integers(0, num_classes, n))

    def _fakes(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        with self.in_precision(self.settings.precision):
            x: Tensor = self.generator(z, labels)
        return x.float()

    def _logits(self, x: Tensor, labels: Tensor | None) -> Tensor:
        with self.in_precision(self.settings.precision):
            logits: Tensor = self.discriminator(x, labels)
        return logits.float()

    def _targets(self, real: Tensor) -> Tensor:
        """1 - noise for real, noise for fake: `real` is 1 or 0."""
        noise = self.draws.uniform(len(real)) * self.settings.label_noise
        return torch.lerp(noise, 1 - noise, real)

    def _discriminator_loss(
        self, real: Tensor, z: Tensor, given: Tensor | None = None, asked: Tensor | None = None
    ) -> tuple[Tensor, Figures]:
        with torch.no_grad():
            fake = self._fakes(z, asked)
        return self._told_apart(real, fake, given, asked)

    def _told_apart(
        self, real: Tensor, fake: Tensor, given: Tensor | None = None, asked: Tensor | None = None
    ) -> tuple[Tensor, Figures]:
        """`given` are the labels (N,) of the real examples, `asked` those that the fakes were made for."""
        n = len(real)
        real, fake = (self.augment(x, self.settings.augment) for x in (real, fake))
        if self.settings.mix_batches:
            labels = None if given is None or asked is None else torch.cat([given, asked])
            on_real, on_fake = self._logits(torch.cat([real, fake]), labels).split(n)
        else:
            on_real, on_fake = self._logits(real, given), self._logits(fake, asked)
        real_targets = self._targets(torch.ones(n, device=real.device))
        fake_targets = self._targets(torch.zeros(n, device=real.device))
        loss = self.loss.discriminator(torch.cat([on_real, on_fake]), torch.cat([real_targets, fake_targets]))
        return loss, {
            "discriminator_loss": loss.detach(),
            "real_accuracy": (on_real.detach() > 0).float().mean(),
            "fake_accuracy": (on_fake.detach() < 0).float().mean(),
        }

    def _generator_loss(self, z: Tensor, asked: Tensor | None = None) -> tuple[Tensor, Figures]:
        return self._taken_for_real(self._fakes(z, asked), asked)

    def _taken_for_real(self, fake: Tensor, asked: Tensor | None = None) -> tuple[Tensor, Figures]:
        logits = self._logits(self.augment(fake, self.settings.augment), asked)
        loss = self.loss.generator(logits, torch.ones_like(logits))
        return loss, {"generator_loss": loss.detach()}
