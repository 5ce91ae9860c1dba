"""Batches: examples stay as they are stored until a batch is made, and the order follows from the seed alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from zoo.data.rows import Rows
from zoo.errors import ConfigError, DataError

__all__ = ["Batches"]


AHEAD = 2  # batches that are read before they are asked for, where the data are not in memory


class Batches:
    """An endless, shuffled walk over data (N, …), an epoch a permutation: of all, or the one that suits the data.

    The permutation of an epoch follows from (seed, epoch), so `position` alone says where a run is. Process `rank` of
    `count` gets its share of each batch. Raises DataError when there are fewer examples than a batch holds, ConfigError
    when a batch has no equal shares.
    """

    def __init__(
        self,
        data: Tensor | Rows,
        labels: Tensor | None = None,
        *,
        batch_size: int,
        seed: int,
        rank: int = 0,
        count: int = 1,
    ) -> None:
        if len(data) < batch_size:
            raise DataError(
                f"{len(data)} examples are fewer than a batch of {batch_size}; lower batch_size or add data"
            )
        if batch_size % count:
            raise ConfigError(f"a batch of {batch_size} has no equal shares for {count} processes; change batch_size")
        self.data, self.labels = data, labels
        self.batch_size, self.seed = batch_size, seed
        self.rank, self.share = rank, batch_size // count
        self.epoch, self.offset = 0, 0
        self._order = self._permutation()

    def _permutation(self) -> Tensor:
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + self.epoch) % 2**63)
        if isinstance(self.data, Rows):
            return self.data.order(generator)
        return torch.randperm(len(self.data), generator=generator)

    def next(self) -> tuple[Tensor, Tensor | None]:
        """This process's share (n, …) of the next batch, and its labels; an epoch's rest is dropped."""
        rows = self.next_rows()
        if not isinstance(self.data, Rows):
            return self.at(rows)
        examples, rows = self.data.read(rows)
        last = min(self.offset + AHEAD * self.batch_size, len(self.data) - self.batch_size + 1)
        coming = [self._rows(offset) for offset in range(self.offset, last, self.batch_size)]
        self.data.expect(torch.cat(coming) if coming else rows[:0])
        return examples, None if self.labels is None else self.labels[rows]

    def next_rows(self) -> Tensor:
        """Which rows this process's share of the next batch is, (n,) int64, on the CPU."""
        if self.offset + self.batch_size > len(self.data):
            self.epoch, self.offset = self.epoch + 1, 0
            self._order = self._permutation()
        self.offset += self.batch_size
        return self._rows(self.offset - self.batch_size)

    def at(self, rows: Tensor) -> tuple[Tensor, Tensor | None]:
        """The examples of those rows (n,), and their labels, where all are in memory: on the device they lie on."""
        assert isinstance(self.data, Tensor)
        rows = rows.to(self.data.device)
        examples = self.data.index_select(0, rows)  # a tenth of the time of data[rows], which copies value by value
        return examples, None if self.labels is None else self.labels[rows]

    def move(self, device: torch.device, room: int) -> int:
        """Let the examples lie on `device`, as they are stored, if they need no more than `room` bytes there.

        Gives how many they take; 0 where they stay: they need more, or are read as they are needed.
        """
        if not isinstance(self.data, Tensor) or self.data.nbytes > room:
            return 0
        self.data = self.data.to(device)
        self.labels = None if self.labels is None else self.labels.to(device)
        return self.data.nbytes

    def _rows(self, offset: int) -> Tensor:
        """This process's rows of the batch that begins at `offset` in this epoch."""
        start = offset + self.rank * self.share
        return self._order[start : start + self.share]

    def news(self) -> list[str]:
        """Bad examples found since the last call, where the data are read as they are needed."""
        return self.data.news() if isinstance(self.data, Rows) else []

    @property
    def position(self) -> dict[str, Any]:
        """Where the walk is: JSON-able, and enough to go on from there."""
        return {"epoch": self.epoch, "offset": self.offset}

    @position.setter
    def position(self, value: dict[str, Any]) -> None:
        self.epoch, self.offset = int(value["epoch"]), int(value["offset"])
        self._order = self._permutation()
