"""How smoothly a decoder maps its latent space: how far pictures move when latents move a little."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from zoo.errors import UsageError

__all__ = ["Continuity", "continuity"]


@dataclass(frozen=True, kw_only=True)
class Continuity:
    """Mean distances over pairs of latents, at the fractions of the way from one to the other."""

    pairs: int
    latent_distance: float  # Euclidean, between the ends, the mean over the pairs
    decoded_distance: float  # root mean square over the values, between the decoded ends
    fractions: tuple[float, ...]
    decoded: tuple[float, ...]  # decoded distance from the start at each fraction
    longest_step: float  # share of a path's decoded length that its longest of ten equal steps takes; 0.1 is even


def continuity(
    decode: Callable[[Tensor], Tensor],
    starts: Tensor,
    ends: Tensor,
    *,
    fractions: Sequence[float] = (0.05, 0.1, 0.2, 0.5, 1.0),
) -> Continuity:
    """Walk straight from `starts` to `ends`, both (N, *latent_shape), and measure how decode(z) (N, …) moves.

    A space in which near points decode to similar examples has small distances at small fractions and even steps; one
    with cliffs has a long longest step. Raises UsageError for shapes or fractions that cannot be meant.
    """
    if starts.shape != ends.shape or starts.ndim < 2 or not len(starts):
        raise UsageError(f"starts and ends have shapes {tuple(starts.shape)} and {tuple(ends.shape)}; (N, …) is needed")
    if not fractions or not all(0 < f <= 1 for f in fractions):
        raise UsageError(f"fractions are {list(fractions)}; they must lie above 0 and at most at 1")
    first, last = decode(starts), decode(ends)
    moved = [float(_distance(first, decode(torch.lerp(starts, ends, f))).mean()) for f in fractions]
    return Continuity(
        pairs=len(starts),
        latent_distance=float((ends - starts).flatten(1).norm(dim=1).mean()),
        decoded_distance=float(_distance(first, last).mean()),
        fractions=tuple(fractions),
        decoded=tuple(moved),
        longest_step=float(_longest_step(decode, starts, ends)),
    )


def _distance(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).flatten(1).square().mean(1).sqrt()


def _longest_step(decode: Callable[[Tensor], Tensor], starts: Tensor, ends: Tensor, steps: int = 10) -> Tensor:
    points = [decode(torch.lerp(starts, ends, i / steps)) for i in range(steps + 1)]
    lengths = torch.stack([_distance(a, b) for a, b in pairwise(points)])
    return (lengths.max(0).values / lengths.sum(0).clamp(min=1e-12)).mean()
