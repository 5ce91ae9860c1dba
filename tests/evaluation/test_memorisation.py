"""zoo.evaluation.memorisation: generators that memorised, collapsed or make noise are told from one that learnt."""

from __future__ import annotations

import json

import pytest
import torch
from measured_models import Flat
from torch import Tensor

from zoo.errors import DataError
from zoo.evaluation.features import Observer
from zoo.evaluation.memorisation import Memorisation, memorisation, neighbour_strip
from zoo.images.modality import Images

JUDGE = Observer(Flat(192), Images())


def real(count: int, seed: int) -> Tensor:
    """Pictures (N, 3, 8, 8) of a smooth kind: a gradient of random direction and colour, with a little noise."""
    random = torch.Generator().manual_seed(seed)
    side = torch.linspace(-1, 1, 8)
    x, y = side.view(1, 1, 1, 8), side.view(1, 1, 8, 1)
    a, b, c = (torch.randn(count, 3, 1, 1, generator=random) for _ in range(3))
    pictures = 128 + 30 * (a * x + b * y + c) + 2 * torch.randn(count, 3, 8, 8, generator=random)
    return pictures.clamp(0, 255).round().to(torch.uint8)


TRAIN, TEST = real(300, 0), real(150, 1)


def seen(samples: Tensor) -> Memorisation:
    return memorisation(samples, TRAIN, TEST, JUDGE)


def learnt() -> Tensor:
    return real(200, 2)


def memorised() -> Tensor:
    """Training examples, a level brighter here and there."""
    rows = torch.randint(0, 300, (200,), generator=torch.Generator().manual_seed(3))
    jitter = torch.randint(0, 2, (200, 3, 8, 8), generator=torch.Generator().manual_seed(4), dtype=torch.uint8)
    return TRAIN[rows].clamp(0, 254) + jitter


def collapsed() -> Tensor:
    """Three pictures that are no training examples, over and over, with a little noise."""
    rows = torch.arange(200) % 3
    noise = torch.randint(0, 4, (200, 3, 8, 8), generator=torch.Generator().manual_seed(5), dtype=torch.uint8)
    return real(3, 6)[rows].clamp(0, 250) + noise


def noise() -> Tensor:
    return torch.randint(0, 256, (200, 3, 8, 8), generator=torch.Generator().manual_seed(7), dtype=torch.uint8)


def test_each_failure_has_its_sign_and_learning_none() -> None:
    """Samples of the data's own distribution bear no sign; copies, few pictures and noise bear one each, its own."""
    found = {one.__name__: seen(one()).signs for one in (learnt, memorised, collapsed, noise)}
    assert found == {
        "learnt": (),
        "memorised": ("memorised",),
        "collapsed": ("collapsed",),
        "noise": ("far from the data",),
    }


def test_the_ratio_tells_copies_from_unseen_examples() -> None:
    """Of real unseen examples it is what test examples have among themselves; of copies it is far below."""
    fair, copied = seen(learnt()).by_features, seen(memorised()).by_features
    assert fair.ratio is not None
    assert copied.ratio is not None
    assert fair.ratio == pytest.approx(fair.ratio_of_test, rel=0.1)
    assert copied.ratio < 0.5 * fair.ratio
    assert (fair.copies, copied.copies) == (0.0, 1.0)


def test_without_test_examples_there_is_no_ratio() -> None:
    """Nothing is said of copies, and what is left survives JSON."""
    found = memorisation(memorised(), TRAIN, None, JUDGE)
    assert (found.by_features.ratio, found.by_values.copies, found.test_examples) == (None, None, 0)
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert data["neighbours"][0]["test"] is None
    assert seen(learnt()).by_values.train_examples == 300


def test_values_of_all_training_examples_are_searched() -> None:
    """A copy of an example that the network did not look at is found by its values."""
    found = memorisation(TRAIN[200:], TRAIN[:200], TEST, JUDGE, whole=TRAIN)
    assert (found.by_features.copies, found.by_values.copies) == (0.0, 1.0)
    assert found.signs == ("memorised",)


def test_a_strip_shows_each_sample_beside_its_nearest() -> None:
    """Sample, training example, test example, and again; an index of other sets is refused."""
    samples = TRAIN[[5, 9, 2, 7, 1, 0]]
    found = memorisation(samples, TRAIN, TEST, JUDGE, neighbours=2)
    strip = neighbour_strip(samples, TRAIN, TEST, found, Images())
    assert [one.train for one in found.neighbours] == [5, 9]
    assert len(strip) == 6
    assert torch.equal(strip[[0, 1, 3, 4]], TRAIN[[5, 5, 9, 9]])
    assert torch.equal(strip[2], TEST[found.neighbours[0].test])
    with pytest.raises(DataError, match="neighbours of others"):
        neighbour_strip(samples, TRAIN[:3], TEST, found, Images())
