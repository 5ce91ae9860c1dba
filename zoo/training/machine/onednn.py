"""The matrix products of dense layers in training: by oneDNN on a CPU, not by the BLAS that PyTorch takes for float32.

PyTorch gives convolutions to oneDNN and dense layers to MKL; on a processor of AMD's (Zen 5) oneDNN takes half of MKL's
time. The operator is the one that torch.compile writes for such layers.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["OneDNNLinear", "available", "product"]

WORTHWHILE = 2**22  # multiplications; the way around costs what smaller products gain


class OneDNNLinear(nn.Linear):
    """An nn.Linear whose large products, where gradients are wanted, are oneDNN's: equal but for rounding."""

    @classmethod
    def replace_in(cls, module: nn.Module) -> None:
        """Make every nn.Linear in `module` one, in place, where PyTorch has what it takes; subclasses stay."""
        if available():
            for child in module.modules():
                if type(child) is nn.Linear:
                    child.__class__ = cls

    def forward(self, x: Tensor) -> Tensor:
        """x (…, in_features) -> (…, out_features)."""
        large = x.numel() * self.out_features >= WORTHWHILE
        if large and x.ndim == 2 and torch.is_grad_enabled() and not torch.is_autocast_enabled(x.device.type):
            return product(x, self.weight, self.bias)
        return F.linear(x, self.weight, self.bias)


def product(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """a (M, K) times the transpose of b (N, K), plus bias (N,): (M, N), with gradients of every order."""
    if {a.dtype, b.dtype} != {torch.float32} or a.device.type != "cpu":
        return F.linear(a, b, bias)
    result: Tensor = _Product.apply(a, b, bias)  # type: ignore[no-untyped-call]
    return result


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(a, b)
        return _by_onednn(_in_order(a), _in_order(b), bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,), (a, b) = grads, ctx.saved_tensors
        for_a, for_b, for_bias = ctx.needs_input_grad
        return (
            product(grad, b.t()) if for_a else None,
            product(grad.t(), a.t()) if for_b else None,
            grad.sum(0) if for_bias else None,
        )


def _by_onednn(a: Tensor, b: Tensor, bias: Tensor | None) -> Tensor:
    result: Tensor = torch.ops.mkldnn._linear_pointwise(a, b, bias, "none", [], "")
    return result


def _in_order(matrix: Tensor) -> Tensor:
    """Rows or columns one after the other in memory: what an expanded gradient is not."""
    return matrix if matrix.is_contiguous() or matrix.t().is_contiguous() else matrix.contiguous()


@cache
def available() -> bool:
    """Whether this PyTorch has the operator, which is no public one, and it gives what F.linear gives."""
    a, b, bias = torch.eye(2, 3), torch.ones(4, 3), torch.arange(4.0)
    try:
        return torch.backends.mkldnn.is_available() and _by_onednn(a, b, bias).equal(F.linear(a, b, bias))
    except (AttributeError, RuntimeError, TypeError):
        return False
