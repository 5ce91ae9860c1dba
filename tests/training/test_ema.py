"""zoo.training.ema: the half-life counts examples, and the average forgets the start."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from zoo.training.ema import Ema

LONG_AGO = 10**9  # examples seen, so many that the half-life is the whole one


def network(value: float) -> nn.Sequential:
    module = nn.Sequential(nn.Linear(2, 2, dtype=torch.float64), nn.BatchNorm1d(2, dtype=torch.float64))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(value)
    return module


def moved(start: float, end: float, *, half_life: float) -> tuple[Ema, nn.Sequential]:
    """A network of the one value that has become one of the other after its average was begun."""
    module = network(start)
    ema = Ema(module, half_life=half_life)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(end)
    return ema, module


def average(ema: Ema) -> float:
    values = {float(v) for parameter in ema.module.parameters() for v in parameter.flatten()}
    assert len(values) == 1
    return values.pop()


@pytest.mark.parametrize("batch", [1, 10, 50])
def test_a_weights_share_halves_every_half_life(batch: int) -> None:
    """After a half-life of examples, in batches of any size, the start counts for a half, after two for a quarter."""
    ema, _ = moved(0.0, 1.0, half_life=100)
    for wanted in (0.5, 0.75, 0.875):
        for _ in range(100 // batch):
            ema.update(examples=batch, examples_seen=LONG_AGO)
        assert average(ema) == pytest.approx(wanted, rel=1e-9)


def test_early_on_the_half_life_is_a_tenth_of_the_images_seen() -> None:
    """After n examples the half-life is n / 10 until that exceeds the one asked for: the random start is soon gone."""
    (ema, _), start, seen = moved(1.0, 0.0, half_life=6), 1.0, 0
    for _ in range(12):
        seen += 10
        ema.update(examples=10, examples_seen=seen)
        start *= 0.5 ** (10 / min(6, seen / 10))
        assert average(ema) == pytest.approx(start, rel=1e-9)
    assert start < 1e-9


def test_a_half_life_of_0_copies() -> None:
    """With a half-life of 0 the average is the last network, to the last bit."""
    ema, _ = moved(0.1, 0.7, half_life=0)
    ema.update(examples=4, examples_seen=4)
    assert average(ema) == 0.7


def test_buffers_are_copied() -> None:
    """The running statistics of a batch norm are taken over whole, not averaged."""
    ema, new = moved(0.0, 1.0, half_life=100)
    new[1].running_var = torch.full((2,), 2.0, dtype=torch.float64)  # a new tensor in its place
    new(torch.randn(8, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    ema.update(examples=1, examples_seen=LONG_AGO)
    theirs = dict(new.named_buffers())
    assert set(theirs) == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    for name, buffer in ema.module.named_buffers():
        assert torch.equal(buffer, theirs[name])
    assert theirs["1.running_mean"].any()


def test_the_average_stands_apart() -> None:
    """The average is a copy in eval mode that wants no gradient, and the network itself is never changed by it."""
    new = network(1.0)
    ema = Ema(new, half_life=10)
    assert not ema.module.training
    assert new.training
    assert not any(p.requires_grad for p in ema.module.parameters())
    with torch.no_grad():
        new[0].weight.fill_(5.0)
    assert average(ema) == 1.0
    before = [p.clone() for p in new.parameters()]
    ema.update(examples=5, examples_seen=LONG_AGO)
    assert all(torch.equal(p, q) for p, q in zip(new.parameters(), before, strict=True))
    assert all(p.requires_grad and p.grad is None for p in new.parameters())
