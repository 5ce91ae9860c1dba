"""The report, with a feature network small enough to reason about."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch import Tensor

from zoo.errors import DataError, UsageError
from zoo.evaluation import report as module
from zoo.evaluation.report import Report, evaluate, neighbour_pictures
from zoo.images.features import Progress


@pytest.fixture(autouse=True)
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Features are the pixels themselves, in [0, 1]; progress is reported once."""

    def features(images: Tensor, *_: object, progress: Progress | None = None) -> Tensor:
        if progress is not None:
            progress(len(images), len(images))
        return images.flatten(1).float() / 255

    monkeypatch.setattr(module, "features", features)
    monkeypatch.setattr(module, "cached_features", features)


def _images(count: int, seed: int, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, 2, 2), generator=generator, dtype=torch.uint8)


def _report(drawn: Tensor, *, seed: int = 0) -> Report:
    return evaluate(lambda n: drawn[:n], _images(60, 0), _images(30, 1), samples=len(drawn), seed=seed)


def test_a_report_is_complete_and_json() -> None:
    """The report survives JSON, repeats exactly, and names network, weights, torch, counts and seed."""
    one, two = (_report(_images(40, 2) / 255, seed=3) for _ in range(2))
    assert one == two
    data = json.loads(json.dumps(one.to_json(), allow_nan=False))
    assert (data["network"], data["torch"], data["seed"]) == ("efficientnet-lite0", torch.__version__, 3)
    assert (data["samples"], data["train_images"], data["floor"]["test_images"]) == (40, 60, 30)
    assert len(data["network_sha256"]) == 64
    assert len(data["neighbours"]) == 16
    assert "fid" not in json.dumps(data).lower()
    assert "frechet_efficientnet_lite0" in data


def test_copies_of_the_training_set_are_seen() -> None:
    """A model that returns training images has distance 0 to known indices, below what unseen images have."""
    report = _report(_images(60, 0).flip(0))
    assert [n.by_features for n in report.neighbours] == [n.by_pixels for n in report.neighbours]
    assert [n.by_features for n in report.neighbours] == list(range(59, 43, -1))
    assert report.sample_distances.feature_median == report.sample_distances.pixel_median == 0
    assert report.test_distances is not None
    assert report.test_distances.feature_5_percent > 0
    assert report.frechet_efficientnet_lite0 == pytest.approx(0, abs=1e-9)


def test_the_floor_is_what_the_test_images_score() -> None:
    """Samples that are the test images score exactly the floor, and the floor's own count is used for the samples."""
    report = _report(_images(30, 1))
    assert report.floor is not None
    assert report.floor.frechet_efficientnet_lite0 == report.frechet_efficientnet_lite0
    assert report.floor.frechet_of_samples == report.frechet_efficientnet_lite0
    assert report.floor.kernel_efficientnet_lite0 == report.kernel_efficientnet_lite0
    assert report.test_distances == report.sample_distances


def test_distances_are_in_the_stated_units() -> None:
    """Pixel distance is the root mean square in [0, 1]: black against white is 1."""
    train = torch.zeros(4, 3, 2, 2, dtype=torch.uint8)
    report = evaluate(lambda n: torch.ones(n, 3, 2, 2), train, None, samples=4, neighbours=2)
    assert report.neighbours[0].pixel_distance == pytest.approx(1)
    assert report.neighbours[0].feature_distance == pytest.approx(math.sqrt(12))


def test_no_test_images_no_floor() -> None:
    """Without test images floor and yardstick are None and the rest is there."""
    report = evaluate(lambda n: _images(n, 2), _images(20, 0), None, samples=8, neighbours=0)
    assert report.floor is None
    assert report.test_distances is None
    assert report.neighbours == ()
    assert math.isfinite(report.kernel_efficientnet_lite0)


def test_samples_are_drawn_once_and_progress_runs_to_the_end() -> None:
    """`sample` is called once with the whole count, so a seeded callable cannot repeat itself; progress never falls."""
    calls, seen = list[int](), list[tuple[int, int]]()

    def sample(n: int) -> Tensor:
        calls.append(n)
        return _images(n, 2)

    def progress(done: int, total: int) -> None:
        seen.append((done, total))

    evaluate(sample, _images(20, 0), _images(10, 1), samples=8, neighbours=1, progress=progress)
    assert calls == [8]
    assert seen == [(20, 38), (28, 38), (38, 38)]


@pytest.mark.parametrize(
    ("drawn", "cause"),
    [
        (torch.full((8, 3, 2, 2), float("nan")), "NaN"),
        (torch.full((8, 3, 2, 2), -1.0), "not \\[0, 1\\]"),
        (torch.zeros(8, 3, 4, 4), r"\(3, 4, 4\)"),
        (torch.zeros(8, 1, 2, 2), r"\(1, 2, 2\)"),
        (torch.zeros(7, 3, 2, 2), "7 images"),
    ],
)
def test_samples_that_cannot_be_judged_are_refused(drawn: Tensor, cause: str) -> None:
    """NaN, a wrong range, shape or count raise DataError that says `samples` and the cause."""
    with pytest.raises(DataError, match=f"samples: .*{cause}"):
        evaluate(lambda _: drawn, _images(20, 0), None, samples=8, neighbours=1)


def test_counts_that_cannot_be_meant_are_refused() -> None:
    """Too few samples, or more neighbours than samples, raise UsageError before anything is drawn."""
    for samples, neighbours in ((3, 0), (8, 9), (8, -1)):
        with pytest.raises(UsageError):
            evaluate(lambda _: pytest.fail("drawn"), _images(9, 0), None, samples=samples, neighbours=neighbours)


def test_pictures_come_in_pairs() -> None:
    """Each sample is followed by its nearest training image, in colour, and foreign indices raise DataError."""
    drawn, train = _images(8, 2, channels=1), _images(20, 0, channels=1)
    report = evaluate(lambda n: drawn[:n], train, None, samples=8, neighbours=3)
    pictures = neighbour_pictures(drawn / 255, train, report.neighbours)
    assert pictures.shape == (6, 3, 2, 2)
    assert pictures.dtype == torch.uint8
    for i, neighbour in enumerate(report.neighbours):
        assert torch.equal(pictures[2 * i], drawn[i].expand(3, -1, -1))
        assert torch.equal(pictures[2 * i + 1], train[neighbour.by_features].expand(3, -1, -1))
    with pytest.raises(DataError):
        neighbour_pictures(drawn[:2], train, report.neighbours)
