"""What is known of data before they are read, and what a starter chooses by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

__all__ = ["Choice", "DataFacts"]

Value = TypeVar("Value", int, float, str)


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """What is known of examples before they are read: what a starter chooses by."""

    count: int  # examples of the split
    shape: tuple[int, ...]  # of a typical one: (C, S, S) for pictures, S the median of their shorter sides in pixels
    vocabulary: int = 0  # different tokens; 0: the data are continuous
    given: Mapping[str, Any] = field(default_factory=dict)  # what the user has set, by the keys of `--set`

    @property
    def channels(self) -> int:
        """The first of the shape: 1 where all pictures are grey."""
        return self.shape[0]

    @property
    def side(self) -> int:
        """The shortest of the shape without its channels; of a sequence its length."""
        return min(self.shape[1:] or self.shape)

    def chosen(self, key: str, default: Value) -> Value:
        """What the user has set, else the default: what other choices follow from must follow from the user's.

        A value of another type than the default's counts as not set: the recipe's check refuses it by name.
        """
        value = self.given.get(key, default)
        return value if type(value) is type(default) else default

    def nearest(self, sides: Iterable[int]) -> int:
        """The one of `sides` whose ratio to the examples' own side is nearest to 1; the smaller of two."""
        return min(sides, key=lambda side: (max(side / self.side, self.side / side), side))

    def batch(self, most: int) -> int:
        """A batch size: a power of two of at most `most` and at most half of the examples, but at least 2."""
        return max(2, 1 << (max(2, min(most, self.count // 2)).bit_length() - 1))


@dataclass(frozen=True)
class Choice:
    """One value that a starter chooses for a recipe."""

    key: str  # as `--set` takes it: "batch_size", "config.image_size", "settings.flips"
    value: Any  # as the recipe takes it: a number, a text, a list
    why: str  # a few words, shown before the training starts
