"""zoo.training.trainers.losses: what each player minimises, against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from zoo.training.trainers.losses import ADVERSARIAL_LOSSES, cross_entropy, hinge, negated_mean, saturating

LOGITS = torch.tensor([-3.0, -0.5, 0.0, 0.7, 2.0], dtype=torch.float64)
TARGETS = torch.tensor([0.0, 1.0, 0.3, 0.95, 1.0], dtype=torch.float64)
SIDES = torch.tensor([0.0, 1.0, 0.0, 0.0, 1.0], dtype=torch.float64)


def gradient(loss: Tensor, logits: Tensor) -> Tensor:
    return torch.autograd.grad(loss, logits)[0]


def test_cross_entropy_is_its_formula() -> None:
    """The cross entropy is the mean of -t log D - (1 - t) log(1 - D), and its gradient (D - t) / N."""
    logits = LOGITS.clone().requires_grad_()
    loss = cross_entropy(logits, TARGETS)
    terms = []
    for logit, t in zip(LOGITS.tolist(), TARGETS.tolist(), strict=True):
        d = 1 / (1 + math.exp(-logit))
        terms.append(-t * math.log(d) - (1 - t) * math.log(1 - d))
    torch.testing.assert_close(loss.item(), sum(terms) / 5)
    torch.testing.assert_close(gradient(loss, logits), (torch.sigmoid(LOGITS) - TARGETS) / 5)


def test_hinge_is_its_formula() -> None:
    """The hinge loss is the mean of max(0, 1 - y logits); beyond the margin the gradient is zero, before it -y / N."""
    logits = LOGITS.clone().requires_grad_()
    loss = hinge(logits, SIDES)
    # y = -1, 1, -1, -1, 1 on -3, -0.5, 0, 0.7, 2: the first and the last are beyond the margin
    torch.testing.assert_close(loss.item(), (0 + 1.5 + 1 + 1.7 + 0) / 5)
    torch.testing.assert_close(gradient(loss, logits) * 5, torch.tensor([0.0, -1, 1, 1, 0], dtype=torch.float64))


def test_the_generators_hinge_is_the_negated_mean() -> None:
    """With every target real it is -mean(logits), whose gradient is -1 / N everywhere."""
    logits = LOGITS.clone().requires_grad_()
    loss = negated_mean(logits, torch.ones_like(logits))
    torch.testing.assert_close(loss.item(), -sum(LOGITS.tolist()) / 5)
    torch.testing.assert_close(gradient(loss, logits), torch.full_like(logits, -0.2))


def test_the_minimax_loss_is_log_one_minus_d() -> None:
    """With every target real it is the mean of log(1 - D), whose gradient is -D / N."""
    logits = LOGITS.clone().requires_grad_()
    loss = saturating(logits, torch.ones_like(logits))
    torch.testing.assert_close(loss.item(), sum(-math.log1p(math.exp(v)) for v in LOGITS.tolist()) / 5)
    torch.testing.assert_close(gradient(loss, logits), -torch.sigmoid(LOGITS) / 5)


def test_only_the_minimax_gradient_fades_when_the_discriminator_wins() -> None:
    """On fakes called fake with confidence the non-saturating gradient is near -1, the minimax one near 0."""
    found = {}
    for name, loss in ADVERSARIAL_LOSSES.items():
        logits = torch.full((1,), -12.0, requires_grad=True)
        found[name] = float(gradient(loss.generator(logits, torch.ones(1)), logits))
    assert found["non_saturating"] == pytest.approx(-1, abs=1e-5)
    assert found["hinge"] == -1
    assert -1e-5 < found["minimax"] < 0


@pytest.mark.parametrize("player", ["discriminator", "generator"])
@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
def test_every_loss_is_a_finite_mean(name: str, player: str) -> None:
    """A loss is a scalar mean over the batch: repeating the batch changes nothing, and logits of 1e4 stay finite."""
    loss = getattr(ADVERSARIAL_LOSSES[name], player)
    value = loss(LOGITS, SIDES)
    assert value.shape == ()
    torch.testing.assert_close(loss(LOGITS.repeat(3), SIDES.repeat(3)), value)
    far = torch.tensor([-1e4, 1e4], requires_grad=True)
    result = loss(far, torch.tensor([1.0, 0.0]))
    assert torch.isfinite(result)
    assert torch.isfinite(gradient(result, far)).all()


@pytest.mark.parametrize("player", ["discriminator", "generator"])
@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
def test_every_gradient_is_the_slope(name: str, player: str) -> None:
    """Autograd's gradient is the finite difference of the loss."""
    loss = getattr(ADVERSARIAL_LOSSES[name], player)
    assert torch.autograd.gradcheck(lambda logits: loss(logits, SIDES), LOGITS.clone().requires_grad_())
