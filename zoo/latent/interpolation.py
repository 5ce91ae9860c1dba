"""Paths between latents."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.errors import UsageError

__all__ = ["linear", "spherical"]


def _fractions(start: Tensor, end: Tensor, steps: int) -> Tensor:
    if start.shape != end.shape:
        raise UsageError(f"the ends have shapes {tuple(start.shape)} and {tuple(end.shape)}; they must be equal")
    if isinstance(steps, bool) or not isinstance(steps, int) or not 2 <= steps <= 10_000:
        raise UsageError(f"steps is {steps!r}; it must be a whole number from 2 to 10,000")
    return torch.linspace(0, 1, steps, dtype=start.dtype).view(-1, *[1] * start.ndim)


def linear(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """The straight line from `start` to `end` (both of one latent's shape), both included: (steps, *latent_shape)."""
    return torch.lerp(start[None], end[None], _fractions(start, end, steps))


def spherical(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """The great circle from `start` to `end` (White 2016, arXiv:1609.04468), both included: (steps, *latent_shape).

    Its points keep the norm that samples of a normal prior have, which the straight line falls short of. Where the
    two point the same or opposite ways, or one is zero, the circle is not defined, and the straight line is given.
    """
    t = _fractions(start, end, steps)
    cosine = torch.nn.functional.cosine_similarity(start.flatten(), end.flatten(), dim=0).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if float(torch.sin(angle)) < 1e-6 or not start.any() or not end.any():
        return linear(start, end, steps)
    path = (torch.sin((1 - t) * angle) * start[None] + torch.sin(t * angle) * end[None]) / torch.sin(angle)
    path[0], path[-1] = start, end  # to the last bit
    return path
