"""Batch norm whose statistics are those of the batch that all processes share, on every device."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm

__all__ = ["SharedBatchNorm"]


class _Total(torch.autograd.Function):
    """The sum of a tensor over all processes; each gets the sum of all gradients back."""

    @staticmethod
    def forward(_: Any, mine: Tensor) -> Tensor:
        total = mine.clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        return _Total.forward(None, gradients[0])


def _total(mine: Tensor) -> Tensor:
    total: Tensor = _Total.apply(mine)  # type: ignore[no-untyped-call]
    return total


class SharedBatchNorm(nn.Module):
    """Takes over a batch norm's parameters and buffers, under the same names.

    In training the mean and variance are over all processes' rows, which must be equally many (Ioffe and Szegedy 2015,
    algorithm 1, over the whole batch); gradients flow through them. PyTorch's own works on GPUs alone.
    """

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(self, norm: nn.modules.batchnorm._BatchNorm) -> None:
        super().__init__()
        self.eps, self.momentum = norm.eps, norm.momentum
        self.weight, self.bias = norm.weight, norm.bias
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, getattr(norm, name))
        self.train(norm.training)

    @classmethod
    def replace_in(cls, module: nn.Module) -> None:
        """Replace every batch norm inside `module`."""
        for name, child in module.named_children():
            if isinstance(child, nn.modules.batchnorm._BatchNorm):
                module.register_module(name, cls(child))
            else:
                cls.replace_in(child)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x (N, C, …)."""
        if not self.training and self.running_mean is not None:
            return batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        over = [0, *range(2, x.ndim)]
        processes = torch.distributed.get_world_size()
        count = x.numel() // x.shape[1] * processes
        mean = _total(x.sum(over)) / count
        shape = (1, -1, *(1,) * (x.ndim - 2))
        centred = x - mean.view(shape)
        variance = _total(centred.square().sum(over)) / count
        self._follow(mean.detach(), variance.detach() * count / max(1, count - 1))
        normal: Tensor = centred * torch.rsqrt(variance + self.eps).view(shape)
        return normal if self.weight is None else normal * self.weight.view(shape) + self.bias.view(shape)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics; without a momentum they are the mean over all batches."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        weight = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, weight)
        self.running_var.lerp_(variance, weight)
