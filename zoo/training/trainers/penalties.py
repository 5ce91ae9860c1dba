"""Gradient penalties: what keeps the discriminator's slope small, in the place where it is learned.

`seen` is what a discriminator judges by: the examples, or the maps that a frozen network makes of them. With several
maps each has a game of its own, and the penalties of the games are summed.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["one_centred", "zero_centred"]

Seen = tuple[Tensor, ...]


def zero_centred(logits: Tensor, seen: Seen) -> Tensor:
    """E[|grad D|^2] from logits (N, K) of `seen`: R1 on real examples, R2 on fakes, still without their gamma / 2.

    Mescheder et al. 2018, arXiv:1801.04406, equations 9 and 10. `seen` must want gradients; the result can be
    differentiated again, in the discriminator's weights.
    """
    return sum((squares.mean() for squares in _squared_norms(logits, seen)), torch.zeros((), device=logits.device))


def one_centred(judge: Callable[[Seen], Tensor], real: Seen, fake: Seen, weights: Tensor) -> Tensor:
    """E[(|grad D(x)| - 1)^2] at x = w real + (1 - w) fake, with weights w (N,) from U(0, 1), still without its lambda.

    Gulrajani et al. 2017, arXiv:1704.00028, equation 3. `judge` gives the logits (N, K) of such x.
    """
    between = tuple(
        torch.lerp(b, a, weights.view(-1, *[1] * (a.ndim - 1))).detach().requires_grad_()
        for a, b in zip(real, fake, strict=True)
    )
    found = torch.zeros((), device=weights.device)
    for squares in _squared_norms(judge(between), between):
        # The root has no slope at 0, where a discriminator that is still flat begins.
        found = found + ((squares + 1e-12).sqrt() - 1).square().mean()
    return found


def _squared_norms(logits: Tensor, seen: Seen) -> list[Tensor]:
    """For each map of `seen` the squared norm (N,) of the gradient of an example's logits."""
    gradients = torch.autograd.grad(logits.sum(), seen, create_graph=True)
    return [gradient.float().square().flatten(1).sum(1) for gradient in gradients]
