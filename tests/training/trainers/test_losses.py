"""zoo.training.trainers.losses: what each player minimises, against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from zoo.training.trainers.losses import (
    ADVERSARIAL_LOSSES,
    AdversarialLoss,
    cross_entropy,
    half_squares,
    hinge,
    least_squares,
    negated_mean,
    relativistic,
    saturating,
)

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


def test_least_squares_is_its_formula() -> None:
    """The discriminator's side is the mean of (logits - t)^2, the generator's half of it with every target real."""
    squares = [9.0, 2.25, 0.09, 0.0625, 1.0]  # (-3 - 0)^2, (-0.5 - 1)^2, (0 - 0.3)^2, (0.7 - 0.95)^2, (2 - 1)^2
    assert least_squares(LOGITS, TARGETS).item() == pytest.approx(sum(squares) / 5)
    logits = LOGITS.clone().requires_grad_()
    loss = half_squares(logits, torch.ones_like(logits))
    assert loss.item() == pytest.approx((16 + 2.25 + 1 + 0.09 + 1) / 10)
    torch.testing.assert_close(gradient(loss, logits), (LOGITS - 1) / 5)


def test_the_critics_loss_is_the_difference_of_the_means() -> None:
    """With as many real as fake it is half of E[D(fake)] - E[D(real)], unbounded on both sides."""
    loss = ADVERSARIAL_LOSSES["wasserstein"]
    assert isinstance(loss, AdversarialLoss)
    logits, targets = torch.tensor([3.0, 5.0, -1.0, -7.0]), torch.tensor([1.0, 1.0, 0.0, 0.0])
    assert loss.discriminator(logits, targets).item() == (-4.0 - 4.0) / 2
    assert loss.generator(logits[2:], torch.ones(2)).item() == 4.0


def test_the_relativistic_loss_is_its_formula() -> None:
    """It is the mean over pairs of log(1 + exp(fake - real)) for the discriminator, and the other way round for the
    generator; only the difference counts.
    """
    loss, on_real, on_fake = ADVERSARIAL_LOSSES["relativistic"], LOGITS, LOGITS.flip(0) + 0.5
    differences = [5.5, 1.7, 0.5, -0.7, -4.5]  # fake less real
    assert loss.discriminator(on_real, on_fake).item() == pytest.approx(
        sum(math.log1p(math.exp(d)) for d in differences) / 5
    )
    assert loss.generator(on_real, on_fake).item() == pytest.approx(
        sum(math.log1p(math.exp(-d)) for d in differences) / 5
    )
    torch.testing.assert_close(loss.generator(on_real + 3, on_fake + 3), loss.generator(on_real, on_fake))
    ahead = on_real.clone().requires_grad_()
    found = gradient(relativistic(ahead, on_fake), ahead)
    torch.testing.assert_close(found, -torch.sigmoid(on_fake - on_real) / 5)


def test_only_the_minimax_gradient_fades_when_the_discriminator_wins() -> None:
    """On fakes called fake with confidence the non-saturating gradient is near -1, the minimax one near 0."""
    found = {}
    for name, loss in ADVERSARIAL_LOSSES.items():
        logits = torch.full((1,), -12.0, requires_grad=True)
        against = (logits, torch.ones(1)) if isinstance(loss, AdversarialLoss) else (torch.ones(1), logits)
        found[name] = float(gradient(loss.generator(*against), logits))
    assert found.pop("non_saturating") == pytest.approx(-1, abs=1e-5)
    assert -1e-5 < found.pop("minimax") < 0
    assert found == {"hinge": -1, "wasserstein": -1, "least_squares": -13, "relativistic": pytest.approx(-1, abs=1e-5)}


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
