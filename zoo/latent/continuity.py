"""How smoothly a decoder maps its latent space: how far examples move when latents move a little.

Made to be compared between models: latent distances count as fractions of the way between two codes of the model, so
that a space scaled by ten measures the same; decoded distances count as shares of what the whole way changes, so that a
decoder of faint or blurred pictures does not pass for a smooth one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.errors import DataError, UsageError

__all__ = ["Continuity", "continuity"]

STEPS = 10


@dataclass(frozen=True, kw_only=True)
class Continuity:
    """Means over pairs of latents, at the fractions of the way from one to the other."""

    pairs: int
    latent_distance: float  # Euclidean, between the ends, the mean over the pairs
    decoded_distance: float  # root mean square over the values, between the decoded ends
    fractions: tuple[float, ...]
    decoded: tuple[float, ...]  # decoded distance from the start at each fraction
    relative: tuple[float, ...]  # the same as a share of decoded_distance
    longest_step: float  # share of a path's decoded length that its longest of ten equal steps takes; 0.1 is even
    longest_step_error: float  # standard error of that mean over the pairs


def continuity(
    decode: Callable[[Tensor], Tensor],
    starts: Tensor,
    ends: Tensor,
    *,
    fractions: Sequence[float] = (0.05, 0.1, 0.2, 0.5, 1.0),
) -> Continuity:
    """Walk straight from `starts` to `ends`, both (N, *latent_shape), and measure how decode(z) (N, …) moves.

    A space in which near points decode to similar examples has small distances at small fractions and even steps; one
    with cliffs has a long longest step. Pairs along which nothing moves at all have no steps, and do not count there.
    Raises UsageError for shapes or fractions that cannot be meant, latents that are not finite, and decoders of tokens,
    DataError where no pair moves: a decoder that gives one example is neither smooth nor rough.
    """
    if starts.shape != ends.shape or starts.ndim < 2 or not len(starts):
        raise UsageError(f"starts and ends have shapes {tuple(starts.shape)} and {tuple(ends.shape)}; (N, …) is needed")
    if not bool(starts.isfinite().all() & ends.isfinite().all()):
        raise UsageError("starts or ends hold NaN or infinity")
    if not fractions or not all(0 < f <= 1 for f in fractions):
        raise UsageError(f"fractions are {list(fractions)}; they must lie above 0 and at most at 1")
    first, last = decode(starts), decode(ends)
    if not first.is_floating_point():
        raise UsageError("it decodes to tokens, and between tokens there are no distances to measure")
    moved = [float(_distance(first, decode(torch.lerp(starts, ends, f))).mean()) for f in fractions]
    whole, shares = float(_distance(first, last).mean()), _longest_steps(decode, starts, ends)
    if not len(shares) or whole == 0:
        raise DataError("the decoder gives the same at both ends of every pair: there is no way to measure")
    return Continuity(
        pairs=len(starts),
        latent_distance=float((ends - starts).flatten(1).norm(dim=1).mean()),
        decoded_distance=whole,
        fractions=tuple(fractions),
        decoded=tuple(moved),
        relative=tuple(distance / whole for distance in moved),
        longest_step=float(shares.mean()),
        longest_step_error=float(shares.std() / len(shares) ** 0.5) if len(shares) > 1 else 0.0,
    )


def _distance(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).flatten(1).square().mean(1).sqrt()


def _longest_steps(decode: Callable[[Tensor], Tensor], starts: Tensor, ends: Tensor) -> Tensor:
    """Of each pair that moves, the share of the decoded length that its longest step takes."""
    here, lengths = decode(starts), []
    for i in range(1, STEPS + 1):
        there = decode(torch.lerp(starts, ends, i / STEPS))
        lengths.append(_distance(here, there))
        here = there
    steps = torch.stack(lengths)
    total = steps.sum(0)
    return steps.max(0).values[total > 0] / total[total > 0]
