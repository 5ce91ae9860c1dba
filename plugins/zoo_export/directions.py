"""The directions in which a model's examples change most: what sliders move where no concept is known."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.nn import Model

__all__ = ["leading_directions"]

PLACES, STEP = 8, 0.05  # latents around which changes are looked at, and how far each goes


def leading_directions(model: Model, count: int) -> list[Tensor]:
    """At most `count` directions, each of one latent's shape and as long as a standard deviation of the prior.

    They are the leading eigenvectors of the mean of J^T J over draws from the prior, J the derivative of `decode` (the
    active subspace: Constantine et al. 2014, arXiv:1304.2070), by differences.
    """
    z = model.latents(PLACES, seed=0)
    size = z[0].numel()
    total = torch.zeros(size, size, dtype=torch.float64)
    for place in range(PLACES):
        moved = z[place].flatten() + STEP * torch.cat([torch.zeros(1, size), torch.eye(size)])
        labels = None if model.num_classes is None else place % model.num_classes
        x = model.decode(moved.view(-1, *model.latent_shape), labels).double().flatten(1)
        changes = (x[1:] - x[:1]) / STEP
        total += changes @ changes.T
    _, vectors = torch.linalg.eigh(total)
    length = model.prior_of().variance ** 0.5
    found = vectors.flip(1).T[:count].float() * length
    return [direction.view(model.latent_shape) for direction in found]
