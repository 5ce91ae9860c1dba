"""A transformer that looks back: attention with rotary positions, after norms, with a memory of keys and values."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.sequences.configs import TransformerConfig
from zoo.sequences.next_token import Memory, NextToken

__all__ = ["Transformer"]

SPREAD = 0.02  # standard deviation of the weights at the start (Radford et al. 2019)
BASE = 10_000.0  # of the rotations' wavelengths (Su et al. 2021, arXiv:2104.09864, section 3.2.2)


@final
class Transformer(NextToken):
    """An embedding, blocks of attention and a dense layer of two steps, a norm and a dense layer.

    A token looks back at `length` tokens at most, itself among them. The memory holds keys and values of the last ones,
    (N, layers, 2, heads, T, width of a head), and how many have been read, (N,).
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.data_shape, self.vocabulary = (config.length,), config.vocabulary
        self.size = config.width // config.heads  # of a head
        self.embedding = nn.Embedding(config.vocabulary + 1, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.vocabulary)
        for name, weight in self.named_parameters():
            if weight.ndim > 1:
                damped = name.endswith(("attended.weight", "narrow.weight"))  # what is added to the residual path
                nn.init.normal_(weight, 0.0, SPREAD / math.sqrt(2 * config.layers) if damped else SPREAD)

    def read(self, tokens: Tensor, memory: Memory | None = None) -> tuple[Tensor, Memory]:
        """Read `tokens` (N, T) behind what is in `memory`, as the interface says."""
        x = self.dropout(self.embedding(tokens))
        kept, done = (None, tokens.new_zeros(len(tokens))) if memory is None else memory
        here = kept.shape[4] if kept is not None else 0
        turns = _rotations(done[0], tokens.shape[1], self.size, x)
        mask = _mask(here, tokens.shape[1], self.data_shape[0], x.device)
        pairs = []
        for index, block in enumerate(self.blocks):
            x, pair = block(x, turns, mask, None if kept is None else kept[:, index])
            pairs.append(pair)
        logits: Tensor = self.head(self.norm(x))
        held = torch.sym_min(here + tokens.shape[1], self.data_shape[0] - 1)  # the next token sees itself, too
        last = torch.stack([pair[..., pair.shape[-2] - held :, :] for pair in pairs], 1)
        return logits, (last, done + tokens.shape[1])


class _Block(nn.Module):
    """x + attention(norm(x)), then x + dense(norm(x))."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width = config.width
        self.heads, self.size = config.heads, width // config.heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.asked = nn.Linear(width, 3 * width, bias=False)
        self.attended = nn.Linear(width, width, bias=False)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x: Tensor, turns: tuple[Tensor, Tensor], mask: Tensor | None, kept: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """x (N, T, width) and the keys and values before, (N, 2, heads, S, size) -> x and those with its own."""
        n, length, width = x.shape
        query, key, value = (
            one.view(n, length, self.heads, self.size).transpose(1, 2) for one in self.asked(self.before(x)).chunk(3, 2)
        )
        query, key = _turned(query, turns), _turned(key, turns)
        pair = torch.stack([key, value], 1)
        pair = pair if kept is None else torch.cat([kept, pair], 3)
        found = F.scaled_dot_product_attention(query, pair[:, 0], pair[:, 1], attn_mask=mask, is_causal=mask is None)
        x = x + self.dropout(self.attended(found.transpose(1, 2).reshape(n, length, width)))
        return x + self.dropout(self.narrow(F.gelu(self.wide(self.between(x))))), pair


def _rotations(start: Tensor, count: int, size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines (count, size / 2) of the angles by which places from `start` on are turned."""
    places = (start + torch.arange(count, device=like.device)).float()
    rates = BASE ** (-torch.arange(0, size, 2, device=like.device, dtype=torch.float32) / size)
    angles = torch.outer(places, rates)
    return angles.cos().to(like.dtype), angles.sin().to(like.dtype)


def _turned(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """x (N, heads, T, size), each pair of coordinates turned by its place's angle."""
    (first, second), (cos, sin) = x.chunk(2, -1), turns
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


def _mask(before: int, count: int, length: int, device: torch.device) -> Tensor | None:
    """Which of `before` + `count` tokens each of the last `count` looks at, (count, all); None: all before it, itself
    among them.
    """
    if not before and count <= length:
        return None
    rows = torch.arange(before, before + count, device=device)[:, None]
    columns = torch.arange(before + count, device=device)
    return (columns <= rows) & (columns > rows - length)
