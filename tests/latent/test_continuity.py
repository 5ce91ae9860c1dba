"""zoo.latent.continuity: an even space, and one with a cliff."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from zoo.errors import DataError, UsageError
from zoo.latent.continuity import continuity
from zoo.latent.interpolation import plane, traversal
from zoo.nn.prior import Prior

STARTS, ENDS = -torch.ones(5, 2), torch.ones(5, 2)


def cliff(z: Tensor) -> Tensor:
    return (z > 0.05).float()


def test_a_straight_map_is_even_and_a_step_is_a_cliff() -> None:
    """A linear decoder moves in proportion, its longest of ten steps a tenth; a step function moves all at once."""
    even = continuity(lambda z: 3 * z, STARTS, ENDS, fractions=(0.1, 0.5, 1.0))
    assert even.latent_distance == pytest.approx(8**0.5)
    assert even.decoded == pytest.approx((0.6, 3.0, 6.0), rel=1e-5)
    assert even.longest_step == pytest.approx(0.1, rel=1e-4)
    steep = continuity(cliff, STARTS, ENDS, fractions=(0.5, 1.0))
    assert steep.decoded == (0.0, 1.0)
    assert steep.longest_step == 1
    with pytest.raises(UsageError, match="fractions"):
        continuity(cliff, STARTS, ENDS, fractions=(0.0,))
    with pytest.raises(UsageError, match="starts and ends"):
        continuity(cliff, STARTS, ENDS[:2])


def test_a_traversal_changes_one_coordinate() -> None:
    """One coordinate goes from low to high, the others stay."""
    walk = traversal(torch.tensor([5.0, 6.0, 7.0]), 1, 3, low=-1, high=1)
    assert walk.tolist() == [[5, -1, 7], [5, 0, 7], [5, 1, 7]]
    with pytest.raises(UsageError, match="from 0 to 2"):
        traversal(torch.zeros(3), 3, 3)


def test_a_plane_is_evenly_likely() -> None:
    """Its lines are quantiles of N(0, 1); the first point is top left, the last bottom right."""
    z = plane(5, reach=0.9)
    assert z.shape == (25, 2)
    line = z[:5, 0]
    probabilities = torch.distributions.Normal(0.0, 1.0).cdf(line)
    torch.testing.assert_close(probabilities, torch.tensor([0.05, 0.275, 0.5, 0.725, 0.95]), atol=1e-5, rtol=0)
    assert z[0, 0] < 0 < z[0, 1]
    assert z[-1, 1] < 0 < z[-1, 0]
    assert torch.equal(z[::5, 1], line.flip(0))


def test_models_of_other_scales_measure_the_same() -> None:
    """A latent space ten times as wide, and pictures half as strong, change neither the shares nor the longest step."""
    generator = torch.Generator().manual_seed(0)
    starts, ends = torch.randn(50, 3, generator=generator), torch.randn(50, 3, generator=generator)
    mix = torch.randn(3, 5, generator=generator)
    plain = continuity(lambda z: torch.tanh(z @ mix), starts, ends)
    other = continuity(lambda z: 0.5 * torch.tanh(z / 10 @ mix), 10 * starts, 10 * ends)
    assert other.relative == pytest.approx(plain.relative, rel=1e-4)
    assert other.longest_step == pytest.approx(plain.longest_step, rel=1e-4)
    assert other.decoded_distance == pytest.approx(plain.decoded_distance / 2, rel=1e-4)
    assert other.latent_distance == pytest.approx(plain.latent_distance * 10, rel=1e-4)
    assert plain.relative[-1] == pytest.approx(1)
    assert 0.1 < plain.longest_step < 1
    assert 0 < plain.longest_step_error < 0.1


def test_pairs_that_do_not_move_do_not_count() -> None:
    """A pair without steps does not make the others look even; where nothing moves at all, that is said."""
    starts, ends = torch.tensor([[-1.0], [-1.0]]), torch.tensor([[1.0], [-0.5]])
    assert continuity(cliff, starts, ends).longest_step == 1
    with pytest.raises(DataError, match="the same at both ends"):
        continuity(torch.zeros_like, STARTS, ENDS)
    with pytest.raises(UsageError, match="NaN"):
        continuity(cliff, STARTS * float("nan"), ENDS)


def test_a_plane_of_a_uniform_prior_is_evenly_spaced() -> None:
    """Its quantiles are the numbers themselves; limits of a traversal that are not finite are refused."""
    assert plane(3, reach=0.5, prior=Prior(name="uniform", shape=(2,)))[:3, 0].tolist() == [-0.5, 0.0, 0.5]
    with pytest.raises(UsageError, match="finite"):
        traversal(torch.zeros(3), 0, 3, low=float("nan"))


def test_tokens_have_no_distances() -> None:
    """A decoder of tokens is refused in a line."""
    with pytest.raises(UsageError, match="between tokens there are no distances"):
        continuity(lambda z: torch.zeros(len(z), 4, dtype=torch.int64), torch.zeros(2, 3), torch.ones(2, 3))
