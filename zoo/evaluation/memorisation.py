"""Whether samples are copies, all alike, or far from the data: their nearest training and test examples."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.data.modality import Modality
from zoo.errors import DataError
from zoo.evaluation.features import Observer, cached_vectors, vectors
from zoo.evaluation.metrics import coverage, nearest_neighbours, precision
from zoo.evaluation.pixels import Values

__all__ = ["Memorisation", "Nearness", "Neighbour", "memorisation", "neighbour_strip"]

COPIED = 0.5  # of the distance below which one test example in 20 is to its nearest training example: nearer is a copy
MANY, CLOSE, FEW, FAR = 0.1, 0.5, 0.25, 0.1  # thresholds of the signs, in the order in which `_signs` uses them


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """One sample, its nearest training example, and its nearest test example where there are any."""

    sample: int
    train: int  # index into the training examples
    train_distance: float  # Euclidean, between the network's vectors
    test: int | None
    test_distance: float | None


@dataclass(frozen=True, kw_only=True)
class Nearness:
    """Distances of one kind. A ratio is of the nearest training example to the nearest test example."""

    train_examples: int  # that were searched
    samples_to_train: float  # median over the samples of the distance to the nearest training example
    samples_to_test: float | None  # the same to the nearest test example
    test_to_train: float | None  # of the test examples to the training examples: what unseen real ones have
    ratio: float | None  # median over the samples of the one distance by the other
    ratio_of_test: float | None  # the same of the test examples, each without itself: about what unseen examples have
    copies: float | None  # share of the samples that lie nearer to a training example than any unseen one would
    spacing: float  # median distance of a sample to the nearest other sample, by that of as many training examples


@dataclass(frozen=True, kw_only=True)
class Memorisation:
    """What the samples of one seed are to the examples that the model has learnt from."""

    network: str  # whose vectors are compared
    samples: int
    test_examples: int
    by_features: Nearness  # Euclidean, between the network's vectors
    by_values: Nearness  # root mean square over means of values, as the judge "pixels" sees them, of 1
    precision: float  # of the samples, and coverage, as the metrics have them
    coverage: float
    precision_of_test: float | None  # of the test examples in their place
    coverage_of_test: float | None
    signs: tuple[str, ...]  # of "memorised", "collapsed", "far from the data"; none is what is hoped for
    neighbours: tuple[Neighbour, ...]  # of the first samples

    def to_json(self) -> dict[str, Any]:
        """As JSON-able data."""
        return asdict(self)


def memorisation(
    samples: Tensor,
    train: Tensor,
    test: Tensor | None,
    observer: Observer,
    *,
    whole: Tensor | None = None,
    neighbours: int = 16,
    cache_dir: Path | None = None,
) -> Memorisation:
    """Look for the nearest training and test example of each sample; all (N, *data_shape), 6 examples of each at least.

    `whole` are all training examples, whose values are searched; where they are not given, `train` is all there is.
    Raises what `cached_vectors` and the metrics raise.
    """

    def seen(x: Tensor | None) -> Tensor | None:
        return None if x is None else cached_vectors(x, observer, cache_dir)

    def valued(x: Tensor | None) -> Tensor | None:
        return None if x is None else vectors(x, eye) / math.sqrt(eye.network.dimensions)

    modality = observer.modality
    eye = Observer(Values(tuple(modality.values(modality.stored(train[:1])).shape[1:]), modality.comparable), modality)
    drawn, known, unseen = (*(cached_vectors(x, observer, cache_dir) for x in (samples, train)), seen(test))
    by_features, first = _nearness(drawn, known, unseen)
    of = valued(samples), valued(train if whole is None else whole)
    assert of[0] is not None
    assert of[1] is not None
    by_values, _ = _nearness(of[0], of[1], valued(test))
    some = known[: len(samples)]
    rates = [precision(drawn, some), coverage(drawn, some)]
    floors: list[float | None] = [None, None]
    if unseen is not None:
        beside = known[: len(unseen)]
        floors = [precision(unseen, beside), coverage(unseen, beside)]
    return Memorisation(
        network=observer.network.name,
        samples=len(samples),
        test_examples=0 if test is None else len(test),
        by_features=by_features,
        by_values=by_values,
        precision=rates[0],
        coverage=rates[1],
        precision_of_test=floors[0],
        coverage_of_test=floors[1],
        signs=_signs(by_features, by_values, rates, floors),
        neighbours=first[:neighbours],
    )


def _nearness(drawn: Tensor, known: Tensor, unseen: Tensor | None) -> tuple[Nearness, tuple[Neighbour, ...]]:
    train_index, train_distance = (x[:, 0] for x in nearest_neighbours(drawn, known))
    count = min(len(drawn), len(known))
    spacing = _apart(drawn[:count]) / max(_apart(known[:count]), 1e-12)
    none = [None] * len(drawn)
    if unseen is None:
        rows = zip(train_index.tolist(), train_distance.tolist(), none, none, strict=True)
        first = tuple(_neighbour(i, row) for i, row in enumerate(rows))
        alone = Nearness(
            train_examples=len(known),
            samples_to_train=float(train_distance.median()),
            samples_to_test=None,
            test_to_train=None,
            ratio=None,
            ratio_of_test=None,
            copies=None,
            spacing=spacing,
        )
        return alone, first
    test_index, test_distance = (x[:, 0] for x in nearest_neighbours(drawn, unseen))
    yardstick, others = nearest_neighbours(unseen, known)[1][:, 0], nearest_neighbours(unseen, unseen, 2)[1][:, 1]
    rows = zip(*(x.tolist() for x in (train_index, train_distance, test_index, test_distance)), strict=True)
    found = Nearness(
        train_examples=len(known),
        samples_to_train=float(train_distance.median()),
        samples_to_test=float(test_distance.median()),
        test_to_train=float(yardstick.median()),
        ratio=_ratio(train_distance, test_distance),
        ratio_of_test=_ratio(yardstick, others),
        copies=float((train_distance < COPIED * yardstick.quantile(0.05)).double().mean()),
        spacing=spacing,
    )
    return found, tuple(_neighbour(i, row) for i, row in enumerate(rows))


def _neighbour(sample: int, row: tuple[Any, ...]) -> Neighbour:
    return Neighbour(sample=sample, train=row[0], train_distance=row[1], test=row[2], test_distance=row[3])


def _ratio(near: Tensor, far: Tensor) -> float:
    return float((near / far.clamp(min=1e-12)).median())


def _apart(x: Tensor) -> float:
    """The median distance to the nearest other one."""
    return float(nearest_neighbours(x, x, 2)[1][:, 1].median())


def _signs(
    by_features: Nearness, by_values: Nearness, rates: list[float], floors: list[float | None]
) -> tuple[str, ...]:
    """What is wrong, in words. Memorised: a tenth of the samples are copies, by features or by values. Collapsed:
    samples lie at less than half the distance from one another that real ones do, by both, and cover less than a
    quarter of what unseen examples cover. Far from the data: fewer than a tenth lie where real ones lie, of what unseen
    ones do, and none is a copy.
    """
    precision_of_test, coverage_of_test = (1.0 if floor is None else floor for floor in floors)
    signs = []
    copied = max(one.copies or 0.0 for one in (by_features, by_values)) >= MANY
    alike = by_values.spacing < CLOSE and by_features.spacing < CLOSE
    if copied:
        signs.append("memorised")
    if alike and rates[1] < FEW * coverage_of_test:
        signs.append("collapsed")
    if not copied and not signs and rates[0] < FAR * precision_of_test:
        signs.append("far from the data")
    return tuple(signs)


def neighbour_strip(
    samples: Tensor, train: Tensor, test: Tensor | None, found: Memorisation, modality: Modality
) -> Tensor:
    """Each of the first samples, its nearest training example and, where there are any, its nearest test example, one
    after the other: (3K, *data_shape) or (2K, *data_shape), stored.

    The sets are those that `found` was made of. Raises DataError where an index lies outside of them.
    """
    samples, train = modality.stored(samples).cpu(), modality.stored(train)
    test = None if test is None else modality.stored(test)
    shown: list[Tensor] = []
    for one in found.neighbours:
        tests = 1 if test is None else len(test)
        if one.sample >= len(samples) or one.train >= len(train) or (one.test or 0) >= tests:
            raise DataError(f"neighbours of others: {len(samples)} samples and {len(train)} training examples are here")
        shown += [samples[one.sample], train[one.train]]
        shown += [test[one.test]] if test is not None and one.test is not None else []
    return torch.stack(shown) if shown else samples[:0]
