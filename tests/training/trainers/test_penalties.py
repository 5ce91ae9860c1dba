"""zoo.training.trainers.penalties and what the adversarial trainer makes of them, against closed forms and autograd."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from zoo.training.trainers.adversarial import AdversarialTrainer
from zoo.training.trainers.penalties import one_centred, zero_centred

Make = Callable[..., AdversarialTrainer]

W = torch.tensor([[3.0, -4.0], [0.0, 2.0]])  # two games: slopes of norm 5 and 2


def linear(seen: tuple[Tensor, ...]) -> Tensor:
    """D(x) = w . x + 1, a game for each of the two maps."""
    return torch.stack([x @ w + 1 for x, w in zip(seen, W, strict=True)], 1)


def maps(n: int = 6, seed: int = 0) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(n, 2, generator=generator).requires_grad_() for _ in range(2))


def test_a_linear_discriminator_has_the_slope_of_its_weights() -> None:
    """R1 of D(x) = w . x is |w|^2 wherever x is, summed over the games: 25 + 4."""
    seen = maps()
    assert zero_centred(linear(seen), seen).item() == pytest.approx(29)


def test_a_quadratic_discriminator_has_the_slope_at_its_examples() -> None:
    """R1 of D(x) = |x|^2 / 2 is E[|x|^2], and its gradient in a factor a of D is 2 a E[|x|^2]."""
    x, factor = maps()[0], torch.tensor(3.0, requires_grad=True)
    found = zero_centred((factor * x.square().sum(1) / 2)[:, None], (x,))
    mean = float(x.detach().square().sum(1).mean())
    assert found.item() == pytest.approx(9 * mean)
    assert torch.autograd.grad(found, factor)[0].item() == pytest.approx(6 * mean)


def test_the_one_centred_penalty_measures_the_distance_of_the_slope_from_one() -> None:
    """For the linear discriminator it is (5 - 1)^2 + (2 - 1)^2, and nothing for one of slope 1."""
    real, fake, weights = maps(seed=1), maps(seed=2), torch.rand(6)
    assert one_centred(linear, real, fake, weights).item() == pytest.approx(17)
    assert one_centred(lambda seen: seen[0][:, :1], real[:1], fake[:1], weights).item() == pytest.approx(0, abs=1e-9)


def test_the_one_centred_penalty_looks_between_the_pairs() -> None:
    """It judges w real + (1 - w) fake, row by row with that row's w."""
    judged: list[Tensor] = []

    def judge(seen: tuple[Tensor, ...]) -> Tensor:
        judged.append(seen[0].detach())
        return seen[0].sum(1, keepdim=True)

    one_centred(judge, (torch.full((3, 2), 8.0),), (torch.zeros(3, 2),), torch.tensor([0.0, 0.25, 1.0]))
    assert judged[0].tolist() == [[0, 0], [2, 2], [8, 8]]


def test_a_flat_discriminator_has_finite_penalties() -> None:
    """A discriminator that is constant has slope 0: no NaN reaches its weights."""
    factor = torch.zeros((), requires_grad=True)
    found = one_centred(lambda seen: factor * seen[0].sum(1, keepdim=True), maps()[:1], maps()[:1], torch.rand(6))
    assert found.item() == pytest.approx(1, abs=1e-5)
    assert torch.isfinite(torch.autograd.grad(found, factor)[0])


# --- in the trainer ------------------------------------------------------------------------------------------------


def real(n: int = 4) -> Tensor:
    return torch.rand(n, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


def slopes(discriminator: nn.Module, x: Tensor) -> Tensor:
    """E[|grad D|^2] by hand, ready to be differentiated again."""
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def assert_gradients(module: nn.Module, expected: Iterable[Tensor]) -> None:
    for mine, wanted in zip(module.parameters(), expected, strict=True):
        torch.testing.assert_close(mine.grad, wanted, rtol=1e-3, atol=1e-6)


PLAIN: dict[str, Any] = {"config": {"discriminator_norm": "none"}, "mix_batches": False, "flips": False}


@pytest.mark.parametrize("shared", [True, False])
def test_the_relativistic_game_with_r1_and_r2_is_autograds(shared: bool, make_trainer: Make) -> None:
    """The discriminator minimises softplus(D(fake) - D(real)) + gamma / 2 (R1 + R2), the generator the other way round:
    each gets the gradient of the hand-written loss, and the penalty none of the generator's.
    """
    trainer = make_trainer(loss="relativistic", r1=3.0, r2=2.0, fresh_fakes=not shared, **PLAIN)
    generator, discriminator = copy.deepcopy(trainer.generator), copy.deepcopy(trainer.discriminator)
    z = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    fake, x = generator(z), real()
    found: dict[str, list[Tensor]] = {}
    for name, optimizer in trainer.optimizers.items():
        part = trainer.parts[name]
        optimizer.register_step_pre_hook(
            lambda *_, part=part, name=name: found.update({name: [p.grad.clone() for p in part.parameters()]})
        )
    metrics = trainer.step(x, None)
    penalty = 1.5 * slopes(discriminator, x) + 1.0 * slopes(discriminator, fake)
    on_real, on_fake = discriminator(x), discriminator(fake.detach())
    loss = softplus(on_fake - on_real).mean()
    assert float(metrics["discriminator_loss"]) == pytest.approx(loss.item(), rel=1e-4)
    assert float(metrics["r1"]) == pytest.approx(slopes(discriminator, x).item(), rel=1e-3)
    assert float(metrics["r2"]) == pytest.approx(slopes(discriminator, fake).item(), rel=1e-3)
    wanted = torch.autograd.grad(loss + penalty, list(discriminator.parameters()))
    for mine, expected in zip(found["discriminator"], wanted, strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-3, atol=1e-6)
    if shared:
        updated = trainer.discriminator
        loss = softplus(updated(x).detach() - updated(fake)).mean()
        wanted = torch.autograd.grad(loss, list(generator.parameters()))
        for mine, expected in zip(found["generator"], wanted, strict=True):
            torch.testing.assert_close(mine, expected, rtol=1e-3, atol=1e-6)


def test_penalties_weigh_what_the_papers_write(make_trainer: Make) -> None:
    """The papers add gamma / 2 R1 to a sum over real and fake; the loss here is half that sum, the penalty too."""
    trainer = make_trainer(r1=4.0, **PLAIN)
    discriminator = copy.deepcopy(trainer.discriminator)
    fake = copy.deepcopy(trainer.generator)(torch.randn(4, 4, generator=torch.Generator().manual_seed(0))).detach()
    trainer.discriminator_phase(real())
    paper = softplus(-discriminator(real())).mean() + softplus(discriminator(fake)).mean()
    wanted = torch.autograd.grad((paper + 2.0 * slopes(discriminator, real())) / 2, list(discriminator.parameters()))
    assert_gradients(trainer.discriminator, wanted)


def test_wasserstein_with_the_penalty_is_the_papers(make_trainer: Make) -> None:
    """WGAN-GP: half of E[D(fake)] - E[D(real)] + lambda E[(|grad D| - 1)^2] between them."""
    trainer = make_trainer(loss="wasserstein", gradient_penalty=10.0, **PLAIN)
    discriminator, random = copy.deepcopy(trainer.discriminator), torch.Generator().manual_seed(0)
    fake = copy.deepcopy(trainer.generator)(torch.randn(4, 4, generator=random)).detach()
    torch.rand(8, generator=random)  # the noise of the targets, which is off
    share = torch.rand(4, generator=random).view(4, 1, 1, 1)
    metrics = trainer.discriminator_phase(real())
    between = (share * real() + (1 - share) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)
    penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    critic = discriminator(fake).mean() - discriminator(real()).mean()
    assert float(metrics["discriminator_loss"]) == pytest.approx(critic.item() / 2, rel=1e-4)
    assert float(metrics["gradient_penalty"]) == pytest.approx(penalty.item(), rel=1e-4)
    wanted = torch.autograd.grad((critic + 10 * penalty) / 2, list(discriminator.parameters()))
    assert_gradients(trainer.discriminator, wanted)


def test_a_lazy_penalty_weighs_as_much_in_the_mean(make_trainer: Make) -> None:
    """With `penalty_every = 3` it comes in every third step, and there weighs three times as much."""

    def gradient(step: int, **settings: Any) -> list[Tensor]:
        trainer = make_trainer(**PLAIN, **settings)
        trainer.set_rates(step=step, progress=0.0)
        trainer.discriminator_phase(real())
        return [p.grad.clone() for p in trainer.discriminator.parameters() if p.grad is not None]

    none, full = gradient(0), gradient(0, r1=5.0)
    due, between = gradient(3, r1=5.0, penalty_every=3), gradient(4, r1=5.0, penalty_every=3)
    for nothing, once, thrice, idle in zip(none, full, due, between, strict=True):
        torch.testing.assert_close(thrice - nothing, 3 * (once - nothing), rtol=1e-3, atol=1e-6)
        assert torch.equal(idle, nothing)
    assert any(not torch.equal(a, b) for a, b in zip(none, full, strict=True))


def test_the_weight_moves_to_its_end(make_trainer: Make) -> None:
    """With `penalty_end = 0.01` it weighs a tenth in the middle of the run and a hundredth at its end."""
    trainer = make_trainer(r1=2.0, penalty_end=0.01, **PLAIN)
    found = []
    for progress in (0.0, 0.5, 1.0):
        trainer.set_rates(step=0, progress=progress)
        seen = (real().requires_grad_(),)
        logits = trainer.discriminator(seen[0])[:, None]
        found.append(trainer._penalties((logits, seen), (logits, seen), None, None)["r1"][0])
    assert found == pytest.approx([0.5, 0.05, 0.005])


def test_the_generator_can_learn_less_often(make_trainer: Make) -> None:
    """With `generator_every = 2` every second step moves the discriminator alone, and reports nothing of the other."""
    trainer = make_trainer(generator_every=2, **PLAIN)
    named = []
    for step in range(4):
        before = [p.detach().clone() for p in trainer.generator.parameters()]
        trainer.set_rates(step=step, progress=0.0)
        figures = trainer.step(real(), None)
        moved = any(not torch.equal(a, b) for a, b in zip(before, trainer.generator.parameters(), strict=True))
        named.append(("generator_loss" in figures, moved))
    assert named == [(True, True), (False, False)] * 2
