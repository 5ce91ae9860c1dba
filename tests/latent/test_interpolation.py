"""zoo.latent.interpolation: paths that begin and end where they should, and keep their norm."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.errors import UsageError
from zoo.latent.interpolation import linear, plane, spherical, within
from zoo.nn.distributions import GaussianMixture
from zoo.nn.prior import Prior

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


# --- where a prior has its mass ------------------------------------------------------------------------------------


def mixture(means: Tensor, factors: Tensor) -> Prior:
    weights = torch.ones(len(means))
    return Prior(name="mixture", shape=(means.shape[1],), mixture=GaussianMixture(weights, means, factors))


def far(size: int = 64, apart: float = 2.0) -> Prior:
    """Two overlapping clusters far from the origin, wider on some axes than on others."""
    generator = torch.Generator().manual_seed(0)
    means = 30 + apart * torch.randn(2, size, generator=generator) / size**0.5
    factors = torch.diag(torch.linspace(0.1, 2.0, size)).expand(2, size, size)
    return mixture(means, factors)


def test_of_a_normal_prior_it_is_the_great_circle() -> None:
    """N(0, I) as such and as a mixture of one component give the great circle; U(-1, 1) the line within the cube."""
    start, end = ends(0, 16)
    circle = spherical(start, end, 7)
    assert torch.equal(within(Prior(name="normal", shape=(16,)), start, end, 7), circle)
    one = mixture(torch.zeros(1, 16), torch.eye(16)[None])
    torch.testing.assert_close(within(one, start, end, 7), circle)
    corners = torch.tensor([1.0, 1.0]), torch.tensor([1.0, -1.0])
    assert float(spherical(*corners, 3).abs().max()) > 1.4
    assert torch.equal(within(Prior(name="uniform", shape=(2,)), *corners, 3), linear(*corners, 3))


def test_a_walk_through_a_mixture_is_as_likely_as_its_ends_and_goes_through_no_average() -> None:
    """Far from 0 no point of it is much less likely than its ends, and none is nearer to the mean than draws are.

    Its squared distance from the mean, in the mixture's own coordinates, stays about the 64 that draws have; those of
    the straight line and of a circle around 0 fall to half of it.
    """
    prior = far()
    assert prior.mixture is not None
    mean, factor = prior.mixture.moments()
    z = prior.sample(40, seed=1)
    for start, end in zip(z[::2], z[1::2], strict=True):
        walk, straight, around_zero = (path(start, end, 9) for path in (partial(within, prior), linear, spherical))
        assert torch.equal(walk[0], start)
        assert torch.equal(walk[-1], end)
        logs = prior.log_prob(walk)
        assert float(logs.min()) > float(torch.minimum(logs[0], logs[-1])) - 3 * 32**0.5
        middles = torch.stack([walk[4], straight[4], around_zero[4]]) - mean
        on_walk, *on_others = torch.linalg.solve_triangular(factor, middles.T, upper=False).square().sum(0).tolist()
        assert max(on_others) < 0.8 * on_walk
        assert 64 - 45 < on_walk < 64 + 45


def test_between_clusters_on_a_plane_it_is_straight() -> None:
    """Where a circle goes through nowhere the line is taken: here through the cluster in the middle of the others."""
    angles = torch.arange(6) * math.pi / 3
    means = torch.cat([torch.stack([angles.cos(), angles.sin()], dim=1) * 4, torch.zeros(1, 2)])
    prior = mixture(means, torch.eye(2).expand(7, 2, 2) * 0.3)
    start, end = torch.tensor([4.0, 0.0]), torch.tensor([-3.9, 0.4])
    assert torch.equal(within(prior, start, end, 9), linear(start, end, 9))
    z = prior.sample(60, seed=0)
    for start, end in zip(z[::2], z[1::2], strict=True):
        walk = within(prior, start, end, 9)
        lowest = [float(prior.log_prob(path).min()) for path in (walk, linear(start, end, 9))]
        assert lowest[0] >= min(lowest[1], float(prior.log_prob(torch.stack([start, end])).min()) - 3)


@pytest.mark.parametrize("steps", [1, 2.0, "5"])
def test_other_steps_of_a_mixtures_walk_are_refused(steps: Any) -> None:
    """As of every path."""
    with pytest.raises(UsageError, match="steps is"):
        within(far(), *ends(0, 64), steps)


def test_the_cells_of_a_mixtures_plane_are_as_likely_as_any_other() -> None:
    """Between neighbouring lines of the grid of a two-cluster prior there lie as many of its draws everywhere.

    The product of the axes' own quantiles is no such grid: half of its cells hold nothing.
    """
    prior = mixture(torch.tensor([[-5.0, -5.0], [5.0, 5.0]]), torch.tensor([[0.5, 0.0], [0.3, 0.4]]).expand(2, 2, 2))
    n, reach = 6, 0.75
    grid = plane(n, reach=reach, prior=prior).view(n, n, 2)
    assert torch.equal(grid[0, :, 0], grid[-1, :, 0])  # columns are upright
    assert bool((grid[:-1, :, 1] > grid[1:, :, 1]).all())  # the second axis goes up
    z = prior.sample(40_000, seed=0)
    for column in range(n - 1):
        left, right = grid[0, column, 0], grid[0, column + 1, 0]
        share = float(((z[:, 0] > left) & (z[:, 0] < right)).float().mean())
        assert share == pytest.approx(reach / (n - 1), abs=0.01)
    for column in range(n):
        near = z[(z[:, 0] - grid[0, column, 0]).abs() < 0.05]
        below = float((near[:, 1] < grid[1, column, 1]).float().mean())
        assert below == pytest.approx((1 + reach) / 2 - reach / (n - 1), abs=0.06)
    middle = plane(3, prior=prior).view(3, 3, 2)[:, 0]
    assert float(prior.log_prob(middle).min()) > -8  # no point between the clusters
