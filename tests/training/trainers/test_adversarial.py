"""zoo.training.trainers.adversarial: the two phases against autograd, and every setting by what it does."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, relu

from zoo.configs import decode
from zoo.errors import ConfigError
from zoo.images.modality import Images
from zoo.training.machine.processes import ALONE
from zoo.training.trainers.adversarial import AdversarialSettings, AdversarialTrainer
from zoo.training.trainers.losses import AdversarialLoss

Make = Callable[..., AdversarialTrainer]
LOSSES = ("non_saturating", "minimax", "hinge")


def real(n: int = 4, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (n, 3, 8, 8), generator=generator, dtype=torch.uint8)
    return Images().ready(pixels, (-1.0, 1.0))


def gradients(module: nn.Module) -> list[Tensor | None]:
    return [p.grad for p in module.parameters()]


def copied(module: nn.Module) -> list[Tensor | None]:
    """The gradients as they are now: a later backward adds to the tensors."""
    return [None if g is None else g.clone() for g in gradients(module)]


def assert_near(found: Sequence[Tensor | None], expected: Sequence[Tensor]) -> None:
    """Equal but for rounding: a bias before a batch norm has gradient 0 up to it."""
    assert any(bool(g.any()) for g in expected)
    scale = max(float(g.abs().max()) for g in expected)
    torch.testing.assert_close(list(found), list(expected), rtol=1e-3, atol=1e-5 * scale)


def assert_gradients(module: nn.Module, expected: Sequence[Tensor]) -> None:
    assert_near(gradients(module), expected)


def values(module: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in module.parameters()]


class Recorder:
    """Keeps what a module was given and gave, and whether its weights wanted gradients."""

    def __init__(self, module: nn.Module) -> None:
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []
        self.trainable: list[bool] = []
        module.register_forward_hook(self.note)

    def note(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self.inputs.append(inputs[0].detach().clone())
        self.outputs.append(output.detach().clone())
        self.trainable.append(any(p.requires_grad for p in module.parameters()))


def record_targets(trainer: AdversarialTrainer) -> dict[str, list[Tensor]]:
    """The targets each player's loss is called with from now on."""
    seen: dict[str, list[Tensor]] = {"discriminator": [], "generator": []}
    loss = trainer.loss

    def spy(player: str) -> Callable[[Tensor, Tensor], Tensor]:
        def call(logits: Tensor, targets: Tensor) -> Tensor:
            seen[player].append(targets.clone())
            result: Tensor = getattr(loss, player)(logits, targets)
            return result

        return call

    trainer.loss = AdversarialLoss(discriminator=spy("discriminator"), generator=spy("generator"))
    return seen


# --- the gradients -------------------------------------------------------------------------------------------------


def discriminator_loss(name: str, on_real: Tensor, on_fake: Tensor) -> Tensor:
    """The papers' formulas, halved because the loss is a mean over real and fake together."""
    if name == "hinge":
        return (relu(1 - on_real).mean() + relu(1 + on_fake).mean()) / 2
    return -(logsigmoid(on_real).mean() + logsigmoid(-on_fake).mean()) / 2


def generator_loss(name: str, on_fake: Tensor) -> Tensor:
    """-log D, log(1 - D) and -logits."""
    if name == "hinge":
        return -on_fake.mean()
    return logsigmoid(-on_fake).mean() if name == "minimax" else -logsigmoid(on_fake).mean()


@pytest.mark.parametrize("mixed", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_discriminators_gradient_is_autograds(loss: str, mixed: bool, make_trainer: Make) -> None:
    """In its phase the discriminator gets the gradient of the hand-written loss, and the generator gets none."""
    trainer = make_trainer(loss=loss, mix_batches=mixed)
    generator, discriminator = copy.deepcopy(trainer.generator), copy.deepcopy(trainer.discriminator)
    metrics = trainer.discriminator_phase(real())

    z = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    fake = generator(z).detach()
    if mixed:
        on_real, on_fake = discriminator(torch.cat([real(), fake])).chunk(2)
    else:
        on_real, on_fake = discriminator(real()), discriminator(fake)
    wanted = discriminator_loss(loss, on_real, on_fake)
    torch.testing.assert_close(metrics["discriminator_loss"], wanted.detach())
    expected = torch.autograd.grad(wanted, list(discriminator.parameters()))
    assert_gradients(trainer.discriminator, expected)
    assert gradients(trainer.generator) == [None] * len(gradients(trainer.generator))


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_generators_gradient_is_autograds(loss: str, frozen: bool, make_trainer: Make) -> None:
    """In its phase the generator gets the gradient of the hand-written loss through the discriminator, not zero.

    The discriminator gets none while it is frozen, and its own otherwise; the generator's is the same either way.
    """
    trainer = make_trainer(loss=loss, freeze_discriminator=frozen)
    generator, discriminator = copy.deepcopy(trainer.generator), copy.deepcopy(trainer.discriminator)
    before = values(trainer.discriminator)
    metrics = trainer.generator_phase(real())

    z = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    wanted = generator_loss(loss, discriminator(generator(z)))
    torch.testing.assert_close(metrics["generator_loss"], wanted.detach())
    parameters = [*generator.parameters(), *discriminator.parameters()]
    expected = torch.autograd.grad(wanted, parameters)
    mine, theirs = expected[: len(gradients(generator))], expected[len(gradients(generator)) :]
    assert_gradients(trainer.generator, mine)
    if frozen:
        assert gradients(trainer.discriminator) == [None] * len(theirs)
    else:
        assert_gradients(trainer.discriminator, theirs)
    torch.testing.assert_close(values(trainer.discriminator), before, rtol=0, atol=0)


def test_a_whole_step_is_two_updates_one_after_the_other(make_trainer: Make) -> None:
    """A step updates the discriminator by its gradient, then the generator by its own against the new discriminator."""
    trainer = make_trainer(flips=False, mix_batches=False, generator_lr=1e-3, discriminator_lr=2e-3)
    generator, discriminator = copy.deepcopy(trainer.generator), copy.deepcopy(trainer.discriminator)
    trainer.step(real(), None)

    random = torch.Generator().manual_seed(0)
    fake = generator(torch.randn(4, 4, generator=random)).detach()
    torch.rand(8, generator=random)  # the label noise, of width 0
    loss = discriminator_loss("non_saturating", discriminator(real()), discriminator(fake))
    update(discriminator, loss, rate=2e-3)
    loss = generator_loss("non_saturating", discriminator(generator(torch.randn(4, 4, generator=random))))
    update(generator, loss, rate=1e-3)
    # Adam's first step is the rate times the sign: where a gradient is nearly zero the sign may differ.
    for mine, wanted, rate in ((trainer.discriminator, discriminator, 2e-3), (trainer.generator, generator, 1e-3)):
        steepness = torch.cat([g.flatten().abs() for g in gradients(mine) if g is not None])
        clear = steepness > 1e-3 * steepness.max()
        assert clear.float().mean() > 0.8
        found, expected = (torch.cat([v.flatten() for v in values(module)])[clear] for module in (mine, wanted))
        torch.testing.assert_close(found, expected, rtol=0, atol=rate / 20)


def update(module: nn.Module, loss: Tensor, *, rate: float) -> None:
    """One step of Adam (0.5, 0.999), by torch's plain implementation."""
    optimizer = torch.optim.Adam(module.parameters(), lr=rate, betas=(0.5, 0.999))
    parameters = list(module.parameters())
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient
    optimizer.step()


@pytest.mark.parametrize("mixed", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
def test_with_shared_fakes_both_players_gradients_are_autograds(mixed: bool, frozen: bool, make_trainer: Make) -> None:
    """The generator makes one batch of fakes; each player gets its own gradient through it, and only its own."""
    trainer = make_trainer(fresh_fakes=False, mix_batches=mixed, freeze_discriminator=frozen, flips=False)
    generator, discriminator = copy.deepcopy(trainer.generator), copy.deepcopy(trainer.discriminator)
    made, seen = Recorder(trainer.generator), Recorder(trainer.discriminator)
    found: dict[str, list[Tensor | None]] = {}
    for name, optimizer in trainer.optimizers.items():
        note = functools.partial(lambda name, *_: found.update({name: copied(trainer.parts[name])}), name)
        optimizer.register_step_pre_hook(note)
    trainer.step(real(), None)
    assert len(made.outputs) == 1
    assert torch.equal(seen.inputs[-1], made.outputs[0])

    fake = generator(torch.randn(4, 4, generator=torch.Generator().manual_seed(0)))
    if mixed:
        on_real, on_fake = discriminator(torch.cat([real(), fake.detach()])).chunk(2)
    else:
        on_real, on_fake = discriminator(real()), discriminator(fake.detach())
    loss = discriminator_loss("non_saturating", on_real, on_fake)
    expected = torch.autograd.grad(loss, list(discriminator.parameters()))
    assert_near(found["discriminator"], expected)
    discriminator.load_state_dict(trainer.discriminator.state_dict())  # as the first phase left its weights
    loss = generator_loss("non_saturating", discriminator(fake))
    assert_near(found["generator"], torch.autograd.grad(loss, list(generator.parameters())))


def test_shared_fakes_cannot_be_made_in_pieces(make_trainer: Make) -> None:
    """`accumulate` makes each piece's fakes when it comes to it, so it refuses fakes that both players see."""
    trainer = make_trainer(fresh_fakes=False)
    with pytest.raises(ConfigError, match="fresh_fakes"):
        trainer.join(ALONE, accumulate=2)


def test_gradients_do_not_add_up_over_steps(make_trainer: Make) -> None:
    """What the generator's phase leaves in an unfrozen discriminator is gone before its own next update."""
    one, two = make_trainer(freeze_discriminator=True), make_trainer(freeze_discriminator=False)
    for trainer in (one, two):
        for seed in range(3):
            trainer.step(real(seed=seed), None)
    torch.testing.assert_close(values(one.discriminator), values(two.discriminator), rtol=0, atol=0)
    torch.testing.assert_close(values(one.generator), values(two.generator), rtol=0, atol=0)


def test_a_step_follows_from_its_seed(make_trainer: Make) -> None:
    """Two trainers of one seed stay equal to the last bit, of two seeds they do not."""
    settings: dict[str, Any] = {"label_noise": 0.1, "augment": ["color", "translation", "cutout"]}
    one, two, other = (make_trainer(seed=seed, **settings) for seed in (1, 1, 2))
    for trainer in (one, two, other):
        for _ in range(3):
            trainer.step(real(), None)
    assert all(torch.equal(a, b) for a, b in zip(values(one.generator), values(two.generator), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(values(one.generator), values(other.generator), strict=True))


# --- the targets ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.05, 0.5])
def test_label_noise_moves_the_targets(noise: float, make_trainer: Make) -> None:
    """Real targets are spread over [1 - n, 1] and fake ones over [0, n]; the generator's stay 1."""
    trainer = make_trainer(label_noise=noise)
    seen = record_targets(trainer)
    trainer.step(real(200), None)
    on_real, on_fake = seen["discriminator"][0].chunk(2)
    assert 1 - noise <= on_real.min() < 1 - 0.9 * noise
    assert 1 - 0.1 * noise < on_real.max() <= 1
    assert 0 <= on_fake.min() < 0.1 * noise
    assert 0.9 * noise < on_fake.max() <= noise
    assert not torch.equal(1 - on_real, on_fake)
    assert torch.equal(seen["generator"][0], torch.ones(200))


def test_without_label_noise_the_targets_are_1_and_0(make_trainer: Make) -> None:
    """By default real is 1, fake is 0, and the generator is told that its fakes are real."""
    trainer = make_trainer()
    seen = record_targets(trainer)
    trainer.step(real(), None)
    assert seen["discriminator"][0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    assert seen["generator"][0].tolist() == [1, 1, 1, 1]


def test_hinge_refuses_label_noise() -> None:
    """The hinge loss has two sides and no targets between: with label noise it is a ConfigError."""
    with pytest.raises(ConfigError, match="label_noise needs targets between 0 and 1"):
        decode(AdversarialSettings, {"loss": "hinge", "label_noise": 0.1}, "settings")
    assert decode(AdversarialSettings, {"loss": "hinge"}, "settings").loss == "hinge"


def test_minimax_differs_from_the_non_saturating_loss(make_trainer: Make) -> None:
    """The non-saturating loss of the generator is the cross entropy to ones; minimax has another value and gradient."""
    one, two = make_trainer(loss="non_saturating"), make_trainer(loss="minimax")
    recorder = Recorder(one.discriminator)
    losses = [trainer.generator_phase(real())["generator_loss"] for trainer in (one, two)]
    logits = recorder.outputs[0]
    wanted = nn.functional.binary_cross_entropy(torch.sigmoid(logits), torch.ones(4))
    torch.testing.assert_close(losses[0], wanted)
    torch.testing.assert_close(losses[1], torch.log1p(-torch.sigmoid(logits)).mean())
    first, second = (t.generator.head.bias.grad for t in (one, two))  # type: ignore[union-attr]
    assert isinstance(first, Tensor)
    assert isinstance(second, Tensor)
    assert not torch.allclose(first, second)


def test_the_accuracies_count_signs(make_trainer: Make) -> None:
    """The accuracies are the share of real examples with a positive logit, and of fakes with a negative one."""
    trainer = make_trainer(seed=3)
    recorder = Recorder(trainer.discriminator)
    metrics = trainer.discriminator_phase(real(16))
    on_real, on_fake = recorder.outputs[0].chunk(2)
    assert float(metrics["real_accuracy"]) == sum(v > 0 for v in on_real.tolist()) / 16
    assert float(metrics["fake_accuracy"]) == sum(v < 0 for v in on_fake.tolist()) / 16
    assert 0 < metrics["real_accuracy"] + metrics["fake_accuracy"] < 2


def test_metrics_are_detached_scalars(make_trainer: Make) -> None:
    """A step gives both losses and both accuracies as scalars that hold no graph."""
    metrics = make_trainer().step(real(), None)
    assert set(metrics) == {"discriminator_loss", "generator_loss", "real_accuracy", "fake_accuracy"}
    assert all(value.shape == () and not value.requires_grad for value in metrics.values())


# --- the rules, one by one -----------------------------------------------------------------------------------------


def test_mixed_batches_take_one_forward(make_trainer: Make) -> None:
    """With `mix_batches` the discriminator sees real and fake together in one forward, the real ones first."""
    trainer = make_trainer(mix_batches=True)
    recorder = Recorder(trainer.discriminator)
    trainer.discriminator_phase(real())
    assert [len(x) for x in recorder.inputs] == [8]
    torch.testing.assert_close(recorder.inputs[0][:4], real(), rtol=0, atol=1e-6)


def test_separate_batches_take_two_forwards(make_trainer: Make) -> None:
    """Without it the discriminator sees the real examples alone, then the fakes; batch norm tells the two apart."""
    mixed, separate = make_trainer(mix_batches=True), make_trainer(mix_batches=False)
    recorder = Recorder(separate.discriminator)
    losses = [trainer.discriminator_phase(real())["discriminator_loss"] for trainer in (mixed, separate)]
    assert [len(x) for x in recorder.inputs] == [4, 4]
    torch.testing.assert_close(recorder.inputs[0], real(), rtol=0, atol=1e-6)
    assert not torch.isclose(*losses, rtol=1e-6)


@pytest.mark.parametrize("frozen", [True, False])
def test_the_discriminator_is_frozen_in_the_generators_phase(frozen: bool, make_trainer: Make) -> None:
    """With `freeze_discriminator` its weights want no gradient in the generator's phase, and want them again after."""
    trainer = make_trainer(freeze_discriminator=frozen)
    recorder = Recorder(trainer.discriminator)
    trainer.step(real(), None)
    trainer.step(real(), None)
    assert recorder.trainable == [True, not frozen] * 2
    assert all(p.requires_grad for p in trainer.discriminator.parameters())


def test_clip_value_bounds_both_players(make_trainer: Make) -> None:
    """With `clip_value` no coordinate of either gradient exceeds the bound, and the largest reach it."""
    free, clipped = make_trainer(), make_trainer(clip_value=1e-3)
    for trainer in (free, clipped):
        trainer.step(real(), None)
    for player in ("generator", "discriminator"):
        assert largest(free.parts[player]) > 1e-3
        assert largest(clipped.parts[player]) == pytest.approx(1e-3)


def test_clip_norm_bounds_both_players(make_trainer: Make) -> None:
    """With `clip_norm` the whole gradient of each player has at most that norm."""
    free, clipped = make_trainer(), make_trainer(clip_norm=1e-3)
    for trainer in (free, clipped):
        trainer.step(real(), None)
    for player in ("generator", "discriminator"):
        assert norm(free.parts[player]) > 1e-3
        assert norm(clipped.parts[player]) == pytest.approx(1e-3, rel=1e-2)


def largest(module: nn.Module) -> float:
    return max(float(g.abs().max()) for g in gradients(module) if g is not None)


def norm(module: nn.Module) -> float:
    return float(torch.cat([g.flatten() for g in gradients(module) if g is not None]).norm())


def rates(trainer: AdversarialTrainer) -> dict[str, float]:
    return {name: optimizer.param_groups[0]["lr"] for name, optimizer in trainer.optimizers.items()}


def test_two_rates_reach_two_optimizers(make_trainer: Make) -> None:
    """Each player's optimizer holds that player's weights and has that player's rate (TTUR)."""
    trainer = make_trainer(generator_lr=1e-4, discriminator_lr=4e-4)
    assert rates(trainer) == {"generator": 1e-4, "discriminator": 4e-4}
    for name, optimizer in trainer.optimizers.items():
        held = [id(p) for group in optimizer.param_groups for p in group["params"]]
        assert held == [id(p) for p in trainer.parts[name].parameters()]


def test_the_rates_of_both_players_fall(make_trainer: Make) -> None:
    """`decay` and `anneal` are applied to each player's own rate."""
    trainer = make_trainer(generator_lr=1e-4, discriminator_lr=4e-4, decay=0.5, anneal=0.5)
    trainer.set_rates(step=2, progress=0.25)
    assert rates(trainer) == pytest.approx({"generator": 0.5e-4, "discriminator": 2e-4})
    trainer.set_rates(step=2, progress=0.75)
    assert rates(trainer) == pytest.approx({"generator": 0.25e-4, "discriminator": 1e-4})
    trainer.set_rates(step=0, progress=0.0)
    assert rates(trainer) == {"generator": 1e-4, "discriminator": 4e-4}


def test_the_optimizer_is_the_one_asked_for(make_trainer: Make) -> None:
    """`optimizer`, `beta1` and `beta2` choose and set both players' optimizers."""
    for optimizer in make_trainer(optimizer="rmsprop", beta2=0.9).optimizers.values():
        assert isinstance(optimizer, torch.optim.RMSprop)
        assert optimizer.param_groups[0]["alpha"] == 0.9
    for optimizer in make_trainer(beta1=0.0, beta2=0.99).optimizers.values():
        assert isinstance(optimizer, torch.optim.Adam)
        assert optimizer.param_groups[0]["betas"] == (0.0, 0.99)


@pytest.mark.parametrize(("prior", "spread"), [("normal", 1.0), ("uniform", 3**-0.5)])
def test_latents_come_from_the_prior(prior: str, spread: float, make_trainer: Make) -> None:
    """Both phases draw their latents from N(0, 1) or U(-1, 1), as the architecture says."""
    trainer = make_trainer(config={"prior": prior})
    recorder = Recorder(trainer.generator)
    trainer.step(real(400), None)
    assert [tuple(z.shape) for z in recorder.inputs] == [(400, 4)] * 2
    assert not torch.equal(*recorder.inputs)
    for z in recorder.inputs:
        assert float(z.std()) == pytest.approx(spread, rel=0.1)
        assert float(z.mean()) == pytest.approx(0, abs=0.1)
        assert (bool(z.abs().max() <= 1)) == (prior == "uniform")


@pytest.mark.parametrize("flips", [True, False])
def test_only_real_images_are_mirrored_and_only_on_request(flips: bool, make_trainer: Make) -> None:
    """With `flips` some real examples reach the discriminator mirrored and the rest as they are; without, none does."""
    trainer = make_trainer(flips=flips, mix_batches=False)
    recorder = Recorder(trainer.discriminator)
    trainer.step(real(32), None)
    plain = torch.tensor([torch.allclose(x, y, atol=1e-6) for x, y in zip(recorder.inputs[0], real(32), strict=True)])
    mirrored = recorder.inputs[0].flip(3)
    turned = torch.tensor([torch.allclose(x, y, atol=1e-6) for x, y in zip(mirrored, real(32), strict=True)])
    assert bool((plain ^ turned).all())
    assert bool(turned.any()) == flips
    assert bool(plain.any())


def test_the_discriminator_sees_everything_augmented(make_trainer: Make) -> None:
    """With `augment` the real examples, the fakes, and the fakes of the generator's phase are all augmented."""
    trainer = make_trainer(augment=["cutout"], mix_batches=False)
    recorder = Recorder(trainer.discriminator)
    trainer.step(real(), None)
    assert len(recorder.inputs) == 3
    for examples in recorder.inputs:
        assert all(int((image == 0).all(0).sum()) >= 4 for image in examples)


@pytest.mark.parametrize("name", ["color", "translation", "cutout"])
def test_gradients_come_through_an_augmentation(name: str, make_trainer: Make) -> None:
    """Through each augmentation the generator still gets a gradient that is not zero."""
    trainer = make_trainer(augment=[name])
    trainer.step(real(), None)
    assert all(g is not None and bool(g.any()) for g in gradients(trainer.generator))


# --- what is refused -----------------------------------------------------------------------------------------------


BAD_SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"augment": ["cutout"] * 9}, "at most 8 of them"),
    ({"loss": "entropy"}, "'non_saturating' or 'minimax' or 'hinge' or 'wasserstein' or"),
    ({"optimizer": "sgd"}, "'adam' or 'rmsprop'"),
    ({"generator_lr": 0}, "a number above 0 to 1"),
    ({"discriminator_lr": -1e-4}, "a number above 0 to 1"),
    ({"beta1": 1.5}, "a number from 0 to 1"),
    ({"decay": -1}, "a number from 0 to 1"),
    ({"anneal": float("nan")}, "a number from 0 to 1"),
    ({"clip_value": -1}, "a number from 0"),
    ({"clip_norm": float("inf")}, "a number from 0"),
    ({"label_noise": 0.6}, "a number from 0 to 0.5"),
    ({"mix_batches": 1}, "true or false"),
    ({"penalty": 1}, "unknown key 'penalty'"),
    ({"r1": -0.1}, "a number from 0"),
    ({"penalty_every": 0}, "a whole number from 1 to 1000"),
    ({"penalty_end": 0}, "a number above 0"),
    ({"generator_every": 0}, "a whole number from 1 to 1000"),
]


@pytest.mark.parametrize(("settings", "says"), BAD_SETTINGS, ids=lambda value: str(value)[:30])
def test_a_setting_out_of_its_bounds_is_refused(settings: dict[str, Any], says: str) -> None:
    """An unknown augmentation, loss or key and a number out of range are ConfigErrors that name what is allowed."""
    with pytest.raises(ConfigError, match=says):
        decode(AdversarialSettings, settings, "settings")


def test_other_parts_are_refused(make_trainer: Make) -> None:
    """Parts that are not a generator and a discriminator are a ConfigError naming them."""
    parts = make_trainer().parts
    random = torch.Generator()
    for wrong in (
        {"generator": parts["generator"]},
        {"generator": parts["discriminator"], "discriminator": parts["generator"]},
        {"encoder": nn.Identity(), "decoder": nn.Identity()},
    ):
        with pytest.raises(ConfigError, match=f"not {', '.join(sorted(wrong))}"):
            AdversarialTrainer(wrong, AdversarialSettings(), random)
