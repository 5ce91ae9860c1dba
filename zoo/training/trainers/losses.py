"""Adversarial losses on logits: plain functions (logits (N,), targets (N,)) -> scalar, mean over the batch.

A target is 1 for real and 0 for fake, moved off these by label noise where the recipe asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, relu

__all__ = ["ADVERSARIAL_LOSSES", "AdversarialLoss"]


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """-t log D - (1 - t) log(1 - D) with D = sigmoid(logits) (Goodfellow et al. 2014, equation 1)."""
    return binary_cross_entropy_with_logits(logits, targets)


def hinge(logits: Tensor, targets: Tensor) -> Tensor:
    """max(0, 1 - y logits) with y = 2 t - 1 (Miyato et al. 2018, equation 16)."""
    return relu(1 - (2 * targets - 1) * logits).mean()


def negated_mean(logits: Tensor, targets: Tensor) -> Tensor:
    """-logits: the generator's side of the hinge loss (Miyato et al. 2018, equation 17)."""
    return -((2 * targets - 1) * logits).mean()


def saturating(logits: Tensor, targets: Tensor) -> Tensor:
    """log(1 - D): the generator's side of the minimax game, whose gradient fades when D wins."""
    return -binary_cross_entropy_with_logits(logits, 1 - targets)


@dataclass(frozen=True, kw_only=True)
class AdversarialLoss:
    """What each player minimises."""

    discriminator: Callable[[Tensor, Tensor], Tensor]  # (logits, targets), of real and fake examples
    generator: Callable[[Tensor, Tensor], Tensor]  # (logits, targets) of fakes, whose targets are real


ADVERSARIAL_LOSSES = {
    "non_saturating": AdversarialLoss(discriminator=cross_entropy, generator=cross_entropy),
    "minimax": AdversarialLoss(discriminator=cross_entropy, generator=saturating),
    "hinge": AdversarialLoss(discriminator=hinge, generator=negated_mean),
}
