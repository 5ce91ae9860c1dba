"""Labels in the trainers: real examples keep theirs, fakes get drawn ones or these, and without classes none are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

from zoo.catalogue.contract.registry import Registry
from zoo.configs import decode
from zoo.errors import ConfigError
from zoo.nn.bounds import elbo, variational_terms
from zoo.nn.build import decode_config, initialise_parts
from zoo.training.machine.processes import ALONE
from zoo.training.trainers.adversarial import AdversarialTrainer
from zoo.training.trainers.vae import VAESettings, VAETrainer

Make = Callable[..., AdversarialTrainer]
CLASSES = {"num_classes": 3}
LABELS = torch.tensor([2, 0, 1, 1])
X = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture
def make_vae(registry: Registry) -> Callable[..., VAETrainer]:
    """A trainer of a tiny conditional VAE."""

    def make(**settings: Any) -> VAETrainer:
        spec = registry.architecture("mlp-vae")
        config = CLASSES | {"image_size": 8, "channels": 3, "latent_size": 2, "hidden": [8]}
        parts = initialise_parts(spec, decode_config(spec, config, "test"), seed=0)
        return VAETrainer(parts, decode(VAESettings, settings, "test"), torch.Generator().manual_seed(0))

    return make


@pytest.mark.parametrize("mixed", [True, False])
@pytest.mark.parametrize("fresh", [True, False])
def test_the_discriminator_sees_each_examples_own_label(mixed: bool, fresh: bool, make_trainer: Make) -> None:
    """Real examples come with their labels, fakes with those they were made for, in both phases."""
    trainer = make_trainer(config=CLASSES, mix_batches=mixed, fresh_fakes=fresh, flips=False)
    trainer.join(ALONE)
    made: list[Tensor] = []
    seen: list[Tensor] = []
    trainer.generator.register_forward_pre_hook(lambda _, given: made.append(given[1]))
    trainer.discriminator.register_forward_pre_hook(lambda _, given: seen.append(given[1]))
    trainer.discriminator_phase(X, LABELS)
    trainer.generator_phase(X)
    assert torch.cat(seen).tolist() == [*LABELS.tolist(), *made[0].tolist(), *made[1].tolist()]
    assert all(int(labels.min()) >= 0 and int(labels.max()) < 3 for labels in made)


def test_drawn_labels_follow_from_the_run_and_are_all_alike_likely(make_trainer: Make) -> None:
    """The same seed draws the same labels; each class comes as often as any other."""
    first, second = (make_trainer(config=CLASSES)._latents(3000) for _ in range(2))
    assert torch.equal(first[1], second[1])
    assert first[1].bincount(minlength=3).tolist() == pytest.approx([1000] * 3, abs=120)


@pytest.mark.parametrize("fresh", [True, False])
def test_a_loss_that_compares_compares_like_with_like(fresh: bool, make_trainer: Make) -> None:
    """The fakes of a relativistic game are made for the labels of the real examples that they are compared with."""
    trainer = make_trainer(config=CLASSES, loss="relativistic", mix_batches=False, fresh_fakes=fresh)
    trainer.join(ALONE)
    made: list[Tensor] = []
    trainer.generator.register_forward_pre_hook(lambda _, given: made.append(given[1]))
    trainer.step(X, LABELS)
    assert [labels.tolist() for labels in made] == [LABELS.tolist()] * (2 if fresh else 1)


@pytest.mark.parametrize("fresh", [True, False])
def test_right_labels_are_to_be_ahead_of_wrong_ones(fresh: bool, make_trainer: Make) -> None:
    """Discriminator and generator both minimise softplus(D(x, wrong) - D(x, right)) too, at real examples and at fakes:
    the gradients are the hand-written losses'.
    """
    config = CLASSES | {"discriminator_norm": "none"}
    trainer = make_trainer(config=config, loss="relativistic", mismatch=2.0, mix_batches=False, fresh_fakes=fresh)
    trainer.join(ALONE)
    seen: list[tuple[Tensor, Tensor]] = []
    trainer.discriminator.register_forward_pre_hook(lambda _, given: seen.append(given))
    real, (z, asked) = X, trainer._latents(4, (LABELS,))
    fake = trainer.generator.draft(z, asked)
    loss, figures = trainer.told_apart((real,), (fake.detach(),), LABELS, asked)
    right, wrong = seen[0][1], seen[-1][1]
    judge = trainer.discriminator
    behind = softplus(judge(real, wrong) - judge(real, right)).mean()
    wanted = softplus(judge(fake.detach(), asked) - judge(real, right)).mean() + 2 * behind
    assert figures["mismatch"] == pytest.approx(behind.item(), rel=1e-5)
    compare(list(judge.parameters()), loss, wanted)
    loss, figures = trainer.taken_for_real((fake,), asked, on_real=judge(real, right)[:, None].detach())
    wrong = seen[-1][1]
    behind = softplus(judge(fake, wrong) - judge(fake, asked)).mean()
    wanted = softplus(judge(real, right).detach() - judge(fake, asked)).mean() + 2 * behind
    assert figures["generator_mismatch"] == pytest.approx(behind.item(), rel=1e-5)
    compare(list(trainer.generator.parameters()), loss, wanted)


def compare(parameters: list[Tensor], loss: Tensor, wanted: Tensor) -> None:
    """The gradients of two losses are the same."""
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-5)
    pairs = zip(*(torch.autograd.grad(x, parameters, retain_graph=True) for x in (loss, wanted)), strict=True)
    assert all(torch.allclose(mine, theirs, atol=1e-6, rtol=1e-4) for mine, theirs in pairs)


def test_wrong_labels_are_wrong_and_all_alike_likely(make_trainer: Make) -> None:
    """Each of the other classes as often; never the right one."""
    trainer = make_trainer(config=CLASSES, mismatch=1.0)
    trainer.join(ALONE)
    seen: list[Tensor] = []
    trainer.discriminator.register_forward_pre_hook(lambda _, given: seen.append(given[1]))
    trainer._mismatch(torch.zeros(3000, 1), (X[:1].expand(3000, -1, -1, -1),), torch.ones(3000, dtype=torch.int64))
    assert seen[0].bincount(minlength=3).tolist() == pytest.approx([1500, 0, 1500], abs=120)
    assert seen[0].bincount(minlength=3)[1] == 0


def test_wrong_labels_need_classes(make_trainer: Make) -> None:
    """Where the networks see no labels the setting is refused, with what helps."""
    with pytest.raises(ConfigError, match="mismatch needs networks that see labels: set"):
        make_trainer(mismatch=1.0)


def test_without_classes_labels_change_nothing(make_trainer: Make) -> None:
    """A trainer of plain networks gives the same figures and draws the same numbers whether or not there are labels."""
    found = []
    for labels in (None, LABELS):
        trainer = make_trainer()
        trainer.join(ALONE)
        found.append((trainer.discriminator_phase(X, labels), trainer.random.get_state()))
    assert {name: float(value) for name, value in found[0][0].items()} == found[1][0]
    assert torch.equal(found[0][1], found[1][1])


def test_labels_that_are_missing_or_do_not_agree_are_refused(make_trainer: Make) -> None:
    """Networks that see labels need some, and both players as many classes."""
    trainer = make_trainer(config=CLASSES)
    trainer.join(ALONE)
    with pytest.raises(ConfigError, match="3 classes, and these data have none"):
        trainer.discriminator_phase(X)
    other = make_trainer()
    parts: dict[str, Any] = {"generator": trainer.generator, "discriminator": other.discriminator}
    with pytest.raises(ConfigError, match="3 classes, the discriminator 0"):
        AdversarialTrainer(parts, trainer.settings, torch.Generator())


@pytest.mark.parametrize("pieces", [1, 2])
def test_a_conditional_vae_learns_from_the_bound_given_the_class(pieces: int, make_vae: Callable[..., Any]) -> None:
    """The loss is the negative ELBO given the labels, whose gradient reaches the rows of the classes; in pieces too."""
    trainer, twin = make_vae(optimizer="rmsprop"), make_vae()
    x = (X + 1) / 2
    trainer.join(ALONE, accumulate=pieces)
    noise = trainer.draws.normal(4, 1, 2)
    figures = trainer.learn("vae", trainer._loss, x, noise, LABELS)
    terms = variational_terms(twin.encoder, twin.decoder, twin.likelihood, x, noise.transpose(0, 1), LABELS)
    loss = -elbo(terms).mean()
    assert float(figures["loss"]) == pytest.approx(float(loss.detach()), rel=1e-5)
    loss.backward()
    for name in ("encoder.head.class_mean", "decoder.class_stem"):
        part, _, inner = name.partition(".")
        mine, theirs = (t.parts[part].get_submodule(inner).weight.grad for t in (trainer, twin))
        assert torch.allclose(mine, theirs, atol=1e-5, rtol=1e-4)
        assert float(mine.abs().sum()) > 0
