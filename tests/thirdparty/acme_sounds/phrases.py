"""The modality of sentences, and a data set of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

import torch
from torch import Generator, Tensor

from zoo.data import DataRequest, Examples, Modality
from zoo.errors import DataError, NotFoundError
from zoo.files import new_file, storage_errors

WORDS = ("a", "the", "cat", "dog", "frog", "sees", "hears", ".")


@final
class Phrases(Modality):
    """Sentences of L words, stored as tokens: int64 (N, L). The vocabulary travels with the weights."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)

    def check(self, stored: Tensor) -> None:
        if stored.dtype != torch.int64 or stored.ndim != 2:
            raise DataError("sentences are int64 (N, L)")
        if stored.numel() and not 0 <= int(stored.min()) <= int(stored.max()) < len(self.words):
            raise DataError(f"words are numbers from 0 to {len(self.words) - 1}")

    def ready(self, stored: Tensor, value_range: tuple[float, float] = (0.0, 1.0)) -> Tensor:
        return stored

    def stored(self, x: Tensor) -> Tensor:
        self.check(x)
        return x

    def read(self, path: Path, data_shape: tuple[int, ...]) -> Tensor:
        if not path.is_file():
            raise NotFoundError(f"there is no text {path}")
        with storage_errors(f"cannot read {path}"):
            words = path.read_text(encoding="utf-8", errors="replace").split()[: data_shape[0]]
        if len(words) < data_shape[0] or (odd := [word for word in words if word not in self.words]):
            raise DataError(f"{path}: {data_shape[0]} words of {', '.join(self.words)} are needed")
        del odd
        return torch.tensor([[self.words.index(word) for word in words]])

    def write(self, x: Tensor, path: Path, *, columns: int | None = None, scale: int | None = None) -> None:
        """A sentence a line."""
        with new_file(path) as aside:
            aside.write_text("".join(f"{line}\n" for line in self.text(x)), encoding="utf-8")

    def text(self, x: Tensor) -> list[str]:
        """Sentences as texts."""
        return [" ".join(self.words[token] for token in row) for row in self.stored(x).tolist()]

    def made_up(self, n: int, data_shape: tuple[int, ...], generator: Generator) -> Tensor:
        """Every second word is the first one: something to learn."""
        tokens = torch.randint(len(self.words), (n, *data_shape), generator=generator)
        tokens[:, ::2] = 0
        return tokens


def phrases(about: Mapping[str, Any]) -> Modality:
    """The modality, of sentences in that vocabulary."""
    return Phrases(about.get("vocabulary", WORDS))


# --- the data ------------------------------------------------------------------------------------------------------

SPLITS = {"train": (0, 300), "test": (300, 400)}


def load_sentences(request: DataRequest) -> Examples:
    """Sentence i: an animal, a verb, an animal and a full stop; which follows from i."""
    index = torch.arange(*SPLITS[request.split])
    first, verb, second = 2 + index % 3, 5 + index % 2, 2 + index * 7 // 5 % 3
    articles = index // 2 % 2
    data = torch.stack([articles, first, verb, 1 - articles, second, torch.full_like(index, 7)], dim=1)
    return Examples(data=data, about={"vocabulary": list(WORDS)})
