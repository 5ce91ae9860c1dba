"""Next-token cross-entropy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from msgspec import Meta
from torch import Tensor, nn

from zoo.training import Figures, Trainer, make_optimizer


@dataclass(frozen=True, kw_only=True)
class NextTokenSettings:
    """How the network learns."""

    lr: Annotated[float, Meta(gt=0, le=1)] = 1e-2


class NextTokenTrainer(Trainer):
    """One part, `network`; a step is one update of it."""

    averaged = ("network",)

    def __init__(self, parts: dict[str, nn.Module], settings: NextTokenSettings, random: torch.Generator) -> None:
        self.parts, self.settings, self.random = parts, settings, random
        self.network = parts["network"]
        weights = self.network.parameters()
        self.optimizers = {"network": make_optimizer("adam", weights, lr=settings.lr, beta1=0.9, beta2=0.99)}
        self.base_rates = {"network": settings.lr}

    def step(self, x: Tensor, labels: Tensor | None) -> Figures:
        """One update from tokens (N, L)."""
        return self.learn("network", self._loss, x)

    def _loss(self, x: Tensor) -> tuple[Tensor, Figures]:
        logits = self.network(x)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), x.flatten(), reduction="sum") / len(x)
        bits = loss.detach() / (x.shape[1] * math.log(2))
        return loss, {"loss": loss.detach(), "bits_per_token": bits}
