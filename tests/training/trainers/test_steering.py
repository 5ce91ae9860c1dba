"""Adaptive augmentation (Karras et al. 2020): the share of augmented examples follows r_t, and is part of the state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.catalogue.recipes.recipe import Recipe
from zoo.training.checkpoint import load_newest
from zoo.training.run import Run
from zoo.training.trainers.adversarial import AdversarialTrainer
from zoo.training.trainers.game import STEERED

Make = Callable[..., AdversarialTrainer]


def real(n: int = 4) -> Tensor:
    return torch.rand(n, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize(("accuracy", "moves"), [(1.0, 1), (0.82, 1), (0.79, -1), (0.0, -1)])
def test_the_share_moves_towards_the_target(accuracy: float, moves: int, make_trainer: Make) -> None:
    """Where more than 80 % of the real examples are called real, r_t is above 0.6: every fourth step of 8 examples
    moves the share by 32 / 1,000, up above the target and down below it.
    """
    trainer = make_trainer(augment=["cutout"], augment_target=0.6, augment_reach=1000)
    trainer.buffers["augment_share"].fill_(0.5)
    shares = []
    for step in range(2 * STEERED):
        trainer.set_rates(step=step, progress=0.0)
        shares.append(float(trainer.steer({"real_accuracy": torch.tensor(accuracy)}, 8)["augment_share"]))
    wanted = [0.5] * (STEERED - 1) + [0.5 + moves * 0.032] * STEERED + [0.5 + moves * 0.064]
    assert shares == pytest.approx(wanted)


def test_the_share_stays_within_its_bounds(make_trainer: Make) -> None:
    """However far r_t is, the share is from 0 to 1."""
    trainer = make_trainer(augment=["cutout"], augment_target=0.6, augment_reach=10)
    for accuracy, bound in ((1.0, 1.0), (0.0, 0.0)):
        for step in range(3 * STEERED):
            trainer.set_rates(step=step, progress=0.0)
            figures = trainer.steer({"real_accuracy": torch.tensor(accuracy)}, 8)
        assert float(figures["augment_share"]) == bound


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_so_many_examples_are_augmented(share: float, make_trainer: Make) -> None:
    """Of 2,000 examples that share has a hole, the others are as they were."""
    trainer = make_trainer(augment=["cutout"], augment_target=0.6)
    trainer.buffers["augment_share"].fill_(share)
    x = torch.ones(2000, 3, 8, 8)
    holes = (trainer.augmented(x) == 0).flatten(1).any(1).float().mean()
    assert float(holes) == pytest.approx(share, abs=0.04)


def test_without_a_target_everything_is_augmented_and_nothing_is_drawn_for_it(make_trainer: Make) -> None:
    """The draws of a run without a target are what they were: the share takes none."""
    plain, steered = (make_trainer(augment=["cutout"], augment_target=target) for target in (0.0, 0.6))
    assert plain.buffers == {}
    x = torch.ones(50, 3, 8, 8)
    once = plain.modality.augmentations["cutout"](x, make_trainer().draws)
    assert torch.equal(plain.augmented(x), once)
    assert "augment_share" not in plain.step(real(), None)
    assert "augment_share" in steered.step(real(), None)


def test_the_share_is_part_of_the_state(
    tmp_path: Path, tiny_recipe: Callable[..., Recipe], tiny_train: Callable[..., Run]
) -> None:
    """A run that is cut between two changes of the share goes on to the same checkpoint as an uncut one."""
    settings: dict[str, Any] = {"augment": ["translation"], "augment_target": 0.1, "augment_reach": 100}
    recipe = tiny_recipe(settings=settings, checkpoint_every=8)
    calls = iter([False, False, False, False, False, True])
    tiny_train(recipe, tmp_path / "whole")
    tiny_train(recipe, tmp_path / "cut", stop=lambda: next(calls))
    tiny_train(recipe, tmp_path / "cut", resume=True)
    (whole, *_), (cut, *_) = (load_newest(tmp_path / name / "checkpoints") for name in ("whole", "cut"))
    assert "trainer.augment_share" in whole
    assert whole.keys() == cut.keys()
    assert all(torch.equal(tensor, cut[name]) for name, tensor in whole.items())
