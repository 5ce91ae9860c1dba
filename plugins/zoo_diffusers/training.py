"""The trainer `diffusion`: a network learns to tell the noise that was put into an example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from msgspec import Meta
from torch import Tensor, nn

from zoo.errors import ConfigError
from zoo.training import Figures, Precision, Trainer, make_optimizer, seen_labels
from zoo_diffusers.diffusion import Denoiser

__all__ = ["DiffusionSettings", "DiffusionTrainer", "noised"]

Rate = Annotated[float, Meta(gt=0, le=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Bound = Annotated[float, Meta(ge=0, le=1e6)]


@dataclass(frozen=True, kw_only=True)
class DiffusionSettings:
    """How a network learns to tell noise; its schedule is the architecture's."""

    lr: Rate = 2e-4  # Adam's
    beta1: Share = 0.9
    beta2: Share = 0.999
    decay: Share = 0.0  # per step: rate / (1 + decay * step)
    anneal: Share = 0.0  # share of the run at whose end the rate is a hundredth
    clip_norm: Bound = 1.0  # the whole gradient; 0: no clipping
    flips: bool = False  # mirror the examples at random, where their kind has a mirror image
    precision: Precision = "float32"  # of the network's products; sums and weights stay float32


def noised(x: Tensor, noise: Tensor, left: Tensor) -> Tensor:
    """x_t = sqrt(alpha_bar_t) x + sqrt(1 - alpha_bar_t) noise (Ho et al. 2020, eq. 4).

    x and noise (N, *data_shape), and `left` = alpha_bar_t (N,).
    """
    left = left.view(-1, *[1] * (x.ndim - 1))
    return left.sqrt() * x + (1 - left).sqrt() * noise


TARGETS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {  # (x, noise, alpha_bar) -> what is to be told
    "epsilon": lambda x, noise, left: noise,
    "sample": lambda x, noise, left: x,
    "v_prediction": lambda x, noise, left: noised(noise, -x, left),  # Salimans and Ho 2022, arXiv:2202.00512, eq. 11
}


class DiffusionTrainer(Trainer):
    """Part `denoiser`; a step is algorithm 1 of Ho et al. 2020, of examples in [-1, 1]."""

    averaged = ("denoiser",)
    value_range = (-1.0, 1.0)
    settings: DiffusionSettings

    def __init__(self, parts: dict[str, nn.Module], settings: DiffusionSettings, random: torch.Generator) -> None:
        denoiser = parts.get("denoiser")
        if not isinstance(denoiser, Denoiser):
            raise ConfigError(f"this trainer needs a denoiser, not {', '.join(parts)}")
        if denoiser.predicts not in TARGETS:
            there = ", ".join(TARGETS)
            raise ConfigError(f"this trainer teaches to tell {there}; this network tells {denoiser.predicts!r:.40}")
        if denoiser.behind is not None:
            raise ConfigError("this network works on an autoencoder's latents: it is sampled here, and not trained")
        self.denoiser, self.parts, self.settings, self.random = denoiser, parts, settings, random
        self.left = denoiser.alphas_bar().float()
        self.clip_norm, self.decay, self.anneal = settings.clip_norm, settings.decay, settings.anneal
        self.base_rates = {"denoiser": settings.lr}
        self.optimizers = {
            "denoiser": make_optimizer(
                "adam", denoiser.parameters(), lr=settings.lr, beta1=settings.beta1, beta2=settings.beta2
            )
        }

    def step(self, x: Tensor, labels: Tensor | None) -> Figures:
        """One update from examples (N, *data_shape) in [-1, 1]: a time for each, each as likely, and noise."""
        if self.settings.flips:
            x = self.mirror(x)
        t = self.draws.integers(0, len(self.left), len(x))
        noise = self.draws.normal(*x.shape)
        return self.learn("denoiser", self._loss, x, t, noise, *seen_labels(labels, self.denoiser.num_classes))

    def _loss(self, x: Tensor, t: Tensor, noise: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Figures]:
        """|noise - told|^2, the mean over values and examples (Ho et al. 2020, eq. 14, over the number of values).

        For a network that tells something else than the noise, the same of that.
        """
        left = self.left.to(x.device)[t]
        seen, target = noised(x, noise, left), TARGETS[self.denoiser.predicts](x, noise, left)
        with self.in_precision(self.settings.precision):
            told: Tensor = self.denoiser(seen, t, labels)
        loss = (told.float() - target).square().mean()
        return loss, {"loss": loss.detach()}
