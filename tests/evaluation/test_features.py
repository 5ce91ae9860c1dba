"""What a feature network sees of a set: one way for stored and generated examples, in batches, with a cache."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from zoo.errors import DataError
from zoo.evaluation.features import Observer, cached_vectors, vectors
from zoo.images.modality import Images
from zoo.nn.features import Features


class Means(Features):
    """The mean and the square mean; counts what it was shown."""

    strides = (1,)
    dimensions = 2
    batch_size = 2

    def __init__(self, name: str = "means") -> None:
        super().__init__()
        self.name, self.sha256 = name, "ab" * 32
        self.shown: list[int] = []

    def vector(self, x: Tensor) -> Tensor:
        self.shown.append(len(x))
        flat = x.flatten(1)
        return torch.stack([flat.mean(1), flat.square().mean(1)], 1)

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        return (x,)


IMAGES = Images()


def seen_by(network: Features) -> Observer:
    return Observer(network, IMAGES)


def examples(count: int = 3, channels: int = 3) -> Tensor:
    """Noise as bytes, the same each time."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, channels, 8, 8), generator=generator, dtype=torch.uint8)


def test_stored_and_generated_examples_take_one_path() -> None:
    """Bytes, the same as fractions, and fractions off by a third of a level all have the same vectors, float32."""
    x, network = examples(), Means()
    found = vectors(x, seen_by(network))
    assert (found.shape, found.dtype) == ((3, 2), torch.float32)
    assert torch.equal(vectors(IMAGES.values(x), seen_by(network)), found)
    for off in (-1 / 3, 1 / 3):
        assert torch.equal(vectors((x.double() + off).div(255).clamp(0, 1), seen_by(network)), found)


def test_batches_are_the_networks_and_progress_counts() -> None:
    """The network gets as many at a time as it says, and `progress` ends at (N, N)."""
    network, seen = Means(), list[tuple[int, int]]()
    vectors(examples(5), seen_by(network), progress=lambda done, total: seen.append((done, total)))
    assert network.shown == [2, 2, 1]
    assert seen == [(2, 5), (4, 5), (5, 5)]


def test_the_process_default_dtype_changes_nothing() -> None:
    """With float64 as the default dtype the vectors are the same float32."""
    found = vectors(examples(), seen_by(Means()))
    torch.set_default_dtype(torch.float64)
    try:
        again = vectors(examples(), seen_by(Means()))
    finally:
        torch.set_default_dtype(torch.float32)
    assert again.dtype == torch.float32
    assert torch.equal(again, found)


@pytest.mark.parametrize(
    "x",
    [
        torch.zeros(3, 8, 8),
        torch.zeros(2, 4, 8, 8),
        torch.zeros(2, 3, 8, 8, dtype=torch.int64),
        torch.full((1, 3, 2, 2), float("nan")),
        torch.full((1, 3, 2, 2), float("inf")),
        torch.full((1, 3, 2, 2), -1.0),
        torch.full((1, 3, 2, 2), 255.0),
    ],
)
def test_examples_that_cannot_be_meant_are_refused(x: Tensor) -> None:
    """Other shapes and types, NaN, infinity, and the ranges [-1, 1] and [0, 255] raise DataError."""
    with pytest.raises(DataError):
        IMAGES.stored(x)


def test_storing_and_reading_are_inverse() -> None:
    """Every level survives the way to [0, 1] and back, and what is stored is known as such."""
    x = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    assert torch.equal(IMAGES.stored(IMAGES.values(x)), x)
    assert torch.equal(IMAGES.stored(IMAGES.values(x, torch.float64)), x)
    IMAGES.check(x)
    with pytest.raises(DataError):
        IMAGES.check(IMAGES.values(x))


def test_the_cache_answers_for_the_same_examples_and_network_only(tmp_path: Path) -> None:
    """A second call computes nothing; other examples, another network or a damaged entry are computed anew."""
    x, network = examples(), Means()
    found = cached_vectors(x, seen_by(network), tmp_path)
    network.shown.clear()
    assert torch.equal(cached_vectors(IMAGES.values(x), seen_by(network), tmp_path), found)
    assert network.shown == []
    cached_vectors(x[:1], seen_by(network), tmp_path)
    assert network.shown == [1]
    other = Means("others")
    cached_vectors(x, seen_by(other), tmp_path)
    assert other.shown == [2, 1]
    for entry in tmp_path.rglob("*.safetensors"):
        content = bytearray(entry.read_bytes())
        content[-1] ^= 1
        entry.write_bytes(content)
    assert torch.equal(cached_vectors(x, seen_by(network), tmp_path), found)
    assert network.shown == [1, 2, 1]


def test_a_cache_that_cannot_be_written_costs_nothing_else(tmp_path: Path) -> None:
    """A folder in whose place a file stands, or no folder at all, gives the same vectors."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    x = examples(1)
    assert torch.equal(cached_vectors(x, seen_by(Means()), blocked), cached_vectors(x, seen_by(Means()), None))
