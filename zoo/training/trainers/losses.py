"""Adversarial losses on logits: plain functions (logits (N,), targets (N,)) -> scalar, mean over the batch.

A target is 1 for real and 0 for fake, moved off these by label noise where the recipe asks for it. The discriminator's
batch holds real and fake examples alike, so its mean is half the sum that the papers write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, relu, softplus

__all__ = ["ADVERSARIAL_LOSSES", "AdversarialLoss", "PairedLoss", "relativistic"]


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """-t log D - (1 - t) log(1 - D) with D = sigmoid(logits) (Goodfellow et al. 2014, equation 1)."""
    return binary_cross_entropy_with_logits(logits, targets)


def hinge(logits: Tensor, targets: Tensor) -> Tensor:
    """max(0, 1 - y logits) with y = 2 t - 1 (Miyato et al. 2018, equation 16)."""
    return relu(1 - (2 * targets - 1) * logits).mean()


def negated_mean(logits: Tensor, targets: Tensor) -> Tensor:
    """-y logits: the generator's side of the hinge loss (Miyato et al. 2018, equation 17), and both sides of the
    Wasserstein critic's (Arjovsky et al. 2017, equations 2 and 3).
    """
    return -((2 * targets - 1) * logits).mean()


def saturating(logits: Tensor, targets: Tensor) -> Tensor:
    """log(1 - D): the generator's side of the minimax game, whose gradient fades when D wins."""
    return -binary_cross_entropy_with_logits(logits, 1 - targets)


def least_squares(logits: Tensor, targets: Tensor) -> Tensor:
    """(logits - t)^2 (Mao et al. 2017, equation 9)."""
    return (logits - targets).square().mean()


def half_squares(logits: Tensor, targets: Tensor) -> Tensor:
    """(logits - t)^2 / 2: the generator's side of equation 9."""
    return least_squares(logits, targets) / 2


def relativistic(ahead: Tensor, behind: Tensor) -> Tensor:
    """log(1 + exp(behind - ahead)), a mean over pairs: one player wants the logits (N,) of one kind ahead of the
    other's (Jolicoeur-Martineau 2019, arXiv:1807.00734, section 4.1; Huang et al. 2024, arXiv:2501.05441, equation 2).
    """
    return softplus(behind - ahead).mean()


@dataclass(frozen=True, kw_only=True)
class AdversarialLoss:
    """What each player minimises: functions of logits and targets."""

    discriminator: Callable[[Tensor, Tensor], Tensor]  # (logits, targets), of real and fake examples
    generator: Callable[[Tensor, Tensor], Tensor]  # (logits, targets) of fakes, whose targets are real


@dataclass(frozen=True, kw_only=True)
class PairedLoss:
    """What each player minimises where the discriminator compares: a function of the logits (N,) of real examples and
    of those of as many fakes. It has no targets, and the generator's phase sees real examples too.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]  # (logits of real ones, logits of fakes)
    generator: Callable[[Tensor, Tensor], Tensor]  # (logits of real ones, logits of fakes)


ADVERSARIAL_LOSSES: dict[str, AdversarialLoss | PairedLoss] = {
    "non_saturating": AdversarialLoss(discriminator=cross_entropy, generator=cross_entropy),
    "minimax": AdversarialLoss(discriminator=cross_entropy, generator=saturating),
    "hinge": AdversarialLoss(discriminator=hinge, generator=negated_mean),
    "wasserstein": AdversarialLoss(discriminator=negated_mean, generator=negated_mean),
    "least_squares": AdversarialLoss(discriminator=least_squares, generator=half_squares),
    "relativistic": PairedLoss(
        discriminator=relativistic, generator=lambda on_real, on_fake: relativistic(on_fake, on_real)
    ),
}
