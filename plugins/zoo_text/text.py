"""The modality of text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast, final

import torch
from torch import Tensor

from zoo.errors import DataError, UsageError
from zoo.files import new_file
from zoo.sequences import Tokens, vocabulary_of
from zoo_text.reading import read_text

__all__ = ["BETWEEN", "Text", "text"]

USUAL = "\n" + "".join(map(chr, range(32, 127)))  # where nothing is known: what ASCII can print
BETWEEN = "\n" + "-" * 40 + "\n"  # what stands between texts in one file
FILLED = re.compile(r"\n{2,}\Z")  # what fills a line up


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
        """The texts one below the other; unless each is one line, with a line of dashes between two."""
        with new_file(path) as aside:
            texts = self.texts(x)
            lines = all(text.endswith("\n") and "\n" not in text.rstrip() for text in super().texts(x))
            between = "\n" if lines else BETWEEN
            aside.write_text(between.join(texts) + "\n", encoding="utf-8")

    def texts(self, x: Tensor) -> list[str]:
        """Tokens (N, L) as texts; of the empty lines at the end, which fill a line up, nothing is left."""
        return [FILLED.sub("", text) for text in super().texts(x)]

    def given(self, value: object, data_shape: tuple[int, ...]) -> object:
        """A path is read; any other text, or a list of such, is taken as it is, with empty lines behind.

        Raises UsageError for one that is too long, or has characters that are not known.
        """
        if isinstance(value, str) and not Path(value).expanduser().is_file():
            return self._filled(value, data_shape)
        if isinstance(value, (list, tuple)) and value and all(isinstance(item, str) for item in value):
            return torch.cat([cast(Tensor, self.given(item, data_shape)) for item in value])
        return super().given(value, data_shape)

    def _filled(self, text: str, data_shape: tuple[int, ...]) -> Tensor:
        (length,) = data_shape
        if len(text) > length:
            raise UsageError(f"the text has {len(text)} characters, and {length} fit; it is {text[:30]!r}")
        return self.tokens(text + "\n" * (length - len(text)))[None]

    def shapes(self) -> Iterable[tuple[int, ...]]:
        """From a line to a page."""
        return [(40,), (128,), (2_000,)]


def text(about: Mapping[str, Any]) -> Text:
    """The modality, of texts in the vocabulary that travels with the weights."""
    return Text(vocabulary_of(about, USUAL))
