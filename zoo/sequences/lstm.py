"""A network of long short-term memory."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn

from zoo.sequences.configs import LSTMConfig
from zoo.sequences.next_token import Memory, NextToken

__all__ = ["LSTM"]


@final
class LSTM(NextToken):
    """An embedding, LSTM layers and a dense layer; its memory is their hidden and cell states (N, layers, width)."""

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__()
        self.data_shape, self.vocabulary = (config.length,), config.vocabulary
        self.embedding = nn.Embedding(config.vocabulary + 1, config.embedding)
        dropout = config.dropout if config.layers > 1 else 0.0
        self.lstm = nn.LSTM(config.embedding, config.width, config.layers, batch_first=True, dropout=dropout)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.width, config.vocabulary)

    def read(self, tokens: Tensor, memory: Memory | None = None) -> tuple[Tensor, Memory]:
        """Read `tokens` (N, T) behind what is in `memory`, as the interface says."""
        before = None if memory is None else tuple(state.transpose(0, 1).contiguous() for state in memory)
        read, after = self.lstm(self.embedding(tokens), before)
        logits: Tensor = self.head(self.dropout(read))
        return logits, tuple(state.transpose(0, 1) for state in after)
