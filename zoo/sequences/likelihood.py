"""The trainer `likelihood`: each token given those before it, by maximum likelihood."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Annotated

import torch
from msgspec import Meta
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.errors import ConfigError
from zoo.sequences.next_token import NextToken
from zoo.training.machine.processes import Processes
from zoo.training.trainer import Figures, Precision, Trainer

__all__ = ["LikelihoodSettings", "LikelihoodTrainer"]

Share = Annotated[float, Meta(ge=0, lt=1)]
Bound = Annotated[float, Meta(ge=0, le=1e9)]


@dataclass(frozen=True, kw_only=True)
class LikelihoodSettings:
    """How a network of tokens learns."""

    lr: Annotated[float, Meta(gt=0, le=1)] = 1e-3
    beta1: Share = 0.9  # Adam's
    beta2: Share = 0.99
    weight_decay: Bound = 0.0  # of the matrices, beside Adam (Loshchilov and Hutter 2019)
    warmup: Annotated[int, Meta(ge=0)] = 0  # steps over which the rate rises
    decay: Share = 0.0  # per step: rate / (1 + decay * step)
    anneal: Share = 0.0  # share of the run at whose end the rate is a hundredth
    clip_norm: Bound = 1.0  # the whole gradient; 0: no clipping
    precision: Precision = "float32"


class LikelihoodTrainer(Trainer):
    """One part, `network`; a step is one update of it down the cross-entropy of its tokens, in nats each."""

    averaged = ("network",)
    settings: LikelihoodSettings

    def __init__(self, parts: dict[str, nn.Module], settings: LikelihoodSettings, random: torch.Generator) -> None:
        network = parts.get("network")
        if not isinstance(network, NextToken):
            raise ConfigError(f"the likelihood trainer needs a network of tokens, not {', '.join(sorted(parts))}")
        self.parts, self.settings, self.random, self.network = parts, settings, random, network
        self.clip_norm, self.decay, self.anneal = settings.clip_norm, settings.decay, settings.anneal
        matrices = [weight for weight in network.parameters() if weight.ndim > 1]
        others = [weight for weight in network.parameters() if weight.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
        betas = (settings.beta1, settings.beta2)
        self.optimizers = {"network": torch.optim.AdamW(groups, lr=settings.lr, betas=betas, fused=True)}
        self.base_rates = {"network": settings.lr}

    def join(self, processes: Processes, *, accumulate: int = 1) -> None:
        """As every trainer. Raises ConfigError where the data have other tokens than the network."""
        found, made_for = self.modality.vocabulary, self.network.vocabulary
        if found not in (None, made_for):
            fit = f"--set config.vocabulary={found}"
            raise ConfigError(f"the data have {found} different tokens, the network is for {made_for}: {fit}")
        super().join(processes, accumulate=accumulate)

    def set_rates(self, *, step: int, progress: float) -> None:
        """As every trainer; over `warmup` steps the rate rises from a part of it."""
        super().set_rates(step=step, progress=progress)
        share = min(1.0, (step + 1) / (self.settings.warmup + 1))
        for group in self.optimizers["network"].param_groups:
            group["lr"] *= share

    def variant(self) -> Hashable:
        """All steps are alike."""
        return ()

    def step(self, x: Tensor, labels: Tensor | None) -> Figures:
        """One update from tokens (N, L)."""
        return self.learn("network", self._loss, x)

    def _loss(self, x: Tensor) -> tuple[Tensor, Figures]:
        with self.in_precision(self.settings.precision):
            logits = self.network(x)
        logits = logits.float().flatten(0, 1)
        loss = F.cross_entropy(logits, x.flatten())
        told = loss.detach()
        accuracy = (logits.detach().argmax(1) == x.flatten()).float().mean()
        return loss, {"loss": told, "bits_per_token": told / math.log(2), "accuracy": accuracy}
