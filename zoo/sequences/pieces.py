"""A long sequence of tokens -> examples of one length."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.errors import DataError

__all__ = ["windows"]


def windows(tokens: Tensor, length: int, *, every: int) -> Tensor:
    """Pieces (N, length) of tokens (T,), one from each `every`-th token on; the last one ends with the last token.

    Raises DataError for fewer tokens than one piece needs.
    """
    if len(tokens) < length:
        raise DataError(f"{len(tokens):,} tokens are less than one piece of {length:,}; choose a smaller config.length")
    pieces = tokens.unfold(0, length, every)
    whole = (len(tokens) - length) % every == 0
    return pieces.contiguous() if whole else torch.cat([pieces, tokens[None, -length:]])
