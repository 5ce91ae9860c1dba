"""The adversarial trainer: two players, two phases, each with its own forward, zero, backward and step.

The settings are the rules of Chollet's GAN chapter (each can be switched off) and what has come since. The rules
that are about the networks (tanh, dropout, strides, LeakyReLU, kernel sizes, the prior) are the architecture's config.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import torch
from msgspec import Meta
from torch import Tensor, nn

from zoo.errors import ConfigError
from zoo.nn.interfaces import Discriminator, Generator
from zoo.training.machine.processes import Processes
from zoo.training.optimizers import make_optimizer
from zoo.training.trainer import Figures, Precision, Trainer, seen_labels
from zoo.training.trainers.losses import ADVERSARIAL_LOSSES, AdversarialLoss
from zoo.training.trainers.penalties import Seen, one_centred, zero_centred

__all__ = ["AdversarialSettings", "AdversarialTrainer"]

Rate = Annotated[float, Meta(gt=0, le=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Bound = Annotated[float, Meta(ge=0, le=1e6)]
Count = Annotated[int, Meta(ge=1, le=1000)]

WITHOUT_TARGETS = {
    "hinge": "the hinge loss has only two sides",
    "wasserstein": "the critic's loss has only two sides",
    "relativistic": "the relativistic loss compares and has none",
}


@dataclass(frozen=True, kw_only=True)
class AdversarialSettings:
    """How generator and discriminator learn."""

    loss: Literal["non_saturating", "minimax", "hinge", "wasserstein", "least_squares", "relativistic"] = (
        "non_saturating"
    )
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
    r1: Bound = 0.0  # gamma of the penalty on the slope at real examples (Mescheder et al. 2018); 0: none
    r2: Bound = 0.0  # the same at fakes
    gradient_penalty: Bound = 0.0  # lambda of the penalty on slopes other than 1 in between (WGAN-GP: 10); 0: none
    penalty_every: Count = 1  # steps from one penalty to the next, which weighs as many times as much
    penalty_end: Annotated[float, Meta(gt=0, le=1e6)] = 1.0  # weight at the run's end over that at its start
    generator_every: Count = 1  # steps of the discriminator for one of the generator (WGAN-GP: 5)
    mix_batches: bool = True  # real and fake in one forward of the discriminator, or each alone
    freeze_discriminator: bool = True  # no gradients for it in the generator's phase
    fresh_fakes: bool = True  # the generator learns from new fakes, or from those the discriminator has just seen
    flips: bool = True  # mirror the real examples at random, where their kind has a mirror image
    augment: Annotated[tuple[str, ...], Meta(max_length=8)] = ()  # of the modality's augmentations, in this order
    precision: Precision = "float32"  # of the networks' products; sums, losses and weights stay float32

    def __post_init__(self) -> None:
        if self.label_noise and self.loss in WITHOUT_TARGETS:
            raise ValueError(f"label_noise needs targets between 0 and 1; {WITHOUT_TARGETS[self.loss]}")


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
        self.trained_against, self.calibration = second.trained_against, second.calibration
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
        both = self.steps % self.settings.generator_every == 0
        if not self.settings.fresh_fakes:
            return self._both_phases(real, given) if both else self.discriminator_phase(real, *given)
        told = self.discriminator_phase(real, *given)
        return {**told, **self.generator_phase(real, *given)} if both else told

    def discriminator_phase(self, real: Tensor, labels: Tensor | None = None) -> Figures:
        """Tell real from fake; the fakes are detached, so the generator gets no gradient."""
        given = seen_labels(labels, self.generator.num_classes)
        z, *asked = self._latents(len(real))
        return self.learn("discriminator", self._discriminator_loss, real, z, *given, *asked)

    def generator_phase(self, real: Tensor, labels: Tensor | None = None) -> Figures:
        """Make as many fakes that the discriminator calls real, or more real than these, where the loss compares."""
        z, *asked = self._latents(len(real))
        if isinstance(self.loss, AdversarialLoss):
            return self._against_discriminator(self._generator_loss, z, *asked)
        given = seen_labels(labels, self.generator.num_classes)
        return self._against_discriminator(self._ahead_loss, z, real, *asked, *given)

    def _both_phases(self, real: Tensor, given: tuple[Tensor, ...]) -> Figures:
        """Both phases on the same fakes, made once and looked at once: detached for the discriminator."""
        z, *asked = self._latents(len(real))
        seen_fake = self._look(self._fakes(z, *asked))
        with torch.no_grad():
            seen_real = self._look(real)
        held = tuple(x.detach() for x in seen_fake)
        told = self.learn("discriminator", partial(self._told_apart, seen_real, held), *given, *asked)
        on_real = None if isinstance(self.loss, AdversarialLoss) else self._judge(seen_real, *given).detach()
        taken = partial(self._taken_for_real, seen_fake, on_real=on_real)
        return {**told, **self._against_discriminator(taken, *asked)}

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

    def _look(self, x: Tensor) -> Seen:
        """What the discriminator judges by, of x augmented."""
        x = self.augment(x, self.settings.augment)
        with self.in_precision(self.settings.precision):
            return tuple(seen.float() for seen in self.discriminator.look(x))

    def _judge(self, seen: Seen, labels: Tensor | None = None) -> Tensor:
        """Logits (N, K) of K games."""
        with self.in_precision(self.settings.precision):
            return self.discriminator.judge(seen, labels).float()

    def _targets(self, real: Tensor) -> Tensor:
        """1 - noise for real, noise for fake: `real` is 1 or 0."""
        noise = self.draws.uniform(len(real)) * self.settings.label_noise
        return torch.lerp(noise, 1 - noise, real)

    # --- the discriminator's phase ---

    def _discriminator_loss(
        self, real: Tensor, z: Tensor, given: Tensor | None = None, asked: Tensor | None = None
    ) -> tuple[Tensor, Figures]:
        with torch.no_grad():
            fake = self._fakes(z, asked)
            seen = self._look(real), self._look(fake)
        return self._told_apart(*seen, given, asked)

    def _told_apart(
        self, real: Seen, fake: Seen, given: Tensor | None = None, asked: Tensor | None = None
    ) -> tuple[Tensor, Figures]:
        """`given` are the labels (N,) of the real examples, `asked` those that the fakes were made for."""
        due = self.steps % self.settings.penalty_every == 0
        if due and (self.settings.r1 or self.settings.r2):
            real, fake = (tuple(x.detach().requires_grad_() for x in seen) for seen in (real, fake))
        on_real, on_fake = self._judge_both(real, fake, given, asked)
        loss, figures = self._discriminators_games(on_real, on_fake)
        if due:
            for name, (weight, value) in self._penalties((on_real, real), (on_fake, fake), given, asked).items():
                loss, figures[name] = loss + weight * value, value.detach()
        return loss, figures

    def _judge_both(self, real: Seen, fake: Seen, given: Tensor | None, asked: Tensor | None) -> tuple[Tensor, Tensor]:
        if not self.settings.mix_batches:
            return self._judge(real, given), self._judge(fake, asked)
        labels = None if given is None or asked is None else torch.cat([given, asked])
        both = tuple(torch.cat(pair) for pair in zip(real, fake, strict=True))
        on_real, on_fake = self._judge(both, labels).split(len(real[0]))
        return on_real, on_fake

    def _discriminators_games(self, on_real: Tensor, on_fake: Tensor) -> tuple[Tensor, Figures]:
        """The loss, a sum over the games; the metrics are means over them."""
        games = list(zip(on_real.unbind(1), on_fake.unbind(1), strict=True))
        if isinstance(self.loss, AdversarialLoss):
            n, device = len(on_real), on_real.device
            targets = torch.cat([self._targets(torch.full((n,), kind, device=device)) for kind in (1.0, 0.0)])
            losses = [self.loss.discriminator(torch.cat(game), targets) for game in games]
            right = on_real.detach() > 0, on_fake.detach() < 0
        else:
            losses = [self.loss.discriminator(*game) for game in games]
            right = (on_real.detach() > on_fake.detach(),) * 2
        real_accuracy, fake_accuracy = (r.float().mean() for r in right)
        loss = torch.stack(losses).sum()
        return loss, {
            "discriminator_loss": loss.detach() / len(games),
            "real_accuracy": real_accuracy,
            "fake_accuracy": fake_accuracy,
        }

    def _penalties(
        self, real: tuple[Tensor, Seen], fake: tuple[Tensor, Seen], given: Tensor | None, asked: Tensor | None
    ) -> dict[str, tuple[float, Tensor]]:
        """Name -> weight and value. They are means over the batch that the loss is a mean of."""
        settings = self.settings
        share = 0.5 if isinstance(self.loss, AdversarialLoss) else 1.0  # of its batch half is real, half fake
        scale = share * settings.penalty_every * settings.penalty_end**self.progress
        found = {}
        if settings.r1:
            found["r1"] = scale * settings.r1 / 2, zero_centred(*real)
        if settings.r2:
            found["r2"] = scale * settings.r2 / 2, zero_centred(*fake)
        if settings.gradient_penalty:
            weights = self.draws.uniform(len(real[0]))
            value = one_centred(lambda seen: self._judge(seen, given), real[1], fake[1], weights)
            found["gradient_penalty"] = scale * settings.gradient_penalty, value
        return found

    # --- the generator's phase ---

    def _generator_loss(self, z: Tensor, asked: Tensor | None = None) -> tuple[Tensor, Figures]:
        return self._taken_for_real(self._look(self._fakes(z, asked)), asked)

    def _ahead_loss(
        self, z: Tensor, real: Tensor, asked: Tensor | None = None, given: Tensor | None = None
    ) -> tuple[Tensor, Figures]:
        seen = self._look(self._fakes(z, asked))
        with torch.no_grad():
            on_real = self._judge(self._look(real), given)
        return self._taken_for_real(seen, asked, on_real=on_real)

    def _taken_for_real(
        self, fake: Seen, asked: Tensor | None = None, *, on_real: Tensor | None = None
    ) -> tuple[Tensor, Figures]:
        """`on_real` are the logits (N, K) of real examples, where the loss compares."""
        games = self._judge(fake, asked).unbind(1)
        beside = [torch.ones_like(game) for game in games] if on_real is None else on_real.unbind(1)
        if isinstance(self.loss, AdversarialLoss):
            losses = [self.loss.generator(game, targets) for game, targets in zip(games, beside, strict=True)]
        else:
            losses = [self.loss.generator(real, game) for game, real in zip(games, beside, strict=True)]
        loss = torch.stack(losses).sum()
        return loss, {"generator_loss": loss.detach() / len(games)}
