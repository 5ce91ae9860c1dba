"""A long sequence of tokens -> examples of one length."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.errors import DataError

__all__ = ["filled", "windows"]


def windows(tokens: Tensor, length: int, *, every: int) -> Tensor:
    """Pieces (N, length) of tokens (T,), one from each `every`-th token on; the last one ends with the last token.

    Raises DataError for fewer tokens than one piece needs.
    """
    if len(tokens) < length:
        raise DataError(f"{len(tokens):,} tokens are less than one piece of {length:,}; choose a smaller config.length")
    pieces = tokens.unfold(0, length, every)
    whole = (len(tokens) - length) % every == 0
    return pieces.contiguous() if whole else torch.cat([pieces, tokens[None, -length:]])


def filled(pieces: Sequence[Tensor], length: int, filler: int) -> Tensor:
    """N `pieces` of tokens, (T,) each, of at most `length` - 1 -> (N, length): behind each its end, the token `filler`.

    Raises DataError where there is none.
    """
    if not pieces:
        raise DataError(f"there is no line of at most {length - 1} characters; choose a larger config.length")
    found = torch.full((len(pieces), length), filler)
    for row, piece in zip(found, pieces, strict=True):
        row[: len(piece)] = piece
    return found
