"""zoo.latent.interpolation: paths that begin and end where they should, and keep their norm."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.errors import UsageError
from zoo.latent.interpolation import linear, spherical

Path = Callable[[Tensor, Tensor, int], Tensor]


def ends(seed: int, *shape: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)


@pytest.mark.parametrize("path", [linear, spherical])
@pytest.mark.parametrize("steps", [2, 3, 8])
def test_both_ends_are_on_the_path_to_the_last_bit(path: Path, steps: int) -> None:
    """A path of n steps has n latents of the ends' shape, the first and last exactly the ends."""
    for seed in range(100):
        start, end = ends(seed, 3, 16)
        walk = path(start, end, steps)
        assert walk.shape == (steps, 3, 16)
        assert torch.equal(walk[0], start)
        assert torch.equal(walk[-1], end)


def test_the_straight_line_has_even_steps() -> None:
    """Every step of the straight line is the same vector."""
    start, end = ends(0, 16)
    walk = linear(start, end, 5)
    assert torch.allclose(walk.diff(dim=0), (end - start).expand(4, 16) / 4, atol=1e-6)


def test_the_great_circle_keeps_the_norm_and_turns_evenly() -> None:
    """Between ends of one norm every point has it; all steps turn by one angle and stay in the ends' plane."""
    start, end = (latent / latent.norm() * 4 for latent in ends(0, 64))
    walk = spherical(start, end, 9)
    assert torch.allclose(walk.norm(dim=1), torch.full((9,), 4.0), atol=1e-5)
    turns = torch.nn.functional.cosine_similarity(walk[1:], walk[:-1], dim=1).clamp(max=1).arccos()
    whole = math.acos(float(start @ end) / 16)
    assert torch.allclose(turns, torch.full((8,), whole / 8), atol=1e-3)
    assert int(torch.linalg.matrix_rank(walk, tol=1e-3)) == 2


def test_a_known_path() -> None:
    """From (1, 0) to (0, 1) the middle of the circle is at 45 degrees."""
    walk = spherical(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 3)
    assert torch.allclose(walk[1], torch.full((2,), math.sqrt(0.5)))


E1 = torch.tensor([1.0, 0.0, 0.0])
DEGENERATE = {
    "the same": (E1, E1),
    "the same way": (E1, 3 * E1),
    "opposite": (E1, -E1),
    "from zero": (torch.zeros(3), E1),
    "to zero": (E1, torch.zeros(3)),
    "zero": (torch.zeros(3), torch.zeros(3)),
}


@pytest.mark.parametrize("case", DEGENERATE)
def test_where_there_is_no_circle_the_line_is_given(case: str) -> None:
    """Between ends that point the same or opposite ways, or are zero, the path is straight and finite."""
    start, end = DEGENERATE[case]
    walk = spherical(start, end, 5)
    assert torch.equal(walk, linear(start, end, 5))
    assert bool(walk.isfinite().all())


def test_ends_that_nearly_agree_give_a_finite_path() -> None:
    """However close the ends are, every point is near them."""
    for exponent in range(1, 9):
        end = E1 + torch.tensor([0.0, 10.0**-exponent, 0.0])
        walk = spherical(E1, end, 5)
        assert float((walk - E1).norm(dim=1).max()) < 1.1 * 10.0**-exponent + 1e-3


@pytest.mark.parametrize("path", [linear, spherical])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_the_path_has_the_ends_precision(path: Path, dtype: torch.dtype) -> None:
    """Latents of any float type are walked between in that type."""
    start, end = (latent.to(dtype) for latent in ends(0, 4))
    assert path(start, end, 3).dtype == dtype


@pytest.mark.parametrize("path", [linear, spherical])
@pytest.mark.parametrize("steps", [1, 0, -3, 10_001, 2.0, True, None, "5"])
def test_other_numbers_of_steps_are_refused(path: Path, steps: Any) -> None:
    """Steps are a whole number from 2 to 10,000."""
    with pytest.raises(UsageError, match=r"steps is .* it must be a whole number from 2 to 10,000"):
        path(E1, E1, steps)


@pytest.mark.parametrize("path", [linear, spherical])
def test_ends_of_two_shapes_are_refused(path: Path) -> None:
    """Both ends have one latent's shape."""
    with pytest.raises(UsageError, match=r"shapes \(3,\) and \(1, 3\); they must be equal"):
        path(E1, E1[None], 3)
