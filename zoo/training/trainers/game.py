"""What every trainer with a discriminator shares: the losses of both players, the penalties, and what is looked at."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from msgspec import Meta
from torch import Tensor

from zoo.errors import ConfigError
from zoo.nn.interfaces import Discriminator
from zoo.training.trainer import Figures, Precision, Trainer
from zoo.training.trainers.losses import ADVERSARIAL_LOSSES, AdversarialLoss, relativistic
from zoo.training.trainers.penalties import Seen, one_centred, zero_centred

__all__ = ["Bound", "Count", "GameSettings", "Playing", "Rate", "Share"]

Rate = Annotated[float, Meta(gt=0, le=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Bound = Annotated[float, Meta(ge=0, le=1e6)]
Count = Annotated[int, Meta(ge=1, le=1000)]

STEERED = 4  # steps from one change of the share of augmented examples to the next

WITHOUT_TARGETS = {
    "hinge": "the hinge loss has only two sides",
    "wasserstein": "the critic's loss has only two sides",
    "relativistic": "the relativistic loss compares and has none",
}


@dataclass(frozen=True, kw_only=True)
class GameSettings:
    """How a discriminator and those who play against it learn from each other."""

    loss: Literal["non_saturating", "minimax", "hinge", "wasserstein", "least_squares", "relativistic"] = (
        "non_saturating"
    )
    label_noise: Annotated[float, Meta(ge=0, le=0.5)] = 0.0  # targets move off 0 and 1 by U(0, label_noise)
    r1: Bound = 0.0  # gamma of the penalty on the slope at real examples (Mescheder et al. 2018); 0: none
    r2: Bound = 0.0  # the same at fakes
    gradient_penalty: Bound = 0.0  # lambda of the penalty on slopes other than 1 in between (WGAN-GP: 10); 0: none
    penalty_every: Count = 1  # steps from one penalty to the next, which weighs as many times as much
    penalty_end: Annotated[float, Meta(gt=0, le=1e6)] = 1.0  # weight at the run's end over that at its start
    mismatch: Bound = 0.0  # weight of the right label's game against a wrong one; 0: none
    mix_batches: bool = True  # real and fake in one forward of the discriminator, or each alone
    freeze_discriminator: bool = True  # no gradients for it in the others' phase
    flips: bool = True  # mirror the real examples at random, where their kind has a mirror image
    augment: Annotated[tuple[str, ...], Meta(max_length=8)] = ()  # of the modality's augmentations, in this order
    augment_target: Share = 0.0  # r_t at which each is given to a share of the examples only; 0: to all of them
    augment_reach: Annotated[int, Meta(ge=1, le=10**12)] = 500_000  # examples in which that share can go from 0 to 1
    precision: Precision = "float32"  # of the networks' products; sums, losses and weights stay float32

    def __post_init__(self) -> None:
        if self.label_noise and self.loss in WITHOUT_TARGETS:
            raise ValueError(f"label_noise needs targets between 0 and 1; {WITHOUT_TARGETS[self.loss]}")


class Playing(Trainer, ABC):
    """A trainer with a discriminator among its players; `take_sides` in its constructor sets what is shared."""

    settings: GameSettings
    discriminator: Discriminator

    def take_sides(self, discriminator: Discriminator, settings: GameSettings) -> None:
        """Keep the discriminator, and the loss that the settings name. Raises ConfigError for wrong labels of none."""
        if settings.mismatch and (discriminator.num_classes or 0) < 2:
            raise ConfigError("mismatch needs networks that see labels: set config.num_classes, or mismatch = 0")
        self.discriminator, self.settings = discriminator, settings
        self.loss = ADVERSARIAL_LOSSES[settings.loss]
        self.apart = not settings.mix_batches
        self.trained_against, self.calibration = discriminator.trained_against, discriminator.calibration
        if settings.augment_target:
            self.buffers = {"augment_share": torch.zeros(()), "signs": torch.zeros(())}

    def against_discriminator(
        self, player: str, loss: Callable[..., tuple[Tensor, Figures]], *batch: Tensor
    ) -> Figures:
        """One step of a player whose loss goes through the discriminator, which gets no gradients meanwhile."""
        self.discriminator.requires_grad_(not self.settings.freeze_discriminator)
        try:
            return self.learn(player, loss, *batch)
        finally:
            self.discriminator.requires_grad_(True)

    def look(self, x: Tensor, *, augmented: bool = False) -> Seen:
        """What the discriminator judges by, of x, which is augmented first unless it is already."""
        x = x if augmented else self.augmented(x)
        with self.in_precision(self.settings.precision):
            return tuple(seen.float() for seen in self.discriminator.look(x))

    def augmented(self, x: Tensor) -> Tensor:
        """x, augmented as the settings say: all of it, or the share that is steered."""
        share = self.buffers.get("augment_share")
        return self.augment(x, self.settings.augment, share)

    def steer(self, told: Figures, n: int) -> Figures:
        """Move the share of augmented examples towards r_t = `augment_target`, from a step's figures on n examples.

        r_t = E[sign D(real)], or of D(real) - D(fake) where the loss compares, over `STEERED` steps: above the target
        the share rises, below it falls (Karras et al. 2020, arXiv:2006.06676, section 3.1).
        """
        if not self.buffers:
            return told
        share, signs = self.buffers["augment_share"], self.buffers["signs"]
        signs += 2 * told["real_accuracy"] - 1
        if self._steers():
            r_t = signs.double() / STEERED
            if self.processes.count > 1:
                r_t.fill_(self.processes.mean({"r_t": float(r_t)})["r_t"])
            step = STEERED * n * self.processes.count / self.settings.augment_reach
            up = (r_t > self.settings.augment_target).float() * 2 - 1  # no number leaves the device for it
            share.add_(up, alpha=step).clamp_(0, 1)
            signs.zero_()
        return told | {"augment_share": share.clone()}

    def _steers(self) -> bool:
        """Whether the share of augmented examples moves after the coming step."""
        return bool(self.buffers) and (self.steps + 1) % STEERED == 0

    def _penalised(self) -> bool:
        """Whether the coming step has the penalties."""
        return self.steps % self.settings.penalty_every == 0

    def variant(self) -> Hashable:
        """Whether a step has the penalties, and whether it moves the share of augmented examples."""
        return self._penalised(), self._steers()

    def scheduled(self, n: int) -> dict[str, float]:
        """The weights of the penalties, which are means over the batch that the loss is a mean of."""
        settings = self.settings
        share = 0.5 if isinstance(self.loss, AdversarialLoss) else 1.0  # of its batch half is real, half fake
        scale = share * settings.penalty_every * settings.penalty_end**self.progress
        return {
            "r1": scale * settings.r1 / 2,
            "r2": scale * settings.r2 / 2,
            "gradient_penalty": scale * settings.gradient_penalty,
        }

    def judge(self, seen: Seen, labels: Tensor | None = None) -> Tensor:
        """Logits (N, K) of K games."""
        with self.in_precision(self.settings.precision):
            return self.discriminator.judge(seen, labels).float()

    def _targets(self, real: Tensor) -> Tensor:
        """1 - noise for real, noise for fake: `real` is 1 or 0."""
        noise = self.draws.uniform(len(real)) * self.settings.label_noise
        return torch.lerp(noise, 1 - noise, real)

    def told_apart(
        self, real: Seen, fake: Seen, given: Tensor | None = None, asked: Tensor | None = None
    ) -> tuple[Tensor, Figures]:
        """The discriminator's loss on what it sees of real examples and of as many fakes.

        `given` are the labels (N,) of the real examples, `asked` those that the fakes were made for.
        """
        due = self._penalised()
        if due and (self.settings.r1 or self.settings.r2):
            real, fake = (tuple(x.detach().requires_grad_() for x in seen) for seen in (real, fake))
        on_real, on_fake = self._judge_both(real, fake, given, asked)
        loss, figures = self._discriminators_games(on_real, on_fake)
        if self.settings.mismatch and given is not None:
            figures["mismatch"], weighed = self._mismatch(on_real, real, given)
            loss = loss + weighed
        if due:
            for name, (weight, value) in self._penalties((on_real, real), (on_fake, fake), given, asked).items():
                loss, figures[name] = loss + weight * value, value.detach()
        return loss, figures

    def _judge_both(self, real: Seen, fake: Seen, given: Tensor | None, asked: Tensor | None) -> tuple[Tensor, Tensor]:
        if not self.settings.mix_batches:
            return self.judge(real, given), self.judge(fake, asked)
        labels = None if given is None or asked is None else torch.cat([given, asked])
        both = tuple(torch.cat(pair) for pair in zip(real, fake, strict=True))
        on_real, on_fake = self.judge(both, labels).split(len(real[0]))
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
    ) -> dict[str, tuple[float | Tensor, Tensor]]:
        """Name -> weight and value."""
        settings, weights = self.settings, self.now(len(real[0]))
        found = {}
        if settings.r1:
            found["r1"] = weights["r1"], zero_centred(*real)
        if settings.r2:
            found["r2"] = weights["r2"], zero_centred(*fake)
        if settings.gradient_penalty:
            places = self.draws.uniform(len(real[0]))
            value = one_centred(lambda seen: self.judge(seen, given), real[1], fake[1], places)
            found["gradient_penalty"] = weights["gradient_penalty"], value
        return found

    def taken_for_real(
        self, fake: Seen, asked: Tensor | None = None, *, on_real: Tensor | None = None
    ) -> tuple[Tensor, Figures]:
        """The loss of whoever made the fakes; `on_real` are the logits (N, K) of real examples, where it compares."""
        on_fake = self.judge(fake, asked)
        games = on_fake.unbind(1)
        beside = [torch.ones_like(game) for game in games] if on_real is None else on_real.unbind(1)
        if isinstance(self.loss, AdversarialLoss):
            losses = [self.loss.generator(game, targets) for game, targets in zip(games, beside, strict=True)]
        else:
            losses = [self.loss.generator(real, game) for game, real in zip(games, beside, strict=True)]
        loss = torch.stack(losses).sum()
        figures = {"generator_loss": loss.detach() / len(games)}
        if self.settings.mismatch and asked is not None:
            figures["generator_mismatch"], weighed = self._mismatch(on_fake, fake, asked)
            loss = loss + weighed
        return loss, figures

    def _mismatch(self, right: Tensor, seen: Seen, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of a game that wants the logits `right` (N, K), of examples with their labels (N,), ahead of those
        with wrong ones: the mean over the K games, detached, and the weighed sum.

        A discriminator that sees wrong labels as no better than fakes is matching-aware (Reed et al. 2016,
        arXiv:1605.05396, section 4.1), here in the relativistic form; what it knows of classes reaches the generator by
        the same comparison.
        """
        count = self.discriminator.num_classes or 1
        wrong = (labels + self.draws.integers(1, count, len(labels))) % count
        pairs = zip(right.unbind(1), self.judge(seen, wrong).unbind(1), strict=True)
        losses = torch.stack([relativistic(ahead, behind) for ahead, behind in pairs])
        return losses.detach().mean(), self.settings.mismatch * losses.sum()
