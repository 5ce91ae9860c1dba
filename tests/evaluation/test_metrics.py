"""Distances between feature sets, against closed forms and direct sums."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from zoo.errors import DataError, UsageError
from zoo.evaluation.metrics import (
    coverage,
    density,
    diversity,
    frechet_distance,
    kernel_distance,
    nearest_neighbours,
    precision,
    precision_recall,
    recall,
    whole_kernel_distance,
)


def _normal(count: int, dimension: int, seed: int) -> Tensor:
    return torch.randn(count, dimension, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _with_moments(mean: Tensor, deviations: Tensor, count: int) -> Tensor:
    """Rows whose mean and unbiased covariance are exactly `mean` and diag(deviations squared)."""
    x = _normal(count, len(mean), 0)
    basis: Tensor = torch.linalg.qr(x - x.mean(0)).Q
    return mean + basis * deviations * math.sqrt(count - 1)


def test_frechet_of_diagonal_gaussians() -> None:
    """For diagonal covariances the distance is |m - n|^2 + sum (s - t)^2, the closed form."""
    m, n = torch.tensor([1.0, -2.0, 0.5]).double(), torch.tensor([0.0, 1.0, 0.5]).double()
    s, t = torch.tensor([1.0, 2.0, 0.1]).double(), torch.tensor([3.0, 0.5, 0.1]).double()
    expected = float((m - n).square().sum() + (s - t).square().sum())
    assert frechet_distance(_with_moments(m, s, 50), _with_moments(n, t, 80)) == pytest.approx(expected, rel=1e-12)


def test_frechet_of_full_covariances() -> None:
    """For full covariances it equals the formula with the eigenvalues of S_a S_b."""
    a, b = _normal(200, 6, 1) @ _normal(6, 6, 2), _normal(90, 6, 3) @ _normal(6, 6, 4) + 1
    s, t = a.T.cov(), b.T.cov()
    root = torch.linalg.eigvals(s @ t).real.clamp(min=0).sqrt().sum()
    expected = (a.mean(0) - b.mean(0)).square().sum() + s.trace() + t.trace() - 2 * root
    assert frechet_distance(a, b) == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize("count", [5, 40, 41, 200])
def test_frechet_is_a_distance_for_few_and_many(count: int) -> None:
    """With fewer and with more examples than features: zero to itself, symmetric, unmoved by shift, turn and order."""
    a, b = _normal(count, 40, 5), _normal(60, 40, 6) * 1.3 + 0.2
    turn = torch.linalg.qr(_normal(40, 40, 7)).Q
    value = frechet_distance(a, b)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(b, a) == pytest.approx(value, rel=1e-10)
    assert frechet_distance(a @ turn + 5, b.flip(0) @ turn + 5) == pytest.approx(value, rel=1e-9)


def test_frechet_is_biased_upward_by_small_samples() -> None:
    """Two samples of one distribution are further apart the fewer they are, as the docstring warns."""
    reference = _normal(4000, 20, 8)
    few, many = (frechet_distance(_normal(count, 20, 9), reference) for count in (50, 2000))
    assert few > 10 * many > 0


def test_kernel_distance_is_the_direct_double_sum() -> None:
    """With one subset of everything it is the unbiased estimator written as a double loop over pairs."""
    a, b = _normal(7, 4, 10), _normal(7, 4, 11) + 0.5

    def k(x: Tensor, y: Tensor) -> float:
        return float((x @ y / 4 + 1) ** 3)

    n = len(a)
    pairs = [(i, j) for i in range(n) for j in range(n)]
    within = sum(k(a[i], a[j]) + k(b[i], b[j]) for i, j in pairs if i != j) / (n * (n - 1))
    across = sum(k(a[i], b[j]) for i, j in pairs) / n**2
    mean, error = kernel_distance(a, b, subsets=1, subset_size=7)
    assert mean == pytest.approx(within - 2 * across, rel=1e-10)
    assert math.isnan(error)


def test_kernel_distance_is_unbiased_and_seeded() -> None:
    """For one distribution it is zero within its error, for another it is not, and a seed repeats it exactly."""
    a, b = _normal(1000, 8, 12), _normal(1000, 8, 13)
    mean, error = kernel_distance(a, b, subsets=40, subset_size=100, seed=1)
    assert abs(mean) < 5 * error
    assert (mean, error) == kernel_distance(a, b, subsets=40, subset_size=100, seed=1)
    assert (mean, error) != kernel_distance(a, b, subsets=40, subset_size=100, seed=2)
    far, far_error = kernel_distance(a, b + 1, subsets=40, subset_size=100)
    assert far > 20 * far_error


def test_nearest_neighbours_are_those_of_brute_force() -> None:
    """Indices and distances equal a full table's, over several chunks, and a copy has distance exactly 0."""
    queries, references = _normal(600, 5, 14).float() + 100, _normal(70, 5, 15).float() + 100
    queries[3] = references[41]
    indices, distances = nearest_neighbours(queries, references, 4)
    table = torch.cdist(queries.double(), references.double(), compute_mode="donot_use_mm_for_euclid_dist")
    expected = table.topk(4, largest=False)
    assert torch.equal(indices, expected.indices)
    torch.testing.assert_close(distances, expected.values, rtol=1e-12, atol=1e-12)
    assert (int(indices[3, 0]), float(distances[3, 0])) == (41, 0.0)


def test_precision_and_recall_tell_collapse_from_noise() -> None:
    """A collapsed set has precision without recall, a distant one has neither, and the set itself has both."""
    real = _normal(300, 6, 16)
    assert precision_recall(real, real) == (1.0, 1.0)
    precision, recall = precision_recall(real, real[:10].repeat(30, 1))
    assert precision == 1.0
    assert recall < 0.1
    assert precision_recall(real, _normal(300, 6, 17) + 50) == (0.0, 0.0)


def test_precision_and_recall_by_hand() -> None:
    """On a line with k = 1 the balls can be counted by hand."""
    real = torch.tensor([[0.0], [1.0], [10.0]])  # radii 1, 1, 9
    generated = torch.tensor([[2.0], [1.5], [-5.0]])  # radii 0.5, 0.5, 6.5
    assert precision_recall(real, generated, k=1) == pytest.approx((2 / 3, 2 / 3))


def test_density_and_coverage_by_hand() -> None:
    """Radii 1, 1 and 9 on a line, k = 1: the samples lie in 3, 2 and 0 balls, and all real examples are covered."""
    real = torch.tensor([[0.0], [1.0], [10.0]])
    samples = torch.tensor([[1.0], [1.5], [-5.0]])  # in the balls of all three; of 1 and 10; of none
    assert density(samples, real, k=1) == pytest.approx(5 / 3)
    assert coverage(samples, real, k=1) == 1.0
    assert coverage(samples[2:].repeat(3, 1), real, k=1) == 0.0
    assert coverage(torch.tensor([[0.0], [0.0], [0.0]]), real, k=1) == pytest.approx(2 / 3)


def test_density_and_coverage_of_the_same_distribution() -> None:
    """Real examples in the place of samples have a density of about 1, and cover nearly all; copies of few do not."""
    real, others = _normal(800, 6, 18), _normal(800, 6, 19)
    assert density(others, real) == pytest.approx(1, abs=0.1)
    assert coverage(others, real) > 0.9  # 1 - 2^-5 on average
    assert coverage(real[:8].repeat(100, 1), real) < 0.1
    with pytest.raises(UsageError, match="k=5"):
        density(real[:5], real)


def test_precision_and_recall_stand_alone_too() -> None:
    """Each is the one of the pair, in its place."""
    real, samples = _normal(200, 4, 20), _normal(150, 4, 21) * 0.5
    assert (precision(samples, real), recall(samples, real)) == precision_recall(real, samples)


def test_diversity_is_relative_to_the_data() -> None:
    """As varied as the data is 1, half as wide is a half, one sample over and over is 0; alike data have none."""
    real = _normal(400, 5, 22)
    assert diversity(real + 3, real) == pytest.approx(1)
    assert diversity(real / 2, real) == pytest.approx(0.5)
    assert diversity(real[:1].repeat(9, 1), real) == 0
    assert diversity(real, real[:1].repeat(9, 1)) is None


def test_the_whole_kernel_distance_has_no_draw_in_it() -> None:
    """It is that of one subset that is all, whatever the order."""
    a, b = _normal(120, 4, 23), _normal(120, 4, 24) + 0.3
    assert whole_kernel_distance(a, b) == pytest.approx(kernel_distance(a, b, subsets=1, subset_size=120)[0])
    assert whole_kernel_distance(a.flip(0), b) == pytest.approx(whole_kernel_distance(a, b), rel=1e-9)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (torch.zeros(5), torch.zeros(5, 3)),
        (torch.zeros(5, 3), torch.zeros(5, 4)),
        (torch.zeros(5, 3), torch.zeros(1, 3)),
        (torch.full((5, 3), float("nan")), torch.zeros(5, 3)),
        (torch.zeros(5, 3), torch.full((5, 3), float("inf"))),
    ],
)
def test_features_that_cannot_be_compared_are_refused(a: Tensor, b: Tensor) -> None:
    """Wrong shapes, too few rows, NaN and infinity raise DataError in every distance."""
    for distance in (frechet_distance, kernel_distance):
        with pytest.raises(DataError):
            distance(a, b)


def test_counts_that_cannot_be_meant_are_refused() -> None:
    """Impossible counts raise UsageError that says which are possible."""
    x = torch.zeros(5, 3)
    with pytest.raises(UsageError, match="subsets=0"):
        kernel_distance(x, x, subsets=0)
    with pytest.raises(UsageError, match=r"\[1, 5\]"):
        nearest_neighbours(x, x, 6)
    with pytest.raises(UsageError, match="k=5"):
        precision_recall(x, x, k=5)
