"""From an example back to a latent, for models that only decode: by a fitted encoder, and by optimisation.

A GAN has no encoder. Two ways around that, which also work one after the other (Zhu et al. 2016, arXiv:1609.03552,
section 3.1): a network is fitted to pairs (z, G(z)) of the model's own samples, or z itself is moved until G(z) is near
the picture (Creswell and Bharath 2018, arXiv:1611.05644). Neither makes a model draw what it cannot: always look at the
error of what the latents found decode to.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.errors import UsageError
from zoo.nn.folding import resting
from zoo.nn.given import as_tensor, number, whole
from zoo.nn.models import Model, home
from zoo.nn.sampling import CHUNK, Labels, Progress, check_labels, passes
from zoo.nn.torch_state import default_state

__all__ = ["Inversion", "invert", "render", "value_error"]

STEP = 0.1  # of the optimisation, in units of z, at the start; it falls to 0 along a cosine
MOST_STEPS, MOST_DRAWS = 10_000, 100


@dataclass(frozen=True, kw_only=True)
class Inversion:
    """The latents that were found, (N, *latent_shape), and how near decode(z) comes to each example."""

    z: Tensor  # (N, *latent_shape)
    error: Tensor  # (N,) root mean square over the values, of [0, 1]
    steps: int  # of the search


def value_error(a: Tensor, b: Tensor) -> Tensor:
    """Root mean square difference of each pair of examples, (N, …) and (N, …) -> (N,)."""
    return (a - b).flatten(1).square().mean(1).sqrt()


def render(model: Model, z: Tensor, labels: Tensor | None = None) -> Tensor:
    """`model(z, labels)` for z (N, *latent_shape) of any dtype: `decode` without its checks and its cut to [0, 1]."""
    x: Tensor = model(z.to(home(model)[1]), labels)
    return x


@default_state()
def invert(
    model: Model,
    x: object,
    *,
    start: object = None,
    labels: Labels = None,
    steps: int = 300,
    prior_weight: float = 1e-2,
    draws: int = 8,
    seed: int = 0,
    progress: Progress | None = None,
) -> Inversion:
    """Find latents that decode to examples x (N, *data_shape) in [0, 1], by `steps` of Adam on z.

    Minimised are, for each example alone, the mean squared error of its values over the variance that the model's own
    samples have, plus `prior_weight` times -2/d log p(z) of the model's default prior in d dimensions, which keeps z
    where that draws: of N(0, I) it is the mean of z^2 and a constant (a uniform prior keeps it in [-1, 1] instead). It
    begins at `start`
    (N, *latent_shape), such as a fitted encoder's guess, or else at `draws` draws from the prior with `seed`, of which
    the one that ends lowest is kept. The best z of all steps is given, so that more steps never fit worse than `start`
    in the objective. `labels` (N,) are needed for a model with classes. `progress` is called with (steps done, steps in
    all).

    Raises UsageError for examples of another shape or range, and numbers that cannot be meant.
    """
    x = model.examples(x).detach()
    steps, draws = whole("steps", steps, 1, MOST_STEPS), whole("draws", draws, 1, MOST_DRAWS)
    if not 0 <= number(prior_weight) < float("inf"):
        raise UsageError(f"prior_weight is {prior_weight!r}; it must be a number from 0")
    if model.num_classes is not None and labels is None:
        raise UsageError("this model has classes; say with labels of which each example is")
    still, (device, _) = resting(model), home(model)
    of = check_labels(labels, len(x), model.num_classes, model.classes)
    if start is None:
        copies = draws
        z = model.latents(draws, seed=seed).repeat(len(x), *[1] * len(model.latent_shape))  # the same for each example
    else:
        copies, z = 1, as_tensor("start", start).detach().clone()
        if z.shape != (len(x), *model.latent_shape) or not bool(z.isfinite().all()):
            raise UsageError(f"start is {tuple(z.shape)}; it must be finite latents, one for each of {len(x)} examples")
    row = torch.arange(len(x)).repeat_interleave(copies)
    found, losses = [], []
    variance = float(model.decode(model.latents(CHUNK, seed=0)).var(0).mean().clamp(min=1e-12))
    pieces = torch.arange(len(row)).split(CHUNK)
    for index, piece in enumerate(pieces):
        classes = None if of is None else of[row[piece]].to(device)
        target = x[row[piece]].to(device).clone()
        tell = passes(progress, index, len(pieces))
        ends = _descend(
            still, target, z[piece].to(device, torch.float32), classes, steps, prior_weight * variance, tell
        )
        found.append(ends[0])
        losses.append(ends[1])
    best = torch.cat(losses).view(len(x), copies).argmin(1) + torch.arange(len(x), device=device) * copies
    latents = torch.cat(found)[best]
    error = value_error(model.decode(latents, labels).cpu(), x.cpu())
    return Inversion(z=latents, error=error, steps=steps)


def _descend(
    model: Model,
    x: Tensor,
    z: Tensor,
    labels: Tensor | None,
    steps: int,
    weight: float,
    progress: Progress | None,
) -> tuple[Tensor, Tensor]:
    """The best z of `steps` steps from z, and its objective, (n,)."""
    prior = model.prior_of()
    z = z.clone().requires_grad_()
    adam = torch.optim.Adam([z], STEP)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    kept, lowest = z.detach().clone(), torch.full((len(z),), float("inf"), device=z.device)
    for step in range(steps + 1):
        loss = (render(model, z, labels) - x).flatten(1).square().mean(1)
        if prior.name != "uniform":
            loss = loss - weight * 2 / z[0].numel() * prior.log_prob(z)
        better = loss.detach() < lowest
        lowest = torch.where(better, loss.detach(), lowest)
        kept[better] = z.detach()[better]
        if step < steps:
            (z.grad,) = torch.autograd.grad(loss.sum(), [z])
            adam.step()
            schedule.step()
            if prior.name == "uniform":
                z.data.clamp_(-1, 1)
            if progress is not None:
                progress(step + 1, steps)
    return kept, lowest
