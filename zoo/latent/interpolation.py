"""Paths between latents."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zoo.errors import UsageError
from zoo.nn.given import as_tensor, whole
from zoo.nn.prior import Prior
from zoo.nn.torch_state import default_state

__all__ = ["linear", "plane", "spherical", "traversal", "within"]

FALL = 3.0  # standard deviations of a draw's log-density by which a walk may fall below its ends


def _fractions(start: Tensor, end: Tensor, steps: int) -> Tensor:
    if start.shape != end.shape:
        raise UsageError(f"the ends have shapes {tuple(start.shape)} and {tuple(end.shape)}; they must be equal")
    return torch.linspace(0, 1, whole("steps", steps, 2, 10_000), dtype=start.dtype, device=start.device).view(
        -1, *[1] * start.ndim
    )


def _end(name: str, z: object) -> Tensor:
    found = as_tensor(name, z)
    return found if found.is_floating_point() else found.float()


def linear(start: object, end: object, steps: int) -> Tensor:
    """The straight line from `start` to `end` (both of one latent's shape), both included: (steps, *latent_shape)."""
    start, end = _end("start", start), _end("end", end)
    return torch.lerp(start[None], end[None], _fractions(start, end, steps))


def spherical(start: object, end: object, steps: int) -> Tensor:
    """The great circle from `start` to `end` (White 2016, arXiv:1609.04468), both included: (steps, *latent_shape).

    Its points keep the norm that samples of a normal prior have, which the straight line falls short of. Where the
    two point the same or opposite ways, or one is zero, the circle is not defined, and the straight line is given.
    """
    start, end = _end("start", start), _end("end", end)
    t = _fractions(start, end, steps)
    cosine = torch.nn.functional.cosine_similarity(start.flatten(), end.flatten(), dim=0).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if float(torch.sin(angle)) < 1e-6 or not start.any() or not end.any():
        return linear(start, end, steps)
    path = (torch.sin((1 - t) * angle) * start[None] + torch.sin(t * angle) * end[None]) / torch.sin(angle)
    path[0], path[-1] = start, end  # to the last bit
    return path


@default_state()
def within(prior: Prior, start: object, end: object, steps: int) -> Tensor:
    """The path from `start` to `end`, both included, that stays where a prior has its mass: (steps, *latent_shape).

    Of N(0, I) it is `spherical`, of U(-1, 1) `linear`, as a great circle leaves the cube. Of a mixture it is the great
    circle around its mean, in coordinates in which its covariance is I (`spherical` itself, where the mixture is
    N(0, I)), unless that passes where the mixture has little: where log p falls below both ends by more than three
    times sqrt(d / 2), which is by how much it varies between draws from a normal distribution of d dimensions. Then it
    is `linear`: between clusters on a plane a circle goes through nowhere.
    """
    if prior.mixture is None:
        return (spherical if prior.name == "normal" else linear)(start, end, steps)
    start, end = _end("start", start), _end("end", end)
    straight = linear(start, end, steps)
    mean, factor = (value.to(start) for value in prior.mixture.moments())
    flat = torch.stack([start.flatten(), end.flatten()]) - mean
    white = torch.linalg.solve_triangular(factor, flat.mT, upper=False).mT
    path = (spherical(white[0], white[1], steps) @ factor.mT + mean).view_as(straight)
    path[0], path[-1] = start, end  # to the last bit
    logs = prior.log_prob(path)
    lowest = torch.minimum(logs[0], logs[-1]) - FALL * math.sqrt(len(mean) / 2)
    return path if bool((logs >= lowest).all()) else straight


def traversal(z: Tensor, dimension: int, steps: int, *, low: float = -3.0, high: float = 3.0) -> Tensor:
    """One latent z (*latent_shape) with one of its coordinates going from `low` to `high`: (steps, *latent_shape).

    `dimension` counts the flattened coordinates. Raises UsageError for one that is not there, bad steps, and limits
    that are not finite.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        raise UsageError(f"the limits are {low!r} and {high!r}; they must be finite")
    dimension = whole("dimension", dimension, 0, z.numel() - 1)
    start, end = z.clone(), z.clone()
    start.view(-1)[dimension], end.view(-1)[dimension] = low, high
    return linear(start, end, steps)


def plane(steps: int, *, reach: float = 0.95, prior: Prior | None = None) -> Tensor:
    """A grid over a two-dimensional latent space, (steps^2, 2), row by row from the top left; the second axis goes up.

    Its lines are quantiles of the prior (None: of N(0, I)), evenly spaced in probability over the central `reach` of
    each axis, so that every cell is as likely as any other (Kingma and Welling 2014, figure 4). Of a mixture those of
    the second axis are the quantiles given the first: each column has its own. Raises UsageError.
    """
    if not 0 < reach < 1:
        raise UsageError(f"reach is {reach!r}; it must lie between 0 and 1")
    origin = torch.zeros((), dtype=torch.float32, device="cpu")
    at = 2 * _fractions(origin, origin, steps) - 1  # -1 … 1
    line = (at.double() * reach + 1) / 2
    u = torch.stack([line.repeat(steps), line.flip(0).repeat_interleave(steps)], dim=1)
    return (prior or Prior(name="normal", shape=(2,))).from_uniform(u)
