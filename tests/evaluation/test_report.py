"""The report, with a feature network small enough to reason about."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch import Tensor

from zoo.errors import DataError, UsageError
from zoo.evaluation.features import Observer
from zoo.evaluation.report import Report, evaluate, neighbour_pairs
from zoo.images.modality import Images
from zoo.nn.features import Features


class Pixels(Features):
    """Features are the pixels themselves, in [0, 1]."""

    strides = (1,)
    name, sha256 = "pixels", "ab" * 32

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.dimensions = channels * 4

    def vector(self, x: Tensor) -> Tensor:
        return x.flatten(1)

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        return (x,)


def _images(count: int, seed: int, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, 2, 2), generator=generator, dtype=torch.uint8)


def _report(drawn: Tensor, *, seed: int = 0) -> Report:
    return evaluate(drawn, _images(60, 0), _images(30, 1), Observer(Pixels(), Images()), seed=seed)


def test_a_report_is_complete_and_json() -> None:
    """The report survives JSON, repeats exactly, and names network, weights, torch, counts and seed."""
    one, two = (_report(_images(40, 2) / 255, seed=3) for _ in range(2))
    assert one == two
    data = json.loads(json.dumps(one.to_json(), allow_nan=False))
    assert (data["network"], data["torch"], data["seed"]) == ("pixels", torch.__version__, 3)
    assert (data["samples"], data["train_examples"], data["floor"]["test_examples"]) == (40, 60, 30)
    assert len(data["network_sha256"]) == 64
    assert len(data["neighbours"]) == 16
    assert "fid" not in json.dumps(data).lower()
    assert "frechet" in data


def test_copies_of_the_training_set_are_seen() -> None:
    """A model that returns training examples has distance 0 to known indices, below what unseen examples have."""
    report = _report(_images(60, 0).flip(0))
    assert [n.by_features for n in report.neighbours] == [n.by_values for n in report.neighbours]
    assert [n.by_features for n in report.neighbours] == list(range(59, 43, -1))
    assert report.sample_distances.feature_median == report.sample_distances.value_median == 0
    assert report.test_distances is not None
    assert report.test_distances.feature_5_percent > 0
    assert report.figures.frechet == pytest.approx(0, abs=1e-9)


def test_the_floor_is_what_the_test_images_score() -> None:
    """Samples that are the test examples score exactly the floor, and the floor's own count is used for the samples."""
    report = _report(_images(30, 1))
    assert report.figures.floor is not None
    assert report.figures.floor.frechet == report.figures.frechet
    assert report.figures.floor.frechet_of_samples == report.figures.frechet
    assert report.figures.floor.kernel == report.figures.kernel
    assert report.test_distances == report.sample_distances


def test_distances_are_in_the_stated_units() -> None:
    """Pixel distance is the root mean square in [0, 1]: black against white is 1."""
    train = torch.zeros(4, 3, 2, 2, dtype=torch.uint8)
    report = evaluate(torch.ones(4, 3, 2, 2), train, None, Observer(Pixels(), Images()), neighbours=2)
    assert report.neighbours[0].value_distance == pytest.approx(1)
    assert report.neighbours[0].feature_distance == pytest.approx(math.sqrt(12))


def test_no_test_images_no_floor() -> None:
    """Without test examples floor and yardstick are None and the rest is there."""
    report = evaluate(_images(8, 2), _images(20, 0), None, Observer(Pixels(), Images()), neighbours=0)
    assert report.figures.floor is None
    assert report.test_distances is None
    assert report.neighbours == ()
    assert math.isfinite(report.figures.kernel)


def test_progress_runs_to_the_end() -> None:
    """Training examples, samples and test examples count together, and progress never falls."""
    seen = list[tuple[int, int]]()

    def progress(done: int, total: int) -> None:
        seen.append((done, total))

    evaluate(
        _images(8, 2), _images(20, 0), _images(10, 1), Observer(Pixels(), Images()), neighbours=1, progress=progress
    )
    assert seen == [(20, 38), (28, 38), (38, 38)]


@pytest.mark.parametrize(
    ("drawn", "cause"),
    [
        (torch.full((8, 3, 2, 2), float("nan")), "NaN"),
        (torch.full((8, 3, 2, 2), -1.0), "not \\[0, 1\\]"),
        (torch.zeros(8, 3, 4, 4), r"\(3, 4, 4\)"),
        (torch.zeros(8, 1, 2, 2), r"\(1, 2, 2\)"),
    ],
)
def test_samples_that_cannot_be_judged_are_refused(drawn: Tensor, cause: str) -> None:
    """NaN, a wrong range, shape or count raise DataError that says `samples` and the cause."""
    with pytest.raises(DataError, match=f"samples: .*{cause}"):
        evaluate(drawn, _images(20, 0), None, Observer(Pixels(), Images()), neighbours=1)


def test_counts_that_cannot_be_meant_are_refused() -> None:
    """Too few samples, or more neighbours than samples, raise UsageError."""
    for samples, neighbours in ((3, 0), (8, 9), (8, -1)):
        with pytest.raises(UsageError):
            evaluate(_images(samples, 2), _images(9, 0), None, Observer(Pixels(), Images()), neighbours=neighbours)


def test_neighbours_come_in_pairs() -> None:
    """Each sample is followed by its nearest training example, as stored, and foreign indices raise DataError."""
    drawn, train = _images(8, 2, channels=1), _images(20, 0, channels=1)
    report = evaluate(drawn, train, None, Observer(Pixels(1), Images()), neighbours=3)
    pairs = neighbour_pairs(drawn / 255, train, report.neighbours, Images())
    assert pairs.shape == (6, 1, 2, 2)
    assert pairs.dtype == torch.uint8
    for i, neighbour in enumerate(report.neighbours):
        assert torch.equal(pairs[2 * i], drawn[i])
        assert torch.equal(pairs[2 * i + 1], train[neighbour.by_features])
    with pytest.raises(DataError):
        neighbour_pairs(drawn[:2], train, report.neighbours, Images())
