"""zoo.data.batches: an order that follows from the seed, epochs that are permutations, positions that can be kept."""

from __future__ import annotations

import json

import pytest
import torch

from zoo.data.batches import Batches
from zoo.data.rows import Rows
from zoo.errors import DataError
from zoo.images.values import to_range


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


# --- data that are not in memory


class Numbered(Rows):
    """Rows that count backwards as their order; row 4 is bad, and row 5 stands in for it."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.expected: list[list[int]] = []

    def __len__(self) -> int:
        return self.n

    def order(self, generator: torch.Generator) -> torch.Tensor:
        return torch.arange(self.n).flip(0)

    def read(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        real = torch.where(rows == 4, 5, rows)
        return real.to(torch.uint8).view(-1, 1), real

    def expect(self, rows: torch.Tensor) -> None:
        self.expected.append(rows.tolist())

    def news(self) -> list[str]:
        return ["4 is bad"]


def test_rows_give_their_order_and_are_told_what_comes() -> None:
    """Data that are read when asked for choose their order, hear of the next two batches of their epoch, and a label is
    that of the example that was read.
    """
    rows = Numbered(11)
    walk = Batches(rows, torch.arange(11) * 10, batch_size=3, seed=0)
    drawn = [walk.next() for _ in range(4)]
    assert [x.flatten().tolist() for x, _ in drawn] == [[10, 9, 8], [7, 6, 5], [5, 3, 2], [10, 9, 8]]
    assert [y.tolist() for _, y in drawn if y is not None][2] == [50, 30, 20]
    ahead = [[7, 6, 5, 4, 3, 2], [4, 3, 2], [], [7, 6, 5, 4, 3, 2]]
    assert rows.expected == ahead
    assert walk.news() == ["4 is bad"]
    assert batches().news() == []


def test_processes_read_their_own_rows() -> None:
    """Of several processes each reads, and hears of, its own share of each batch."""
    rows = Numbered(12)
    walk = Batches(rows, batch_size=4, seed=0, rank=1, count=2)
    assert [walk.next()[0].flatten().tolist() for _ in range(2)] == [[9, 8], [5, 5]]
    assert rows.expected == [[5, 4, 1, 0], [1, 0]]


# --- data on another device


def test_rows_and_their_examples_can_be_asked_for_apart() -> None:
    """`next` is the examples, and the labels, at `next_rows`; both walk on alike, over epochs."""
    labels = torch.arange(10) * 7
    whole, apart = (Batches(torch.arange(10).view(10, 1), labels, batch_size=3, seed=2) for _ in range(2))
    for _ in range(8):
        rows = apart.next_rows()
        assert rows.dtype == torch.int64
        for one, other in zip(whole.next(), apart.at(rows), strict=True):
            assert one is not None
            assert other is not None
            assert torch.equal(one, other)
        assert whole.position == apart.position


@pytest.mark.parametrize(("room", "taken"), [(9, 0), (10, 10)])
def test_examples_move_where_they_have_room(room: int, taken: int) -> None:
    """As they are stored, with their labels, if they fit; else nothing moves. What is read as needed stays."""
    device = torch.device("meta")
    walk = Batches(torch.zeros(10, 1, dtype=torch.uint8), torch.zeros(10), batch_size=3, seed=0)
    assert walk.move(device, room) == taken
    x, labels = walk.next()
    assert labels is not None
    assert x.dtype == torch.uint8
    assert {x.device.type, labels.device.type} == {"meta" if taken else "cpu"}
    assert Batches(Numbered(11), batch_size=3, seed=0).move(device, 1000) == 0
