"""zoo.training.loop: what is done around a step, when, and with which numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.catalogue.recipes.recipe import Recipe
from zoo.data.batches import Batches
from zoo.training.attendant import Attendant, Reading
from zoo.training.loop import train_loop
from zoo.training.state import TrainState
from zoo.training.trainers.adversarial import AdversarialTrainer

MakeRecipe = Callable[..., Recipe]
MakeTrainer = Callable[..., AdversarialTrainer]
DRAWN = torch.randint(0, 256, (20, 3, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


class Loop:
    """A loop over a tiny state that notes what it calls, by examples seen."""

    def __init__(self, trainer: AdversarialTrainer, recipe: Recipe) -> None:
        self.recipe = recipe
        batches = Batches(DRAWN, batch_size=recipe.batch_size, seed=0)
        self.state = TrainState(trainer, batches, trainer.random, ema_half_life=recipe.ema_half_life)
        self.reported: list[Reading] = []
        self.sampled: list[int] = []
        self.saved: list[int] = []

    def run(self, **more: Any) -> None:
        train_loop(
            self.state,
            self.recipe,
            attendant=Attendant(report=self.reported.append, **more),
            sample=lambda state: self.sampled.append(state.examples),
            checkpoint=lambda state: self.saved.append(state.examples),
        )


@pytest.fixture
def make_loop(make_trainer: MakeTrainer, tiny_recipe: MakeRecipe) -> Callable[..., Loop]:
    def make(settings: dict[str, Any] | None = None, **recipe: Any) -> Loop:
        return Loop(make_trainer(**(settings or {})), tiny_recipe(**recipe))

    return make


def test_everything_is_due_by_images_seen(make_loop: Callable[..., Loop]) -> None:
    """Reports, samples and checkpoints come at the first step at or beyond each multiple, and at the end; samples also
    before the first step, and after the first hundredth.
    """
    loop = make_loop(examples=30, log_every=6, sample_every=10, checkpoint_every=14)
    loop.run()
    assert [p.examples for p in loop.reported] == [8, 12, 20, 24, 32]
    assert loop.sampled == [0, 4, 12, 20, 32]
    assert loop.saved == [16, 28, 32]
    assert (loop.state.examples, loop.state.steps) == (32, 8)


def test_the_first_samples_come_at_the_beginning_and_within_two_hundredths(make_loop: Callable[..., Loop]) -> None:
    """A long way before `sample_every` there is something to look at; a loop that goes on draws neither again."""
    loop = make_loop(examples=1000, sample_every=500, log_every=1000, checkpoint_every=1000)
    loop.run(stop=lambda: loop.state.examples == 40)
    assert loop.sampled == [0, 12]  # batches are of 4
    loop.run(stop=lambda: loop.state.examples == 80)
    assert loop.sampled == [0, 12]


def test_it_says_what_comes_next(make_loop: Callable[..., Loop]) -> None:
    """Before each step, before samples are drawn, before a state is saved."""
    loop = make_loop(examples=12, sample_every=8, log_every=4, checkpoint_every=8)
    said: list[tuple[str, int]] = []
    loop.run(doing=lambda *what: said.append(what))
    assert said == [
        ("drawing samples", 0),
        ("the first step", 0),
        ("drawing samples", 4),
        ("training", 4),
        ("drawing samples", 8),
        ("saving", 8),
        ("training", 8),
        ("drawing samples", 12),
        ("saving", 12),
    ]


def test_a_stop_saves_and_ends(make_loop: Callable[..., Loop]) -> None:
    """When `stop` says so the step is finished, the state is saved once, and nothing is learnt after."""
    loop = make_loop(checkpoint_every=8)
    loop.run(stop=lambda: loop.state.examples == 16)
    assert loop.saved == [8, 16]
    assert loop.state.steps == 4
    loop.run()
    assert loop.saved == [8, 16, 24, 32, 32]


def test_a_loop_that_is_done_learns_nothing(make_loop: Callable[..., Loop]) -> None:
    """Where all examples have been seen no step is taken, and the state is saved as it is."""
    loop = make_loop()
    loop.state.examples = 32
    before = [p.clone() for p in loop.state.trainer.parts["generator"].parameters()]
    loop.run()
    after = loop.state.trainer.parts["generator"].parameters()
    assert all(torch.equal(p, q) for p, q in zip(before, after, strict=True))
    assert (loop.reported, loop.sampled, loop.saved, loop.state.steps) == ([], [], [32], 0)


def test_the_rates_follow_step_and_progress(make_loop: Callable[..., Loop], monkeypatch: pytest.MonkeyPatch) -> None:
    """Before each step the rates are set from the steps done and the share of the examples seen."""
    loop = make_loop(examples=16)
    seen: list[tuple[int, float]] = []
    monkeypatch.setattr(loop.state.trainer, "set_rates", lambda *, step, progress: seen.append((step, progress)))
    loop.run()
    assert seen == [(0, 0.0), (1, 0.25), (2, 0.5), (3, 0.75)]


def test_the_average_follows_the_generator_by_images(make_loop: Callable[..., Loop]) -> None:
    """After every step the average moves towards the generator by the batch's share of its half-life."""
    loop = make_loop(log_every=4, ema_half_life=2.0)
    average = [p.detach().clone() for p in loop.state.trainer.parts["generator"].parameters()]
    halves = [4 / min(2.0, seen / 10) for seen in range(4, 36, 4)]
    found: list[list[Tensor]] = []

    def note(progress: Reading) -> None:
        for mine, p in zip(average, loop.state.trainer.parts["generator"].parameters(), strict=True):
            mine.copy_(p.detach() + (mine - p.detach()) * 0.5 ** halves[progress.steps - 1])
        found.append([p.clone() for p in loop.state.emas["generator"].module.parameters()])
        torch.testing.assert_close(found[-1], average, rtol=1e-5, atol=1e-6)

    train_loop(
        loop.state,
        loop.recipe,
        attendant=Attendant(report=note),
        sample=lambda state: None,
        checkpoint=lambda state: None,
    )
    assert len(found) == 8
    last = [p.detach() for p in loop.state.trainer.parts["generator"].parameters()]
    assert any(not torch.allclose(p, q, rtol=0, atol=1e-5) for p, q in zip(found[-1], last, strict=True))


def test_parts_learn_in_train_mode(make_loop: Callable[..., Loop]) -> None:
    """The loop puts the parts into train mode, and leaves the average in eval mode."""
    loop = make_loop()
    for part in loop.state.trainer.parts.values():
        part.eval()
    loop.run()
    assert all(part.training for part in loop.state.trainer.parts.values())
    assert not loop.state.emas["generator"].module.training
