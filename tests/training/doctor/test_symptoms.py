"""zoo.training.doctor.symptoms: what a look measures, and that it changes nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo.catalogue.recipes.recipe import DoctorSettings
from zoo.configs import decode
from zoo.data.held_out import hold_out
from zoo.data.loading import Examples, Streamed
from zoo.data.rows import Rows
from zoo.errors import ConfigError, DataError, NotFoundError
from zoo.images.modality import Images
from zoo.nn.gan import GAN
from zoo.training.doctor.symptoms import Symptoms, nearest, overfitting, spread
from zoo.training.trainers.adversarial import AdversarialTrainer

IMAGES = Images()
MakeTrainer = Callable[..., AdversarialTrainer]


def examples(n: int = 40, *, seed: int = 0) -> Examples:
    data = torch.randint(0, 256, (n, 3, 8, 8), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    return Examples(data=data, labels=torch.arange(n), factors={"index": torch.arange(n)}, split="train", sha256="0")


def model_of(trainer: AdversarialTrainer) -> GAN:
    return GAN(trainer.generator).eval()


# --- figures -------------------------------------------------------------------------------------------------------


def test_spread_and_nearest_are_distances() -> None:
    """Of three points on a line, at 0, 1 and 4: mean distance 8 / 3, and nearest ones at 1, 1 and 3."""
    x = torch.tensor([0.0, 1.0, 4.0]).view(3, 1, 1)
    assert spread(x) == pytest.approx(8 / 3)
    assert nearest(x) == 1.0


def test_few_modes_are_near_and_still_spread() -> None:
    """Samples of four far modes spread as far as samples of many, but nearest ones coincide."""
    random = torch.Generator().manual_seed(0)
    many = torch.rand(64, 10, generator=random)
    few = many[:4].repeat(16, 1) + 1e-4 * torch.rand(64, 10, generator=random)
    assert spread(few) > 0.6 * spread(many)
    assert nearest(few) < 0.01 * nearest(many)


def test_one_mode_has_no_spread() -> None:
    """Samples that are all alike have neither."""
    same = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)).repeat(32, 1, 1, 1)
    assert (spread(same), nearest(same)) == (0.0, 0.0)


def at(mean: float) -> Tensor:
    """Logits around a mean."""
    return mean + torch.randn(400, generator=torch.Generator().manual_seed(0)) / 2


@pytest.mark.parametrize(
    ("seen", "held_out", "fake", "r_v"), [(2, 2, -2, 0.0), (2, -2, -2, 1.0), (2, 0, -2, 0.5), (2, 3, -2, -0.25)]
)
def test_r_v_is_the_equation(seen: float, held_out: float, fake: float, r_v: float) -> None:
    """r_v is 0 where held-out examples are as training ones, 1 where they are as fakes, linear between."""
    figures = overfitting(at(seen), at(held_out), at(fake))
    assert figures["r_v"] == pytest.approx(r_v, abs=1e-5)
    assert figures["r_t"] == float(at(seen).sign().mean())
    assert figures["r_t_held_out"] == float(at(held_out).sign().mean())


def test_without_a_gap_there_is_no_overfitting() -> None:
    """Where the discriminator cannot tell fakes from real examples beyond chance, r_v is 0, not noise over noise."""
    assert overfitting(at(0.05), at(-1), at(0.0))["r_v"] == 0.0
    assert overfitting(at(0), at(-1), at(1))["r_v"] == 0.0


# --- a look --------------------------------------------------------------------------------------------------------


def test_a_look_measures_samples_against_training_images(make_trainer: MakeTrainer) -> None:
    """Spread and nearest are those of the samples over those of as many training examples."""
    trainer = make_trainer()
    symptoms = Symptoms(examples(), None, samples=16, modality=IMAGES)
    figures = symptoms.look(model_of(trainer), trainer.discriminator)
    fake = model_of(trainer).sample(16, seed=0x600D)
    real = symptoms.seen.data.float() / 255
    assert len(real) == 16
    assert figures == pytest.approx(
        {"sample_spread": spread(fake) / spread(real), "sample_nearest": nearest(fake) / nearest(real)}
    )


def test_a_collapsed_generator_is_seen(make_trainer: MakeTrainer) -> None:
    """A generator that ignores its latents has no spread; the same one before has."""
    trainer = make_trainer()
    symptoms = Symptoms(examples(), None, samples=16, modality=IMAGES)
    assert symptoms.look(model_of(trainer), None)["sample_spread"] > 1e-3
    with torch.no_grad():
        next(trainer.generator.parameters()).zero_()  # the layer that reads z
    assert symptoms.look(model_of(trainer), None) == {"sample_spread": 0, "sample_nearest": 0}


def test_the_discriminator_is_asked_for_what_was_held_out(make_trainer: MakeTrainer) -> None:
    """r_v and r_t are those of its logits in eval mode, of examples in the networks' range."""
    trainer = make_trainer()
    symptoms = Symptoms(examples(), examples(seed=1), samples=16, modality=IMAGES)
    assert symptoms.held_out is not None
    figures = symptoms.look(model_of(trainer), trainer.discriminator)
    trainer.discriminator.eval()
    with torch.no_grad():
        seen, held_out = (trainer.discriminator(x.data.float() / 127.5 - 1) for x in (symptoms.seen, symptoms.held_out))
        fake = trainer.discriminator(model_of(trainer).sample(16, seed=0x600D) * 2 - 1)
    expected = overfitting(seen, held_out, fake)
    assert {name: figures[name] for name in expected} == pytest.approx(expected, abs=1e-4)


def test_a_discriminator_that_sees_real_and_fake_apart_is_asked_so(make_trainer: MakeTrainer) -> None:
    """Where it is trained on batches of one kind, its batch norms take their statistics from the batch, not dropout."""
    trainer = make_trainer(mix_batches=False, config={"dropout": 0.4})
    assert trainer.apart
    assert not make_trainer(mix_batches=True).apart
    for name, buffer in trainer.discriminator.named_buffers():
        if name.endswith("running_mean"):
            buffer.fill_(100.0)  # of neither kind
    symptoms = Symptoms(examples(), examples(seed=1), samples=16, modality=IMAGES)
    together = symptoms.look(model_of(trainer), trainer.discriminator)
    figures = symptoms.look(model_of(trainer), trainer.discriminator, apart=True)
    fake = model_of(trainer).sample(16, seed=0x600D) * 2 - 1
    for module in trainer.discriminator.modules():
        module.train(not isinstance(module, nn.Dropout))
    assert symptoms.held_out is not None
    with torch.no_grad():
        real = [x.data.float() / 127.5 - 1 for x in (symptoms.seen, symptoms.held_out)]
        seen, held_out, of_fake = (trainer.discriminator(x) for x in (*real, fake))
    expected = overfitting(seen, held_out, of_fake)
    assert {name: figures[name] for name in expected} == pytest.approx(expected, abs=1e-4)
    assert figures != together


def test_without_a_generator_or_images_nothing_is_seen(make_trainer: MakeTrainer) -> None:
    """No generator, one training image, or examples that are all the same: no figure; nothing held out: no r_v."""
    trainer = make_trainer()
    model = model_of(trainer)
    same = Examples(data=torch.zeros(9, 3, 8, 8, dtype=torch.uint8))
    assert Symptoms(examples(1), None, samples=16, modality=IMAGES).look(model, trainer.discriminator) == {}
    assert Symptoms(same, None, samples=16, modality=IMAGES).look(model, trainer.discriminator) == {}
    assert set(Symptoms(examples(), None, samples=9, modality=IMAGES).look(model, trainer.discriminator)) == {
        "sample_spread",
        "sample_nearest",
    }
    assert "r_v" not in Symptoms(examples(), examples(), samples=9, modality=IMAGES).look(model, None)


NETWORKS: list[dict[str, Any]] = [
    {"dropout": 0.4, "discriminator_norm": "batch"},
    {"dropout": 0.4, "discriminator_norm": "spectral"},
]


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("config", NETWORKS)
def test_a_look_changes_nothing(config: dict[str, Any], apart: bool, make_trainer: MakeTrainer) -> None:
    """Weights, running statistics, spectral vectors, modes, gradients and all random states are as they were."""
    trainer = make_trainer(config=config)
    trainer.discriminator.train()
    trainer.discriminator.get_submodule(next(n for n, _ in trainer.discriminator.named_children())).eval()
    parts = (trainer.generator, trainer.discriminator)
    model = GAN(trainer.generator)

    def everything() -> list[Any]:
        tensors = [value.clone() for part in parts for value in part.state_dict().values()]
        modes = [module.training for part in (model, *parts) for module in part.modules()]
        grads = [p.grad for part in parts for p in part.parameters()]
        return [*tensors, torch.get_rng_state(), trainer.random.get_state(), torch.tensor(modes), grads]

    before = everything()
    symptoms = Symptoms(examples(), examples(seed=1), samples=16, modality=IMAGES)
    figures = symptoms.look(model, trainer.discriminator, apart=apart)
    after = everything()
    assert before[-1] == after[-1]
    assert all(torch.equal(a, b) for a, b in zip(before[:-1], after[:-1], strict=True))
    assert all(math.isfinite(value) for value in figures.values())
    assert figures == symptoms.look(model, trainer.discriminator, apart=apart)


# --- what is held out ----------------------------------------------------------------------------------------------


def settings(**table: Any) -> DoctorSettings:
    return decode(DoctorSettings, table, "test")


def never(split: str) -> Examples:
    raise AssertionError(split)


def test_a_share_is_parted_from_the_training_data() -> None:
    """A share is held out whole, with labels and factors, the same each time; nothing is lost or in both."""
    all_of_it = examples(40)
    left, held_out = hold_out(all_of_it, settings(held_out=0.25), never)
    assert held_out is not None
    assert (len(left.data), len(held_out.data)) == (30, 10)
    for part in (left, held_out):
        assert part.labels is not None
        assert torch.equal(part.data, all_of_it.data[part.labels])
        assert torch.equal(part.factors["index"], part.labels)
    assert sorted(torch.cat([left.factors["index"], held_out.factors["index"]]).tolist()) == list(range(40))
    again, _ = hold_out(examples(40), settings(held_out=0.25), never)
    assert torch.equal(again.data, left.data)


def test_nothing_is_held_out_unless_asked() -> None:
    """By default the training data are all of the data, and no other split is loaded."""
    all_of_it = examples()
    assert hold_out(all_of_it, settings(), never) == (all_of_it, None)


def test_a_split_takes_nothing_from_the_training_data() -> None:
    """A split of the dataset is loaded beside them."""
    all_of_it, other = examples(), examples(7, seed=2)
    asked: list[str] = []

    def load(split: str) -> Examples:
        asked.append(split)
        return other

    assert hold_out(all_of_it, settings(held_out_split="test"), load) == (all_of_it, other)
    assert asked == ["test"]


def test_what_cannot_be_held_out_is_refused() -> None:
    """The split that is trained on, and a share of less than two examples, are errors."""
    with pytest.raises(ConfigError, match="is what is trained on; name another split"):
        hold_out(examples(), settings(held_out_split="train"), never)
    with pytest.raises(DataError, match="of 40 examples is less than 2"):
        hold_out(examples(40), settings(held_out=0.03), never)


def test_a_split_that_the_data_do_not_have_is_refused_with_a_way_out() -> None:
    """A recipe that holds out a split, on data without it, is told what the recipe asks for and how to do without."""

    def load(split: str) -> Examples:
        raise NotFoundError(f"no split of photos is named {split!r}")

    says = r"doctor: held_out_split = 'test': no split of photos .* --set doctor\.held_out_split="
    with pytest.raises(NotFoundError, match=says):
        hold_out(examples(), settings(held_out_split="test"), load)


class Unread(Rows):
    """Rows that say how many they are, and give blank pictures of the rows that are asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __len__(self) -> int:
        return 1000

    def order(self, generator: torch.Generator) -> Tensor:
        return torch.arange(1000)

    def read(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        self.asked += rows.tolist()
        return torch.zeros(len(rows), 3, 8, 8, dtype=torch.uint8) + rows.view(-1, 1, 1, 1).to(torch.uint8), rows

    def expect(self, rows: Tensor) -> None: ...

    def news(self) -> list[str]:
        return []


def test_of_data_that_are_not_in_memory_few_are_read(make_trainer: MakeTrainer) -> None:
    """A look reads its own samples of them, with their labels; a share of them cannot be held out."""
    rows = Unread()
    streamed = Streamed(data=rows, labels=torch.arange(1000) % 7)
    symptoms = Symptoms(streamed, None, samples=16, modality=IMAGES)
    assert len(rows.asked) == 16
    assert symptoms.seen.labels is not None
    assert symptoms.seen.labels.tolist() == [row % 7 for row in rows.asked]
    assert {"sample_spread", "sample_nearest"} == set(symptoms.look(model_of(make_trainer()), None))
    assert hold_out(streamed, settings(), never) == (streamed, None)
    with pytest.raises(ConfigError, match="of shards, name a held_out_split"):
        hold_out(streamed, settings(held_out=0.1), never)
