"""The modality of text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, final

from torch import Tensor

from zoo.errors import DataError, UsageError
from zoo.files import new_file
from zoo.sequences import Tokens, vocabulary_of
from zoo_text.reading import read_text

__all__ = ["BETWEEN", "Text", "text"]

USUAL = "\n" + "".join(map(chr, range(32, 127)))  # where nothing is known: what ASCII can print
BETWEEN = "\n" + "-" * 40 + "\n"  # what stands between texts in one file


@final
class Text(Tokens):
    """Text in characters of a vocabulary."""

    def read(self, path: Path, data_shape: tuple[int, ...]) -> Tensor:
        """The beginning of a file, (1, L). Raises NotFoundError, DataError for one that is too short or no text."""
        found = read_text(path)
        (length,) = data_shape
        if len(found) < length:
            raise DataError(f"{path} has {len(found):,} characters, and {length:,} are read; take a longer one")
        try:
            return self.tokens(found[:length])[None]
        except UsageError as error:
            raise DataError(f"{path}: {error}") from error

    def how_read(self, data_shape: tuple[int, ...]) -> str:
        """Its beginning."""
        return f"its first {data_shape[0]:,} characters"

    def write(self, x: Tensor, path: Path, *, columns: int | None = None, scale: int | None = None) -> None:
        """The texts one below the other, a line of dashes between two."""
        with new_file(path) as aside:
            aside.write_text(BETWEEN.join(self.texts(x)) + "\n", encoding="utf-8")

    def shapes(self) -> Iterable[tuple[int, ...]]:
        """From a line to a page."""
        return [(40,), (128,), (2_000,)]


def text(about: Mapping[str, Any]) -> Text:
    """The modality, of texts in the vocabulary that travels with the weights."""
    return Text(vocabulary_of(about, USUAL))
