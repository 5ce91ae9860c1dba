"""zoo.data.batches: an order that follows from the seed, epochs that are permutations, positions that can be kept."""

from __future__ import annotations

import json

import pytest
import torch

from zoo.data.batches import Batches, to_range
from zoo.errors import DataError


def batches(n: int = 10, batch_size: int = 3, seed: int = 0) -> Batches:
    """Example i holds the number i."""
    return Batches(torch.arange(n, dtype=torch.uint8).view(n, 1), batch_size=batch_size, seed=seed)


def drawn(source: Batches, count: int) -> list[list[int]]:
    return [source.next()[0].flatten().tolist() for _ in range(count)]


def test_the_order_follows_from_the_seed() -> None:
    """Two walks of one seed are equal over epochs, of two seeds they are not; the global generator is not used."""
    state = torch.get_rng_state()
    assert drawn(batches(seed=5), 20) == drawn(batches(seed=5), 20)
    assert drawn(batches(seed=5), 20) != drawn(batches(seed=6), 20)
    assert torch.equal(torch.get_rng_state(), state)


def test_an_epoch_is_a_permutation() -> None:
    """Every example comes once in an epoch, in another order in the next one."""
    source = batches(n=12, batch_size=4)
    epochs = [[i for batch in drawn(source, 3) for i in batch] for _ in range(3)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(12))] * 3
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    assert epochs[0] != list(range(12))


def test_what_an_epoch_leaves_over_is_dropped() -> None:
    """Batches are always full: what does not fill one is left out, another part of the data in each epoch."""
    source = batches(n=10, batch_size=4)
    first, second = ([i for batch in drawn(source, 2) for i in batch] for _ in range(2))
    assert len(set(first)) == len(set(second)) == 8
    assert set(first) != set(second)


def test_a_batch_of_all_is_an_epoch() -> None:
    """As many examples as a batch holds are enough."""
    assert [sorted(batch) for batch in drawn(batches(n=3, batch_size=3), 2)] == [[0, 1, 2]] * 2


def test_labels_go_with_their_examples() -> None:
    """A batch's labels are those of its examples; without labels there are none."""
    data = torch.arange(10, dtype=torch.uint8)
    source = Batches(data, data.long() * 7, batch_size=4, seed=0)
    for _ in range(5):
        examples, labels = source.next()
        assert labels is not None
        assert torch.equal(labels, examples.long() * 7)
    assert batches().next()[1] is None


@pytest.mark.parametrize("taken", [0, 1, 3, 4, 7])
def test_a_position_is_all_that_is_needed_to_go_on(taken: int) -> None:
    """A position goes through JSON, and a walk set to it goes on as the first one does, epochs later too."""
    source, other = batches(), batches()
    drawn(source, taken)
    other.position = json.loads(json.dumps(source.position))
    assert other.position == source.position
    assert drawn(other, 10) == drawn(source, 10)


def test_too_few_examples_are_refused() -> None:
    """Fewer examples than a batch holds are a DataError with both numbers."""
    with pytest.raises(DataError, match=r"3 examples are fewer than .* 4; lower batch_size or add data"):
        batches(n=3, batch_size=4)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 1.0)])
def test_pixels_become_floats_in_a_range(low: float, high: float) -> None:
    """0 becomes the lower end, 255 the upper one to the last bits, and the levels between are evenly spaced."""
    pixels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(2, 3, -1, -1)
    before = pixels.clone()
    x = to_range(pixels, low, high)
    assert (x.dtype, x.shape) == (torch.float32, pixels.shape)
    assert x.is_contiguous(memory_format=torch.channels_last)
    wanted = low + (high - low) * torch.arange(256, dtype=torch.float64) / 255
    torch.testing.assert_close(x[1, 2].flatten().double(), wanted, rtol=0, atol=2e-7)
    assert float(x.min()) == low
    assert torch.equal(pixels, before)
