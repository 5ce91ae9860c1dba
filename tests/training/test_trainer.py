"""trainer: one way to learn, in pieces, in lower precision, and refused where a trainer goes around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo.catalogue.recipes.recipe import Recipe, resolve
from zoo.data.batches import Batches
from zoo.errors import ConfigError
from zoo.training.machine.processes import ALONE, Processes
from zoo.training.optimizers import make_optimizer
from zoo.training.state import first_state
from zoo.training.trainer import Figures, Trainer
from zoo.training.trainers.adversarial import AdversarialTrainer

Make = Callable[..., AdversarialTrainer]
REAL = 2 * torch.rand(8, 3, 8, 8, generator=torch.Generator().manual_seed(0)) - 1
PLAIN = {"generator_norm": "none", "discriminator_norm": "none"}  # batch norm sees each piece alone


class Line(Trainer):
    """Fits one weight to the mean of its rows; `through` says whether it goes through `learn`."""

    def __init__(self, *, through: bool = True, clip_value: float = 0.0) -> None:
        self.parts = {"line": nn.Linear(1, 1, bias=False)}
        nn.init.zeros_(self.parts["line"].weight)
        self.optimizers = {"line": torch.optim.SGD(self.parts["line"].parameters(), lr=1.0)}
        self.base_rates, self.through, self.clip_value = {"line": 1.0}, through, clip_value

    def step(self, x: Tensor, labels: Tensor | None) -> Figures:
        rows = x.float()
        if self.through:
            return self.learn("line", self.loss, rows)
        self.loss(rows)[0].backward()
        self.optimizers["line"].step()
        return {}

    def loss(self, rows: Tensor) -> tuple[Tensor, Figures]:
        error = (self.parts["line"](torch.ones_like(rows)) - rows).mean()
        return error, {"error": error.detach(), "rows": torch.tensor(float(len(rows)))}

    @property
    def weight(self) -> float:
        return float(self.parts["line"].weight.detach())


def test_a_step_is_one_step_down_the_mean() -> None:
    """`learn` clears old gradients, steps once, and gives the metrics of the loss."""
    trainer = Line()
    for after in (-1.0, -2.0):
        figures = trainer.step(torch.tensor([[2], [4]]), None)
        assert trainer.weight == after
    assert {name: float(value) for name, value in figures.items()} == {"error": -4.0, "rows": 2.0}
    clipped = Line(clip_value=0.25)
    clipped.step(torch.tensor([[2], [4]]), None)
    assert clipped.weight == -0.25


@pytest.mark.parametrize("pieces", [2, 4])
def test_pieces_have_the_gradient_of_the_whole(pieces: int, make_trainer: Make) -> None:
    """A batch in pieces gives both players the gradient of the whole one, and the mean of the metrics."""
    whole, cut = make_trainer(config=PLAIN, flips=False), make_trainer(config=PLAIN, flips=False)
    cut.join(ALONE, accumulate=pieces)
    for phase, player in (("discriminator_phase", "discriminator"), ("generator_phase", "generator")):
        figures, theirs = getattr(whole, phase)(REAL), getattr(cut, phase)(REAL)
        torch.testing.assert_close(theirs, figures, rtol=1e-4, atol=1e-5)
        for mine, other in zip(whole.parts[player].parameters(), cut.parts[player].parameters(), strict=True):
            torch.testing.assert_close(other.grad, mine.grad, rtol=1e-3, atol=1e-5)


def test_bfloat16_steps_near_float32_and_keeps_its_weights(make_trainer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `precision` bfloat16 both players' losses are near float32's, not the same; weights stay float32. Where the
    processor lacks it the step is float32's.
    """
    exact, rounded, lacking = (make_trainer(precision=name) for name in ("float32", "bfloat16", "bfloat16"))
    monkeypatch.setattr("zoo.training.trainer.computes_bfloat16", lambda device: False)
    assert lacking.step(REAL, None) == make_trainer().step(REAL, None)
    monkeypatch.setattr("zoo.training.trainer.computes_bfloat16", lambda device: True)
    ours, theirs = exact.step(REAL, None), rounded.step(REAL, None)
    for name in ("discriminator_loss", "generator_loss"):
        assert float(ours[name]) != float(theirs[name])
        assert float(theirs[name]) == pytest.approx(float(ours[name]), rel=0.02)
    for part in rounded.parts.values():
        assert {p.dtype for p in part.parameters()} == {torch.float32}


@pytest.mark.parametrize("together", [{"accumulate": 2}, {"processes": Processes(0, 2)}])
def test_a_trainer_that_steps_by_itself_is_refused_in_pieces_and_in_company(together: dict[str, Any]) -> None:
    """Its gradients would be those of a part of the batch: after its first step it is a ConfigError naming it."""
    for through in (True, False):
        trainer = Line(through=through)
        trainer.join(together.get("processes", ALONE), accumulate=together.get("accumulate", 1))
        trainer.step(torch.tensor([[2], [4]]), None)
        if through:
            trainer.check_learned()
        else:
            with pytest.raises(ConfigError, match="Line steps its optimizers itself: it needs one process"):
                trainer.check_learned()
    alone = Line(through=False)
    alone.step(torch.tensor([[2], [4]]), None)
    alone.check_learned()


@pytest.mark.parametrize("count", [1, 2, 4])
def test_shares_of_a_batch_side_by_side_are_the_batch(count: int) -> None:
    """Each process gets its rows of the same batch, over several epochs, with their labels."""
    data, labels = torch.arange(20)[:, None], torch.arange(20) % 3
    alone = Batches(data, labels, batch_size=8, seed=1)
    together = [Batches(data, labels, batch_size=8, seed=1, rank=rank, count=count) for rank in range(count)]
    for _ in range(5):
        rows, classes = alone.next()
        shares = [batches.next() for batches in together]
        assert torch.equal(torch.cat([share for share, _ in shares]), rows)
        assert classes is not None
        assert torch.equal(torch.cat([own for _, own in shares if own is not None]), classes)
    assert {str(batches.position) for batches in together} == {str(alone.position)}


def test_a_batch_without_equal_shares_is_refused(tiny_recipe: Callable[..., Recipe], registry: Any) -> None:
    """A batch that pieces or processes do not divide is a ConfigError, before anything is learnt."""
    resolved = resolve(tiny_recipe(batch_size=6, accumulate=4), registry)
    with pytest.raises(ConfigError, match="a batch of 6 has no equal shares for 1 processes with 4 pieces each"):
        first_state(resolved)
    with pytest.raises(ConfigError, match="a batch of 7 has no equal shares for 2 processes"):
        Batches(torch.zeros(9, 1), batch_size=7, seed=0, count=2)


def test_rmsprop_and_adam_learn_by_it_too(make_trainer: Make) -> None:
    """`learn` steps whatever optimizer there is."""
    for kind in ("adam", "rmsprop"):
        trainer = Line()
        trainer.optimizers["line"] = make_optimizer(
            kind, trainer.parts["line"].parameters(), lr=0.1, beta1=0.9, beta2=0.9
        )
        trainer.step(torch.tensor([[2], [4]]), None)
        assert trainer.weight < 0


def test_an_augmentation_that_the_kind_of_data_lacks_is_refused(make_trainer: Make) -> None:
    """A name that is none of the modality's is a ConfigError with those that are, before anything is learnt."""
    with pytest.raises(ConfigError, match="has no 'blur'; it has color, translation, cutout, flip"):
        make_trainer(augment=["blur"]).join(ALONE)
