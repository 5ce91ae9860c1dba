"""zoo.nn.sampling: the latents of a seed are the same everywhere, and chunks do not show in the samples."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.errors import UsageError
from zoo.nn.sampling import CHUNK, check_labels, draw_latents, in_chunks, in_rows


@pytest.mark.parametrize("shape", [(1,), (7,), (100,), (2, 3)])
@pytest.mark.parametrize("settings", [{}, {"truncation": 0.7}, {"prior": "uniform"}])
def test_a_seed_gives_the_same_latents_whatever_n_is(shape: tuple[int, ...], settings: dict[str, Any]) -> None:
    """Latents are float32 (n, *shape); fewer of a seed are the first of more; another seed gives others."""
    z = draw_latents(5, shape, seed=3, **settings)
    assert (z.shape, z.dtype) == ((5, *shape), torch.float32)
    for n in (1, 3, 5):
        assert torch.equal(draw_latents(n, shape, seed=3, **settings), z[:n])
    assert not torch.equal(draw_latents(5, shape, seed=4, **settings), z)
    assert len(z.flatten().unique()) == z.numel()


def test_the_largest_seed_is_a_seed() -> None:
    """Seeds go from 0 to 2^63 - 1; those below 2^32 each give other latents."""
    first = [draw_latents(1, (4,), seed=seed) for seed in (0, 1, 2**31, 2**63 - 1)]
    assert len({tuple(z.flatten().tolist()) for z in first}) == 4


def test_without_a_seed_every_draw_is_new() -> None:
    """None takes a fresh seed from the system."""
    assert not torch.equal(draw_latents(2, (8,)), draw_latents(2, (8,)))


@pytest.mark.parametrize("seed", [None, 0])
def test_the_global_random_state_is_neither_read_nor_advanced(seed: int | None) -> None:
    """Drawing leaves torch's own generator as it was, and does not depend on it."""
    torch.manual_seed(1)
    before = torch.get_rng_state()
    z = draw_latents(3, (4,), seed=seed)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(draw_latents(3, (4,), seed=seed), z) is (seed is not None)


def test_the_normal_prior_is_normal() -> None:
    """Mean 0, deviation 1, and the share beyond two deviations of a normal distribution."""
    z = draw_latents(2000, (50,), seed=0)
    assert abs(float(z.mean())) < 0.01
    assert abs(float(z.std()) - 1) < 0.01
    assert abs(float((z.abs() > 2).float().mean()) - 0.0455) < 0.003


def test_the_uniform_prior_is_uniform() -> None:
    """Between -1 and 1, mean 0, deviation 1/sqrt(3)."""
    z = draw_latents(2000, (50,), seed=0, prior="uniform")
    assert float(z.abs().max()) <= 1
    assert abs(float(z.mean())) < 0.01
    assert abs(float(z.std()) - 1 / math.sqrt(3)) < 0.01


@pytest.mark.parametrize("prior", ["normal", "uniform"])
@pytest.mark.parametrize("truncation", [1e-300, 1e-3, 0.5, 1, 2.5, 40.0, 10**400], ids=str)
def test_truncation_bounds_every_coordinate(truncation: float, prior: str) -> None:
    """No coordinate lies beyond the truncation, all are finite, and a bound far out is none."""
    z = draw_latents(500, (20,), seed=0, truncation=truncation, prior=prior)
    assert bool(z.isfinite().all())
    assert float(z.abs().max()) <= truncation
    if truncation > 3:
        assert abs(float(z.std()) - (1 if prior == "normal" else 1 / math.sqrt(3))) < 0.02


def test_truncation_keeps_the_shape_of_the_normal() -> None:
    """The deviation is that of the normal distribution cut at the bound, not of one clamped to it."""
    z = draw_latents(2000, (50,), seed=0, truncation=1.0)
    assert abs(float(z.std()) - 0.5396) < 0.005  # sqrt(1 - 2 phi(1) / (2 Phi(1) - 1))
    assert float((z.abs() > 0.999).float().mean()) < 0.01


def test_the_rarest_number_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the uniform number behind a latent is exactly 0 the latent is finite, and within the truncation."""
    monkeypatch.setattr(torch, "rand", lambda *shape, **_: torch.zeros(shape, dtype=torch.float64))
    for truncation in (0.5, 40.0):
        assert float(draw_latents(1, (2,), seed=0, truncation=truncation).abs().max()) <= truncation


BAD: list[dict[str, Any]] = [
    *({"n": n} for n in (0, -1, 10**6 + 1, 10**30, True, 2.0, "2", None)),
    *({"seed": seed} for seed in (-1, 2**63, 10**30, True, 1.0, "1")),
    *({"truncation": t} for t in (0, -1, math.nan, -math.inf, "1", True, [1])),
]


@pytest.mark.parametrize("change", BAD)
def test_what_cannot_be_meant_is_refused(change: dict[str, Any]) -> None:
    """A bad n, seed or truncation is a UsageError that names it and shows the value."""
    ((key, value),) = change.items()
    with pytest.raises(UsageError) as caught:
        draw_latents(**{"n": 1, "shape": (2,)} | change)
    assert str(caught.value).startswith(f"{key} is {value!r}; it must be a")


# --- labels --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [[0, 9, 3], (0, 9, 3), torch.tensor([0, 9, 3], dtype=torch.uint8)])
def test_labels_become_int64(labels: Any) -> None:
    """Lists, tuples and tensors of whole numbers are labels."""
    found = check_labels(labels, 3, 10)
    assert found is not None
    assert (found.dtype, found.tolist()) == (torch.int64, [0, 9, 3])


def test_without_labels_the_classes_take_turns() -> None:
    """None gives each class in turn; a model without classes has no labels."""
    found = check_labels(None, 5, 3)
    assert found is not None
    assert found.tolist() == [0, 1, 2, 0, 1]
    assert check_labels(None, 5, None) is None
    with pytest.raises(UsageError, match="no classes"):
        check_labels([0], 1, None)


BAD_LABELS: list[Any] = [
    [0, 1, 10],
    [0, 1, -1],
    [0, 1],
    [0, 1, 2, 3],
    [[0, 1, 2]],
    [0.0, 1.0, 2.0],
    [True, False, True],
    [None, 1, 2],
    [1j, 0, 0],
    [2**70, 0, 0],
    [[0], [1, 2], 3],
    10,
    -1,
    True,
    object(),
]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("frog", [1, 1, 1]),
        (2, [2, 2, 2]),
        (["frog", "cat", 2], [1, 0, 2]),
        (torch.tensor([2, 1, 0]), [2, 1, 0]),
    ],
)
def test_labels_are_names_or_numbers(labels: Any, expected: list[int]) -> None:
    """One label is that of all; several are one each, as names or numbers."""
    found = check_labels(labels, 3, 3, ("cat", "frog", "bird"))
    assert found is not None
    assert found.tolist() == expected


def test_a_wrong_name_of_a_class_lists_near_ones() -> None:
    """A name that is none is a UsageError with what may have been meant; so is a name where there are none."""
    with pytest.raises(UsageError, match=r"no class is named 'frgo'.*frog"):
        check_labels("frgo", 3, 3, ("cat", "frog", "bird"))
    with pytest.raises(UsageError, match="there are cat, frog, bird"):
        check_labels(["cat", "cat", "zzzz"], 3, 3, ("cat", "frog", "bird"))
    with pytest.raises(UsageError, match="do not name their classes"):
        check_labels("frog", 3, 3)


@pytest.mark.parametrize("labels", BAD_LABELS, ids=range(len(BAD_LABELS)))
def test_other_labels_are_refused(labels: Any) -> None:
    """Labels of another count, kind or range are a UsageError with the range."""
    with pytest.raises(UsageError, match="labels must be 3 whole numbers from 0 to 9"):
        check_labels(labels, 3, 10)


# --- chunks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 5])
@pytest.mark.parametrize("classes", [False, True])
def test_the_network_sees_full_chunks_and_no_row_is_lost(n: int, classes: bool) -> None:
    """Every call has the same batch size, rows and labels stay together and in order, and nothing is added."""
    sizes = []

    def network(z: Tensor, labels: Tensor | None) -> Tensor:
        sizes.append((len(z), None if labels is None else len(labels)))
        return z * 2 if labels is None else z * 2 + labels[:, None]

    z, labels = torch.arange(n, dtype=torch.float32)[:, None], torch.arange(n) if classes else None
    expected = z * 2 if labels is None else z * 2 + labels[:, None]
    assert torch.equal(in_chunks(network, z, labels), expected)
    assert set(sizes) == {(CHUNK, CHUNK if classes else None)}
    assert len(sizes) == math.ceil(n / CHUNK)


@pytest.mark.parametrize(
    ("n", "rows", "expected"),
    [
        (6, "abc", ("aabbcc", 2)),
        (7, "abc", ("aaabbbc", 3)),
        (2, "abc", ("ab", 1)),
        (5, "a", ("aaaaa", 5)),
    ],
)
def test_a_grid_has_a_row_for_each(n: int, rows: str, expected: tuple[str, int]) -> None:
    """Every row is of one kind, and exactly n are asked for."""
    assert in_rows(n, rows) == ([*expected[0]], expected[1])
    assert in_rows(n, "") == (None, None)
