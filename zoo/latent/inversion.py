"""From a picture back to a latent, for models that only decode: by a fitted encoder, and by optimisation.

A GAN has no encoder. Two ways around that, which also work one after the other (Zhu et al. 2016, arXiv:1609.03552,
section 3.1): a network is fitted to pairs (z, G(z)) of the model's own samples, or z itself is moved until G(z) is near
the picture (Creswell and Bharath 2018, arXiv:1611.05644). Neither makes a model draw what it cannot: always look at the
error of the pictures that the latents found decode to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from zoo.errors import UsageError
from zoo.nn.inference import resting
from zoo.nn.models import Model, home
from zoo.nn.sampling import CHUNK, check_examples, check_labels, check_whole, in_chunks
from zoo.nn.torch_state import default_state

__all__ = ["FittedEncoder", "Inversion", "fit_encoder", "invert", "pixel_error"]

BATCH = 64
LEARNING_RATE = 2e-3  # of the encoder, at the start; it falls to 0 along a cosine
STEP = 0.1  # of the optimisation, in units of z, at the start; it falls to 0 along a cosine
FRESH = 256  # pairs that the encoder is measured on
MOST_IMAGES, MOST_STEPS, MOST_DRAWS = 200_000, 10_000, 100


@dataclass(frozen=True, kw_only=True)
class FittedEncoder:
    """An encoder fitted to a model's own samples. `measures` are taken on 256 fresh ones:

    images             pairs that it was fitted to
    latent_error       mean squared error of z over the variance of z: 0 is exact, 1 knows nothing
    round_trip         root mean square error of decode(encode(x)), of the pixels' [0, 1]
    round_trip_random  the same with latents of other samples: what no knowledge gives
    """

    network: nn.Module
    latent_shape: tuple[int, ...]
    data_shape: tuple[int, ...]
    measures: Mapping[str, float] = field(default_factory=dict)

    @default_state(grad=False)
    def encode(self, x: Tensor) -> Tensor:
        """The latents (N, *latent_shape) of pictures (N, C, H, W) in [0, 1]. Raises UsageError for others."""
        device = next(self.network.parameters()).device
        x = check_examples(x, self.data_shape).to(device)
        return in_chunks(lambda rows, _: self.network(rows), x, None).view(-1, *self.latent_shape)


@dataclass(frozen=True, kw_only=True)
class Inversion:
    """The latents that were found, (N, *latent_shape), and how near decode(z) comes to each picture."""

    z: Tensor
    error: Tensor  # (N,) root mean square over the pixels, of [0, 1]
    steps: int


def pixel_error(a: Tensor, b: Tensor) -> Tensor:
    """Root mean square difference of each pair of examples, (N, …) and (N, …) -> (N,)."""
    return (a - b).flatten(1).square().mean(1).sqrt()


@default_state()
def fit_encoder(
    model: Model,
    *,
    images: int = 10_000,
    seed: int = 0,
    image_weight: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> FittedEncoder:
    """Fit a convolutional encoder to `images` of the model's own samples, each seen once: z from G(z).

    The loss is the mean squared error of z, plus `image_weight` times that of G(encode(x)) against x, in pixels of
    [0, 1]; on the frogs of `dcgan-cifar-frog` a weight of 10 made nothing better and took twice the time. What it gives
    follows from `seed`; the global random state and the model's weights are left alone.
    `progress` is called with (images done, images in all).

    Raises UsageError for a model whose data are no pictures, and numbers that cannot be meant.
    """
    check_whole("images", images, BATCH, MOST_IMAGES)
    if not (isinstance(image_weight, (int, float)) and 0 <= image_weight < float("inf")):
        raise UsageError(f"image_weight is {image_weight!r}; it must be a number from 0")
    if len(model.data_shape) != 3 or min(model.data_shape[1:]) < 2:
        raise UsageError(f"an encoder is fitted to pictures (C, H, W), and this model gives {model.data_shape}")
    still, (device, _) = resting(model), home(model)
    z, classes = model.latents(images, seed=seed).to(device), model.num_classes
    labels = None if classes is None else (torch.arange(images) % classes).to(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(model).to(device).train()
    weights = list(network.parameters())
    adam = torch.optim.Adam(weights, LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, -(-images // BATCH))
    for start in range(0, images - BATCH + 1, BATCH):
        rows = slice(start, start + BATCH)
        batch_labels = None if labels is None else labels[rows]
        with torch.no_grad():
            x = _given(still, z[rows], batch_labels).clamp(0, 1)
        guess = network(x).view_as(z[rows])
        loss = (guess - z[rows]).square().mean()
        if image_weight:
            loss = loss + image_weight * (_given(still, guess, batch_labels) - x).square().mean()
        adam.zero_grad()
        loss.backward(inputs=weights)
        adam.step()
        schedule.step()
        if progress is not None:
            progress(min(start + BATCH, images), images)
    network = network.eval().requires_grad_(False)
    encoder = FittedEncoder(network=network, latent_shape=model.latent_shape, data_shape=model.data_shape)
    fresh = _measure(model, encoder, seed=(seed + 1) % 2**63)
    return replace(encoder, measures={"images": float(images)} | fresh)


def _given(model: Model, z: Tensor, labels: Tensor | None) -> Tensor:
    z = z.to(home(model)[1])
    x: Tensor = model(z, labels)
    return x


def _network(model: Model) -> nn.Module:
    """Halves the side until it is at most 4, then one linear layer to the latent."""
    channels, height, width = model.data_shape
    layers: list[nn.Module] = []
    out = 32
    while True:
        layers += [nn.Conv2d(channels, out, 3, 2, 1, bias=False), nn.BatchNorm2d(out), nn.LeakyReLU(0.2, inplace=True)]
        height, width, channels, out = (height + 1) // 2, (width + 1) // 2, out, min(2 * out, 256)
        if max(height, width) <= 4:
            break
    size = torch.Size(model.latent_shape).numel()
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * height * width, size))


def _measure(model: Model, encoder: FittedEncoder, *, seed: int) -> dict[str, float]:
    z = model.latents(FRESH, seed=seed)
    x = model.decode(z)
    found = encoder.encode(x)
    variance = 1 / 3 if model.prior == "uniform" else 1.0
    return {
        "latent_error": float((found.cpu() - z).square().mean()) / variance,
        "round_trip": float((model.decode(found) - x).square().mean().sqrt()),
        "round_trip_random": float((x.roll(1, 0) - x).square().mean().sqrt()),
    }


@default_state()
def invert(
    model: Model,
    x: Tensor,
    *,
    start: Tensor | None = None,
    labels: Tensor | None = None,
    steps: int = 300,
    prior_weight: float = 1e-2,
    draws: int = 8,
    seed: int = 0,
) -> Inversion:
    """Find latents that decode to pictures x (N, *data_shape) in [0, 1], by `steps` of Adam on z.

    Minimised are, for each picture alone, the mean squared error of its pixels over the variance that the model's own
    samples have, plus `prior_weight` times the mean of z^2, which keeps z where a normal prior draws (a uniform prior
    keeps it in [-1, 1] instead). It begins at `start`
    (N, *latent_shape), such as a fitted encoder's guess, or else at `draws` draws from the prior with `seed`, of which
    the one that ends lowest is kept. The best z of all steps is given, so that more steps never fit worse than `start`
    in the objective. `labels` (N,) are needed for a model with classes.

    Raises UsageError for pictures of another shape or range, and numbers that cannot be meant.
    """
    x = check_examples(x, model.data_shape).detach()
    check_whole("steps", steps, 1, MOST_STEPS)
    check_whole("draws", draws, 1, MOST_DRAWS)
    if not (isinstance(prior_weight, (int, float)) and 0 <= prior_weight < float("inf")):
        raise UsageError(f"prior_weight is {prior_weight!r}; it must be a number from 0")
    if model.num_classes is not None and labels is None:
        raise UsageError("this model has classes; say with labels of which each picture is")
    still, (device, _) = resting(model), home(model)
    labels = check_labels(labels, len(x), model.num_classes)
    if start is None:
        copies = draws
        z = model.latents(draws, seed=seed).repeat(len(x), *[1] * len(model.latent_shape))  # the same for each picture
    else:
        copies, z = 1, start.detach().clone()
        if z.shape != (len(x), *model.latent_shape) or not bool(z.isfinite().all()):
            raise UsageError(f"start is {tuple(z.shape)}; it must be finite latents, one for each of {len(x)} pictures")
    row = torch.arange(len(x)).repeat_interleave(copies)
    found, losses = [], []
    variance = float(model.decode(model.latents(CHUNK, seed=0)).var(0).mean().clamp(min=1e-12))
    for piece in torch.arange(len(row)).split(CHUNK):
        classes = None if labels is None else labels[row[piece]].to(device)
        target = x[row[piece]].to(device).clone()
        ends = _descend(still, target, z[piece].to(device, torch.float32), classes, steps, prior_weight * variance)
        found.append(ends[0])
        losses.append(ends[1])
    best = torch.cat(losses).view(len(x), copies).argmin(1) + torch.arange(len(x), device=device) * copies
    latents = torch.cat(found)[best]
    error = pixel_error(model.decode(latents, labels).cpu(), x.cpu())
    return Inversion(z=latents, error=error, steps=steps)


def _descend(
    model: Model, x: Tensor, z: Tensor, labels: Tensor | None, steps: int, weight: float
) -> tuple[Tensor, Tensor]:
    """The best z of `steps` steps from z, and its objective, (n,)."""
    uniform = model.prior == "uniform"
    z = z.clone().requires_grad_()
    adam = torch.optim.Adam([z], STEP)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    kept, lowest = z.detach().clone(), torch.full((len(z),), float("inf"), device=z.device)
    for step in range(steps + 1):
        loss = (_given(model, z, labels) - x).flatten(1).square().mean(1)
        if not uniform:
            loss = loss + weight * z.flatten(1).square().mean(1)
        better = loss.detach() < lowest
        lowest = torch.where(better, loss.detach(), lowest)
        kept[better] = z.detach()[better]
        if step < steps:
            (z.grad,) = torch.autograd.grad(loss.sum(), [z])
            adam.step()
            schedule.step()
            if uniform:
                z.data.clamp_(-1, 1)
    return kept, lowest
