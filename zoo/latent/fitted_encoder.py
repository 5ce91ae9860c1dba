"""An encoder fitted to a generator that has none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from zoo.errors import UsageError
from zoo.latent.inversion import render
from zoo.nn.folding import resting
from zoo.nn.given import check_examples, number, whole
from zoo.nn.models import Model, home
from zoo.nn.sampling import in_chunks
from zoo.nn.torch_state import default_state, own_random

__all__ = ["FittedEncoder", "fit_encoder"]

BATCH = 64
MOST_EXAMPLES = 200_000
LEARNING_RATE = 2e-3  # of the encoder, at the start; it falls to 0 along a cosine
FRESH = 256  # pairs that the encoder is measured on


@dataclass(frozen=True, kw_only=True)
class FittedEncoder:
    """An encoder fitted to a model's own samples. `measures` are taken on 256 fresh ones:

    examples             pairs that it was fitted to
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


@default_state()
def fit_encoder(
    model: Model,
    *,
    examples: int = 10_000,
    seed: int = 0,
    image_weight: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> FittedEncoder:
    """Fit a convolutional encoder to `examples` of the model's own samples, each seen once: z from G(z).

    The loss is the mean squared error of z, plus `image_weight` times that of G(encode(x)) against x, in pixels of
    [0, 1]; on the frogs of `dcgan-cifar-frog` a weight of 10 made nothing better and took twice the time. What it gives
    follows from `seed`; the global random state and the model's weights are left alone.
    `progress` is called with (examples done, examples in all).

    Raises UsageError for a model whose data are no pictures, and numbers that cannot be meant.
    """
    examples = whole("examples", examples, BATCH, MOST_EXAMPLES)
    if not 0 <= number(image_weight) < float("inf"):
        raise UsageError(f"image_weight is {image_weight!r}; it must be a number from 0")
    if len(model.data_shape) != 3 or min(model.data_shape[1:]) < 2:
        raise UsageError(f"an encoder is fitted to pictures (C, H, W), and this model gives {model.data_shape}")
    still, (device, _) = resting(model), home(model)
    z, classes = model.latents(examples, seed=seed).to(device), model.num_classes
    labels = None if classes is None else (torch.arange(examples) % classes).to(device)
    with own_random(seed):
        network = _network(model).to(device).train()
    weights = list(network.parameters())
    adam = torch.optim.Adam(weights, LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, -(-examples // BATCH))
    for start in range(0, examples - BATCH + 1, BATCH):
        rows = slice(start, start + BATCH)
        batch_labels = None if labels is None else labels[rows]
        with torch.no_grad():
            x = render(still, z[rows], batch_labels).clamp(0, 1)
        guess = network(x).view_as(z[rows])
        loss = (guess - z[rows]).square().mean()
        if image_weight:
            loss = loss + image_weight * (render(still, guess, batch_labels) - x).square().mean()
        adam.zero_grad()
        loss.backward(inputs=weights)
        adam.step()
        schedule.step()
        if progress is not None:
            progress(min(start + BATCH, examples), examples)
    network = network.eval().requires_grad_(False)
    encoder = FittedEncoder(network=network, latent_shape=model.latent_shape, data_shape=model.data_shape)
    fresh = _measure(model, encoder, seed=(seed + 1) % 2**63)
    return replace(encoder, measures={"examples": float(examples)} | fresh)


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
    return {
        "latent_error": float((found.cpu() - z).square().mean()) / model.prior_of().variance,
        "round_trip": float((model.decode(found) - x).square().mean().sqrt()),
        "round_trip_random": float((x.roll(1, 0) - x).square().mean().sqrt()),
    }
