"""Optimizers by name, gradient clipping, and how the learning rate falls: the same for every trainer."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from zoo.errors import DataError

__all__ = ["check_finite", "clip_gradients", "learning_rate", "make_optimizer"]


def make_optimizer(
    kind: str, parameters: Iterable[nn.Parameter], *, lr: float, beta1: float, beta2: float
) -> torch.optim.Optimizer:
    """An optimizer of the `parameters` with the learning rate `lr`.

    `kind` is "adam", with (beta1, beta2), or "rmsprop", with beta2 as the decay of its squared average.
    """
    if kind == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=lr, alpha=beta2, eps=1e-7, foreach=True)
    return torch.optim.Adam(parameters, lr=lr, betas=(beta1, beta2), fused=True)


def learning_rate(base: float, *, step: int, progress: float, decay: float, anneal: float) -> float:
    """The rate at `step` (0, 1, …) when `progress` in [0, 1] of the run is done.

    `decay` d gives base / (1 + d step), as Keras' optimizers do; over the last `anneal` share of the run the rate
    also falls linearly to a hundredth.
    """
    rate = base / (1 + decay * step)
    if anneal > 0:
        rate *= max(0.01, min(1.0, (1 - progress) / anneal))
    return rate


def clip_gradients(parameters: Iterable[nn.Parameter], *, value: float, norm: float) -> None:
    """Clip the gradients of `parameters`: each coordinate to [-value, value], then the whole to `norm`; 0: neither."""
    parameters = [p for p in parameters if p.grad is not None]
    if value:
        nn.utils.clip_grad_value_(parameters, value)
    if norm:
        nn.utils.clip_grad_norm_(parameters, norm)


def check_finite(metrics: dict[str, float], step: int) -> None:
    """Raise DataError naming the step and the quantity when a loss is NaN or infinite."""
    for name, value in metrics.items():
        if not math.isfinite(value):
            cure = "lower the learning rates or clip gradients: zoo train --from RUN --set settings.KEY=VALUE --out NEW"
            raise DataError(f"{name} is {value} at step {step}; {cure}")
