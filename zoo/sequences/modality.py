"""What kinds of data share that are characters in a row: a vocabulary, and texts as tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from zoo.data.modality import Modality
from zoo.errors import DataError, UsageError

__all__ = ["Tokens", "vocabulary_of"]

MOST_SHOWN = 20  # characters that a message names


class Tokens(Modality):
    """Characters in a row, stored as their places in a vocabulary: int64 (N, L).

    The vocabulary travels with the weights. A kind of data adds how its files are read and written.
    """

    streams: bool = True  # whether the text of one token after the other is the text of all

    def __init__(self, characters: Sequence[str]) -> None:
        self.characters = tuple(characters)
        self.vocabulary = len(self.characters)
        self._places = {character: place for place, character in enumerate(self.characters)}

    def check(self, stored: Tensor) -> None:
        """Raise DataError unless these are tokens of the vocabulary, (N, L)."""
        if stored.dtype != torch.int64 or stored.ndim != 2:
            raise DataError(f"tokens are int64 (N, L), not {stored.dtype} {tuple(stored.shape)}")
        if stored.numel() and not 0 <= int(stored.min()) <= int(stored.max()) < len(self.characters):
            raise DataError(f"tokens are numbers from 0 to {len(self.characters) - 1}")

    def ready(self, stored: Tensor, value_range: tuple[float, float] = (0.0, 1.0)) -> Tensor:
        """The tokens as they are: they have no `value_range`."""
        return stored

    def stored(self, x: Tensor) -> Tensor:
        """The tokens as they are, checked."""
        self.check(x)
        return x

    def tokens(self, text: str) -> Tensor:
        """A text as tokens (L,)."""
        unknown = sorted({character for character in text if character not in self._places})
        if unknown:
            shown = ", ".join(map(repr, unknown[:MOST_SHOWN])) + (", …" if len(unknown) > MOST_SHOWN else "")
            known = "".join(character for character in self.characters if character.isprintable())
            raise UsageError(f"the text has {shown}, and these weights know {known:.200} alone; leave it out")
        return torch.tensor([self._places[character] for character in text], dtype=torch.int64)

    def texts(self, x: Tensor) -> list[str]:
        """Tokens (N, L) as texts."""
        return ["".join(self.characters[token] for token in row) for row in self.stored(x).tolist()]

    def ended(self, x: Tensor) -> list[bool]:
        """Whether each of tokens (N, L) has ended, so that `write` leaves out what follows: here a text goes on."""
        return [False] * len(x)

    def made_up(self, n: int, data_shape: tuple[int, ...], generator: Generator) -> Tensor:
        """Every second token is the first of the vocabulary: something to learn."""
        tokens = torch.randint(len(self.characters), (n, *data_shape), generator=generator)
        tokens[:, ::2] = 0
        return tokens


def vocabulary_of(about: Any, usual: str) -> str:
    """The characters that travel with the weights, as `about` has them, or the `usual` ones.

    Raises DataError for what cannot be meant.
    """
    found = about.get("vocabulary", usual)
    if not isinstance(found, str) or not found or len(set(found)) < len(found):
        raise DataError(f"the vocabulary is {found!r:.60}; it must be a text of different characters")
    return found
