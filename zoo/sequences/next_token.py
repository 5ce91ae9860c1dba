"""The interface of networks that tell the next token."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

__all__ = ["Memory", "NextToken"]

Memory = tuple[Tensor, ...]  # what a network keeps of the tokens that it has read; of each tensor the rows come first


class NextToken(nn.Module, ABC):
    """Tokens -> logits of the next one, from those before it alone.

    Tokens are whole numbers below `vocabulary`; that number itself stands for the beginning, and is never written.
    """

    data_shape: tuple[int, ...]  # (L,): tokens that are learnt from at once
    vocabulary: int  # V, different tokens

    @abstractmethod
    def read(self, tokens: Tensor, memory: Memory | None = None) -> tuple[Tensor, Memory]:
        """Read tokens (N, T), which follow what is in `memory`; None: nothing was read before.

        Gives logits (N, T, V) of the token after each, and the memory that holds these tokens too. To read piece by
        piece is to read at once.
        """

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (N, L) to the logits (N, L, V) of each, given those before it."""
        begin = torch.full_like(tokens[:, :1], self.vocabulary)
        return self.read(torch.cat([begin, tokens[:, :-1]], 1))[0]
