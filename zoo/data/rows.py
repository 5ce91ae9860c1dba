"""Examples that are not in memory: they are read by their number when a batch asks for them."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Generator, Tensor

__all__ = ["Rows"]


class Rows(ABC):
    """N examples of any shape, as their modality stores them. What a row gives depends on nothing but the row."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def order(self, generator: Generator) -> Tensor:
        """A permutation of all rows, (N,) int64: it follows from `generator` alone and suits the place they are in."""

    @abstractmethod
    def read(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Examples (n, *data_shape) for rows (n,), as they are stored, and the rows they are.

        The next good one stands in for a bad one. Raises DataError where too many are bad, IntegrityError where they
        have changed, StorageError.
        """

    @abstractmethod
    def expect(self, rows: Tensor) -> None:
        """These rows (n,) will be asked for next, and no others are kept ready."""

    @abstractmethod
    def news(self) -> list[str]:
        """The bad examples found since the last call: name and cause."""
