"""zoo.data.draws: the same numbers for a batch, however many processes share it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from zoo.data.draws import Draw, Draws

KINDS: list[Callable[[Draws, int], Tensor]] = [
    lambda draws, n: draws.normal(n, 3, 2),
    lambda draws, n: draws.uniform(n, 5),
    lambda draws, n: draws.integers(-4, 5, n, 1),
]


def of(rank: int, count: int) -> Draws:
    return Draws(torch.Generator().manual_seed(3), rank, count)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("draw", KINDS)
def test_the_shares_of_all_processes_are_the_batch_of_one(draw: Callable[[Draws, int], Tensor], count: int) -> None:
    """Side by side, the rows that the processes keep are those one process draws; and so are those drawn after."""
    alone, together = of(0, 1), [of(rank, count) for rank in range(count)]
    for _ in range(2):
        whole = draw(alone, 12)
        assert torch.equal(torch.cat([draw(draws, 12 // count) for draws in together]), whole)


def test_the_ranges_are_as_said() -> None:
    """Uniform numbers lie in [0, 1), whole ones from the low end to the high one less 1, each of them drawn."""
    uniform, whole = of(0, 1).uniform(4000), of(0, 1).integers(-2, 3, 4000)
    assert 0 <= float(uniform.min()) < 0.01
    assert 0.99 < float(uniform.max()) < 1
    assert sorted(set(whole.tolist())) == [-2, -1, 0, 1, 2]
    assert float(of(0, 1).normal(4000).std()) == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("draw", KINDS)
def test_what_was_drawn_can_be_drawn_into_a_place(draw: Callable[[Draws, int], Tensor]) -> None:
    """What a call asks for is noted, and drawn anew from the same generator: the same numbers, wherever they go."""
    asked: list[Draw] = []

    def given(one: Draw) -> Tensor:
        asked.append(one)
        return torch.zeros(one.shape, dtype=one.dtype)

    drawn = draw(of(0, 1), 12)
    assert not draw(Draws(torch.Generator(), given=given), 12).any()
    (one,) = asked
    place = torch.empty(drawn.nbytes + 64, dtype=torch.int8)[64:].view(one.dtype).view(one.shape)
    assert one.of(torch.Generator().manual_seed(3), out=place) is place
    assert torch.equal(place, drawn)
