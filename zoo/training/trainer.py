"""What the loop asks of a trainer: one step, and the things that make up its state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from zoo.training.optimizers import learning_rate

__all__ = ["Trainer"]


class Trainer(ABC):
    """Built as `Trainer(parts, settings, random)`: the parts by name, the decoded settings, the run's own generator.

    All randomness of a step comes from that generator (and from the global one where a layer, such as dropout, takes
    no other); the loop saves both. `settings` has `decay` and `anneal`.
    """

    averaged: tuple[str, ...] = ()  # the parts of which the loop keeps a moving average
    parts: dict[str, nn.Module]
    optimizers: dict[str, torch.optim.Optimizer]
    base_rates: dict[str, float]  # optimizer name -> learning rate before decay
    settings: Any

    @abstractmethod
    def step(self, pixels: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
        """Learn from one batch (N, …) uint8 and its labels (N,); give metrics as scalar tensors, not synchronised."""

    def set_rates(self, *, step: int, progress: float) -> None:
        """Set the learning rates for the coming step."""
        decay, anneal = self.settings.decay, self.settings.anneal
        for name, optimizer in self.optimizers.items():
            rate = learning_rate(self.base_rates[name], step=step, progress=progress, decay=decay, anneal=anneal)
            for group in optimizer.param_groups:
                group["lr"] = rate
