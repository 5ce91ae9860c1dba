"""Optimizers by name, gradient clipping, and how the learning rate falls: the same for every trainer."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from zoo.errors import DataError

__all__ = ["check_finite", "clip_gradients", "learning_rate", "make_capturable", "make_optimizer", "set_rate"]


def make_optimizer(
    kind: str, parameters: Iterable[nn.Parameter], *, lr: float, beta1: float, beta2: float
) -> torch.optim.Optimizer:
    """An optimizer of the `parameters` with the learning rate `lr`.

    `kind` is "adam", with (beta1, beta2), or "rmsprop", with beta2 as the decay of its squared average.
    """
    if kind == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=lr, alpha=beta2, eps=1e-7, foreach=True)
    return torch.optim.Adam(parameters, lr=lr, betas=(beta1, beta2), fused=True)


def make_capturable(optimizer: torch.optim.Optimizer, device: torch.device) -> bool:
    """Let an optimizer keep rate and step counts in tensors on `device`, so that its steps can be replayed.

    Gives False where it has no way to: PyTorch's SGD has none. PyTorch's kernels ask for a rate in float32 on a GPU and
    take one in float64 on a CPU, where the counts are in tensors anyhow.
    """
    if not all("capturable" in group for group in optimizer.param_groups):
        return False
    on_cpu = device.type == "cpu"
    for group in optimizer.param_groups:
        group["capturable"] = not on_cpu
        if not isinstance(group["lr"], Tensor):
            dtype = torch.float64 if on_cpu else torch.float32
            group["lr"] = torch.tensor(group["lr"], dtype=dtype, device=device)
    return True


def set_rate(group: dict[str, Any], rate: float) -> None:
    """Set the learning rate of a group of an optimizer's parameters, in place where it is a tensor."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


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
