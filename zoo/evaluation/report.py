"""One report on a generator: distance to the training data, the floor real data have, and the search for copies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.data.modality import Modality
from zoo.errors import DataError, UsageError
from zoo.evaluation.features import Observer, Progress, cached_vectors, vectors
from zoo.evaluation.metrics import frechet_distance, kernel_distance, nearest_neighbours, precision_recall

__all__ = ["Distances", "Figures", "Floor", "Neighbour", "Report", "distances_by", "evaluate", "neighbour_pairs"]

LEAST = 4  # examples of each set: precision and recall look at the third neighbour


@dataclass(frozen=True, kw_only=True)
class Floor:
    """What real examples score that the model has not seen: the test set against the training set.

    The Fréchet distance is biased upward by about the inverse of the count, so `frechet_of_samples` is that of as many
    samples as there are test examples: those two compare, and `Figures.frechet` with neither.
    """

    test_examples: int
    frechet: float
    frechet_of_samples: float  # of the first `test_examples` samples, or of all if there are fewer
    kernel: float
    kernel_standard_error: float


@dataclass(frozen=True, kw_only=True)
class Figures:
    """How far samples are from the training examples, by one network."""

    network: str  # whose vectors the distances are between
    network_sha256: str  # of its weights; empty where it has none
    samples: int
    train_examples: int
    frechet: float
    kernel: float
    kernel_standard_error: float
    precision: float
    recall: float
    floor: Floor | None  # None without test examples

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON-able data."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """The nearest training example of one sample, by features and by values."""

    sample: int
    by_features: int  # index into the training set
    feature_distance: float  # Euclidean, between the network's vectors
    by_values: int
    value_distance: float  # root mean square over all values, of 1


@dataclass(frozen=True, kw_only=True)
class Distances:
    """Distances from each of `count` examples to its nearest training example: the median, and the 5 % quantile."""

    count: int
    feature_median: float
    feature_5_percent: float
    value_median: float
    value_5_percent: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """Numbers on one generator, with all that is needed to compare them. `to_json` gives plain data."""

    figures: Figures
    torch: str
    seed: int  # of the kernel distance's subsets; the samples' own seed belongs to whoever draws them
    neighbours: tuple[Neighbour, ...]  # of the first samples
    sample_distances: Distances
    test_distances: Distances | None  # the yardstick: samples nearer than these are suspect

    def to_json(self) -> dict[str, Any]:
        """The report as JSON-able data, the figures among the rest."""
        figures, data = self.figures.to_json(), asdict(self)
        del data["figures"]
        return figures | data


def _points(x: Tensor, modality: Modality) -> Tensor:
    """Stored examples -> (N, values of one) scaled so that a Euclidean distance is a root mean square, of 1."""
    flat = modality.values(x, torch.float64).flatten(1).double()
    return flat / math.sqrt(flat.shape[1])


@dataclass(frozen=True)
class _Set:
    examples: Tensor  # (N, *data_shape), stored
    features: Tensor  # (N, D)


@dataclass(frozen=True)
class _Nearest:
    """For each example of a set its nearest training example; every field is (N,)."""

    by_features: Tensor
    feature_distance: Tensor
    by_values: Tensor
    value_distance: Tensor

    def first(self, count: int) -> tuple[Neighbour, ...]:
        columns = (self.by_features, self.feature_distance, self.by_values, self.value_distance)
        rows = zip(*(column[:count].tolist() for column in columns), strict=True)
        return tuple(
            Neighbour(sample=i, by_features=f, feature_distance=df, by_values=v, value_distance=dv)
            for i, (f, df, v, dv) in enumerate(rows)
        )

    def distances(self) -> Distances:
        levels = torch.tensor([0.5, 0.05], dtype=torch.float64)
        feature_median, feature_low = self.feature_distance.quantile(levels).tolist()
        value_median, value_low = self.value_distance.quantile(levels).tolist()
        return Distances(
            count=len(self.by_features),
            feature_median=feature_median,
            feature_5_percent=feature_low,
            value_median=value_median,
            value_5_percent=value_low,
        )


def _nearest(queries: _Set, train: _Set, modality: Modality) -> _Nearest:
    by_features, feature_distance = nearest_neighbours(queries.features, train.features)
    points = _points(queries.examples, modality), _points(train.examples, modality)
    by_values, value_distance = nearest_neighbours(points[0], points[1])
    return _Nearest(by_features[:, 0], feature_distance[:, 0], by_values[:, 0], value_distance[:, 0])


def _offset(progress: Progress | None, before: int, total: int) -> Progress | None:
    return None if progress is None else lambda done, _: progress(before + done, total)


def _checked(x: Tensor, what: str, shape: torch.Size, modality: Modality) -> Tensor:
    try:
        x = modality.stored(x).cpu()
    except DataError as error:
        raise DataError(f"{what}: {error}") from error
    if x.shape[1:] != shape or len(x) < LEAST:
        wanted = f"at least {LEAST} of shape {tuple(shape)}"
        raise DataError(f"{what}: {len(x)} examples of shape {tuple(x.shape[1:])}; {wanted} are needed")
    return x


def evaluate(
    samples: Tensor,
    train: Tensor,
    test: Tensor | None,
    observer: Observer,
    *,
    seed: int = 0,
    neighbours: int = 16,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Compare generated samples with the training examples, and the test examples with them likewise.

    All are (N, *data_shape), as datasets store them or as models give them. `observer` is what looks at them.
    `neighbours` is how many of the samples are listed beside their nearest training example. Vectors
    of real examples are kept in `cache_dir`. `progress` is called with (examples done, examples in all).

    The distances are those of the network that the report names: they do not compare with another network's. The
    Fréchet distance is biased upward when samples are few, so only numbers of the same count compare; see `Floor`.
    Precision and recall take as many random training examples as there are samples, at most.

    Raises DataError for samples that are not finite, not in [0, 1] or of another shape; UsageError for counts too
    small.
    """
    if not 0 <= neighbours <= len(samples):
        raise UsageError(f"neighbours={neighbours} of {len(samples)} samples; there must be from 0 to as many")
    drawn, known, unseen = _seen(samples, train, test, observer, cache_dir, progress)
    modality = observer.modality
    nearest = _nearest(drawn, known, modality)
    return Report(
        figures=_figures(drawn, known, unseen, observer, seed),
        torch=torch.__version__,
        seed=seed,
        neighbours=nearest.first(neighbours),
        sample_distances=nearest.distances(),
        test_distances=None if unseen is None else _nearest(unseen, known, modality).distances(),
    )


def distances_by(
    samples: Tensor,
    train: Tensor,
    test: Tensor | None,
    observer: Observer,
    *,
    seed: int = 0,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> Figures:
    """The figures alone of what `evaluate` reports, by another network; arguments and errors are the same."""
    drawn, known, unseen = _seen(samples, train, test, observer, cache_dir, progress)
    return _figures(drawn, known, unseen, observer, seed)


def _seen(
    samples: Tensor,
    train: Tensor,
    test: Tensor | None,
    observer: Observer,
    cache_dir: Path | None,
    progress: Progress | None,
) -> tuple[_Set, _Set, _Set | None]:
    """Samples, training examples and test examples, as stored, with the network's vectors of them."""
    count, shape, modality = len(samples), train.shape[1:], observer.modality
    if count < LEAST:
        raise UsageError(f"{count} samples are too few; take at least {LEAST}")
    train = _checked(train, "training examples", shape, modality)
    test = None if test is None else _checked(test, "test examples", shape, modality)
    samples = _checked(samples, "samples", shape, modality)
    total = len(train) + count + (0 if test is None else len(test))
    known = _Set(train, cached_vectors(train, observer, cache_dir, progress=_offset(progress, 0, total)))
    drawn = _Set(samples, vectors(samples, observer, progress=_offset(progress, len(train), total)))
    if test is None:
        return drawn, known, None
    last = _offset(progress, total - len(test), total)
    return drawn, known, _Set(test, cached_vectors(test, observer, cache_dir, progress=last))


def _figures(drawn: _Set, known: _Set, unseen: _Set | None, observer: Observer, seed: int) -> Figures:
    kernel, kernel_error = kernel_distance(drawn.features, known.features, seed=seed)
    some = torch.randperm(len(known.features), generator=torch.Generator().manual_seed(seed))[: len(drawn.features)]
    precision, recall = precision_recall(known.features[some], drawn.features)
    return Figures(
        network=observer.network.name,
        network_sha256=observer.network.sha256,
        samples=len(drawn.features),
        train_examples=len(known.features),
        frechet=frechet_distance(drawn.features, known.features),
        kernel=kernel,
        kernel_standard_error=kernel_error,
        precision=precision,
        recall=recall,
        floor=None if unseen is None else _floor(unseen, drawn, known, seed),
    )


def _floor(unseen: _Set, drawn: _Set, known: _Set, seed: int) -> Floor:
    count = len(unseen.features)
    kernel, kernel_error = kernel_distance(unseen.features, known.features, seed=seed)
    return Floor(
        test_examples=count,
        frechet=frechet_distance(unseen.features, known.features),
        frechet_of_samples=frechet_distance(drawn.features[:count], known.features),
        kernel=kernel,
        kernel_standard_error=kernel_error,
    )


def neighbour_pairs(samples: Tensor, train: Tensor, neighbours: Sequence[Neighbour], modality: Modality) -> Tensor:
    """Each of the samples followed by its nearest training example by features: (2K, *data_shape), stored.

    `samples` are those the report was made of, or its first K. Raises DataError where an index lies outside of them.
    """
    samples, train = modality.stored(samples), modality.stored(train)
    if any(n.sample >= len(samples) or n.by_features >= len(train) for n in neighbours):
        raise DataError(f"neighbours of others: {len(samples)} samples and {len(train)} training examples are here")
    pairs = [x for n in neighbours for x in (samples[n.sample], train[n.by_features])]
    return torch.stack(pairs) if pairs else samples[:0]
