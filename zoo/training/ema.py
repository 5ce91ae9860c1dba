"""The exponential moving average of a network: what is published instead of the last iterate."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

__all__ = ["Ema"]


class Ema:
    """Keeps `module`, an averaged copy in eval mode.

    A weight's share halves every `half_life` examples; early on every tenth of the examples seen, so that the random
    start is forgotten. Buffers (batch norm's running statistics) are copied, not averaged.
    """

    def __init__(self, module: nn.Module, *, half_life: float) -> None:
        self.half_life = half_life
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self._live = module
        # Walking a module for its weights costs more than moving them; the optimizer holds on to them too.
        self._weights: list[Tensor] = list(self.module.parameters())
        self._live_weights: list[Tensor] = list(module.parameters())
        self._buffers: list[Tensor] = list(self.module.buffers())

    def update(self, *, examples: int, examples_seen: int) -> None:
        """Move towards the network after a step of `examples` examples; `examples_seen` counts them too."""
        self.move(self.weight(examples=examples, examples_seen=examples_seen))

    def weight(self, *, examples: int, examples_seen: int) -> float:
        """How far `update` moves, from 0 to 1."""
        half_life = min(self.half_life, examples_seen / 10)
        return 1.0 if half_life == 0 else 1 - 0.5 ** (examples / half_life)

    @torch.no_grad()
    def move(self, weight: float | Tensor) -> None:
        """Move towards the network by that share of the way; a scalar tensor can change where the move is replayed."""
        if self._weights:  # a likelihood may have no parameters
            if isinstance(weight, Tensor):
                torch._foreach_lerp_(self._weights, self._live_weights, [weight] * len(self._weights))
            else:
                torch._foreach_lerp_(self._weights, self._live_weights, weight)
        if self._buffers:  # a layer may put a new tensor into the place of its buffer
            torch._foreach_copy_(self._buffers, list(self._live.buffers()))
