"""Figures of two sets of feature vectors, and nearest neighbours. All sums are taken in float64.

A feature matrix is (N, d), one row an example. Nothing here knows which network made the features; whoever
publishes a number names the network with it.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from zoo.errors import DataError, UsageError

__all__ = [
    "coverage",
    "density",
    "diversity",
    "frechet_distance",
    "kernel_distance",
    "nearest_neighbours",
    "precision",
    "precision_recall",
    "recall",
    "whole_kernel_distance",
]

CHUNK = 256  # rows of a distance matrix held at a time
MOST_ROWS = 5000  # of which a whole kernel is taken
NEAREST = 3  # the neighbour that the balls of precision and recall reach to


def _checked(a: Tensor, b: Tensor, least: int) -> tuple[Tensor, Tensor]:
    for name, x in (("first", a), ("second", b)):
        if x.dim() != 2 or len(x) < least:
            raise DataError(f"the {name} set has shape {tuple(x.shape)}; at least {least} rows of features are needed")
        if not bool(torch.isfinite(x).all()):
            raise DataError(f"the {name} set of features holds NaN or infinite values")
    if a.shape[1] != b.shape[1]:
        raise DataError(f"the two sets have {a.shape[1]} and {b.shape[1]} features; both must come from one network")
    return a.double(), b.double()


def _mean_and_factor(x: Tensor) -> tuple[Tensor, Tensor]:
    """The mean (d,), and a matrix R with R^T R = the unbiased covariance, of at most min(N, d) rows."""
    mean = x.mean(0)
    centred = (x - mean) / (len(x) - 1) ** 0.5
    if len(x) > x.shape[1]:
        centred = torch.linalg.qr(centred, mode="r").R
    return mean, centred


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Squared Fréchet distance between Gaussians fitted to feature matrices (N, d) and (M, d), at least 2 rows each.

    |m_a - m_b|^2 + Tr(S_a + S_b - 2 (S_a S_b)^(1/2)), Heusel et al. 2017, equation 6. With S_a = A^T A and
    S_b = B^T B the eigenvalues of S_a S_b are the squared singular values of A B^T, so the trace of the root is their
    sum. No matrix root is taken, so nothing turns complex and no diagonal is padded when N < d makes S singular.

    The estimate is biased upward when samples are few, and the bias depends on N: compare numbers of the same N, and
    beside the distance that held-out real examples have. Raises DataError for shapes that do not fit, NaN or infinity.
    """
    a, b = _checked(a, b, 2)
    mean_a, factor_a = _mean_and_factor(a)
    mean_b, factor_b = _mean_and_factor(b)
    root = torch.linalg.svdvals(factor_a @ factor_b.T).sum()
    distance = (mean_a - mean_b).square().sum() + factor_a.square().sum() + factor_b.square().sum() - 2 * root
    return max(0.0, float(distance))


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _mmd2(x: Tensor, y: Tensor) -> Tensor:
    """Unbiased squared maximum mean discrepancy of two sets of n rows each: the pairs (i, i) are left out."""
    n = len(x)
    within = sum((k.sum() - k.diagonal().sum() for k in (_kernel(x, x), _kernel(y, y))), x.new_zeros(()))
    return within / (n * (n - 1)) - 2 * _kernel(x, y).mean()


def kernel_distance(
    a: Tensor, b: Tensor, *, subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Kernel distance of feature matrices (N, d) and (M, d): (mean, standard error) over random subsets.

    The unbiased squared maximum mean discrepancy with kernel (x.y / d + 1)^3, Bińkowski et al. 2018, section 4. It is
    zero on average for two samples of one distribution, so it may come out negative. Subsets are drawn without
    replacement, of `subset_size` rows or of as many as the smaller set has; they overlap, so the standard error is that
    of the draw of subsets, not of the examples (not a number for one subset). Raises DataError as `frechet_distance`,
    and UsageError for counts too small.
    """
    if subsets < 1 or subset_size < 2:
        raise UsageError(f"subsets={subsets}, subset_size={subset_size}: at least 1 and 2 are needed")
    a, b = _checked(a, b, 2)
    size = min(subset_size, len(a), len(b))
    generator = torch.Generator().manual_seed(seed)
    values = torch.empty(subsets, dtype=torch.float64)
    for i in range(subsets):
        x = a[torch.randperm(len(a), generator=generator)[:size]]
        y = b[torch.randperm(len(b), generator=generator)[:size]]
        values[i] = _mmd2(x, y)
    error = float(values.std()) / subsets**0.5 if subsets > 1 else float("nan")
    return float(values.mean()), error


def whole_kernel_distance(samples: Tensor, real: Tensor) -> float:
    """`kernel_distance` of one subset that is all: (N, d) and (M, d), as many of each as are of both, 5,000 at most.

    It has no draw of subsets in it, so that how it varies over samples is what is left. Raises as `kernel_distance`.
    """
    return kernel_distance(samples, real, subsets=1, subset_size=MOST_ROWS)[0]


def diversity(samples: Tensor, real: Tensor) -> float | None:
    """How far apart two samples are, as a share of how far two real examples are: 1 is as varied as the data.

    Root mean square distances between two different rows of (N, d), and of (M, d): each the square root of twice the
    trace of the covariance; None where the real examples are all alike. Raises DataError as `frechet_distance`.
    """
    samples, real = _checked(samples, real, 2)
    spread = real.var(0).sum()
    return float((samples.var(0).sum() / spread).sqrt()) if spread else None


def _squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """(len(x), len(y)); differences of large terms, so good to about 1e-15 of the squared norms."""
    squares = x.square().sum(1, keepdim=True) + y.square().sum(1) - 2 * (x @ y.T)
    return squares.clamp_(min=0)


def _chunks(x: Tensor) -> Iterator[Tensor]:
    """Rows a few at a time, which bounds the memory a distance matrix takes."""
    return (x[start : start + CHUNK] for start in range(0, len(x), CHUNK))


def nearest_neighbours(queries: Tensor, references: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
    """For each of the queries (N, d) the k nearest references (M, d), Euclidean, nearest first.

    Returns (indices, distances): int64 and float64, both (N, k). Distances are taken from the differences, so that an
    exact copy has distance 0. Raises UsageError unless 1 <= k <= M, and DataError as `frechet_distance`.
    """
    queries, references = _checked(queries, references, 1)
    if not 1 <= k <= len(references):
        raise UsageError(f"k={k} neighbours of {len(references)} references: k must lie in [1, {len(references)}]")
    indices = torch.cat(
        [_squared_distances(part, references).topk(k, largest=False).indices for part in _chunks(queries)]
    )
    distances = torch.stack([(queries - references[indices[:, j]]).norm(dim=1) for j in range(k)], 1)
    distances, order = distances.sort(dim=1, stable=True)
    return indices.gather(1, order), distances


def precision_recall(real: Tensor, generated: Tensor, *, k: int = NEAREST) -> tuple[float, float]:
    """Precision and recall of generated against real features (M, d) and (N, d), each in [0, 1].

    Kynkäänniemi et al. 2019, equation 1: the share of generated examples inside the union of balls that reach from
    each real example to its k-th nearest real neighbour, and the same with the roles exchanged. A model that has
    collapsed to few examples keeps its precision and loses recall. Raises UsageError and DataError as
    `nearest_neighbours`; both sets need more than k examples.
    """
    generated, real = _enough(generated, real, k)
    return _share_inside(generated, real, k), _share_inside(real, generated, k)


def precision(samples: Tensor, real: Tensor) -> float:
    """The precision of `precision_recall` alone."""
    samples, real = _enough(samples, real, NEAREST)
    return _share_inside(samples, real, NEAREST)


def recall(samples: Tensor, real: Tensor) -> float:
    """The recall of `precision_recall` alone."""
    samples, real = _enough(samples, real, NEAREST)
    return _share_inside(real, samples, NEAREST)


def density(samples: Tensor, real: Tensor, *, k: int = 5) -> float:
    """In how many of the balls around real examples (M, d) a sample of (N, d) lies, by the k it would be for real ones.

    Naeem et al. 2020 (arXiv:2002.09797), equation 3: the balls reach from each real example to its k-th nearest real
    neighbour; 1 on average for samples of the real distribution, and more where samples crowd in dense places. Raises
    as `precision_recall`.
    """
    samples, real = _enough(samples, real, k)
    radii = _radii(real, k)
    inside = sum(int((_squared_distances(part, real) <= radii).sum()) for part in _chunks(samples))
    return inside / (k * len(samples))


def coverage(samples: Tensor, real: Tensor, *, k: int = 5) -> float:
    """The share of real examples (M, d) whose ball holds at least one sample of (N, d), in [0, 1].

    Naeem et al. 2020 (arXiv:2002.09797), equation 4; the balls are those of `density`. Unlike recall it does not trust
    outliers among the samples. Raises as `precision_recall`.
    """
    samples, real = _enough(samples, real, k)
    radii = _radii(real, k)
    nearest = torch.cat([_squared_distances(part, samples).amin(1) for part in _chunks(real)])
    return float((nearest <= radii).double().mean())


def _enough(samples: Tensor, real: Tensor, k: int) -> tuple[Tensor, Tensor]:
    samples, real = _checked(samples, real, 1)
    if not 1 <= k < min(len(real), len(samples)):
        raise UsageError(f"k={k} with {len(real)} real and {len(samples)} generated examples: more than k are needed")
    return samples, real


def _radii(centres: Tensor, k: int) -> Tensor:
    """Squared distances from each centre to its k-th nearest other one; its nearest is itself, hence k + 1."""
    return torch.cat([_squared_distances(part, centres).kthvalue(k + 1).values for part in _chunks(centres)])


def _share_inside(points: Tensor, centres: Tensor, k: int) -> float:
    radii = _radii(centres, k)
    inside = [(_squared_distances(part, centres) <= radii).any(1) for part in _chunks(points)]
    return float(torch.cat(inside).double().mean())
