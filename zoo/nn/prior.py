"""What a model's latents are drawn from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.nn.distributions import GaussianMixture, normal_log_prob
from zoo.nn.sampling import draw_from_mixture, draw_latents
from zoo.nn.torch_state import default_state

__all__ = ["Prior"]

LIMIT = 3.0  # standard deviations of a normal, between which nearly all of it lies


@dataclass(frozen=True, kw_only=True)
class Prior:
    """A distribution of latents z (*shape): N(0, I), U(-1, 1) in each coordinate, or a Gaussian mixture."""

    name: str  # "normal", "uniform" or "mixture"
    shape: tuple[int, ...]  # of one latent
    mixture: GaussianMixture | None = None  # of the last

    def sample(
        self, n: int, *, seed: int | None = None, truncation: float | None = None, labels: Tensor | None = None
    ) -> Tensor:
        """Draw n latents (n, *shape), float32 on the CPU; sample i of a seed does not depend on n.

        `truncation` as for `draw_latents`; a mixture's cuts the normal noise inside each component. `labels` (n,) say
        of which class each is, where the mixture's components are of classes. Raises UsageError.
        """
        if self.mixture is None:
            return draw_latents(n, self.shape, seed=seed, truncation=truncation, prior=self.name)
        with default_state(grad=False):
            z = draw_from_mixture(n, self.mixture, seed=seed, truncation=truncation, labels=labels)
            return z.view(-1, *self.shape)

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z) in nats, (n, *shape) -> (n,), of z's dtype and device; -inf where there is none of it."""
        with default_state(grad=torch.is_grad_enabled()):
            z = z.flatten(1)
            if self.mixture is not None:
                of = self.mixture
                return GaussianMixture(of.weights.to(z), of.means.to(z), of.factors.to(z)).log_prob(z)
            if self.name == "normal":
                return normal_log_prob(z).sum(1)
            inside = (z.abs() <= 1).all(1)
            return z.new_full((len(z),), -z.shape[1] * math.log(2)).masked_fill(~inside, -math.inf)

    @property
    def variance(self) -> float:
        """Of a coordinate, the mean over all of them."""
        if self.mixture is not None:
            return float(self.mixture.moments()[1].square().sum(1).mean())
        return 1.0 if self.name == "normal" else 1 / 3

    @default_state(grad=False)
    def limits(self, coordinate: int) -> tuple[float, float]:
        """Between which values nearly all of a coordinate lies: -3 and 3 of N(0, 1), and what is as likely of others.

        `coordinate` counts the flattened ones.
        """
        if self.mixture is not None:
            at = torch.special.ndtr(torch.tensor([-LIMIT, LIMIT], dtype=torch.float64, device="cpu"))
            low, high = self.mixture.quantile(coordinate, at).tolist()
            return low, high
        return (-LIMIT, LIMIT) if self.name == "normal" else (-1.0, 1.0)

    @default_state(grad=False)
    def from_uniform(self, u: Tensor) -> Tensor:
        """Latents (n, *shape) float32 of u (n, *shape) in (0, 1): cells of one size in u hold one share of them all."""
        if self.mixture is not None:
            return self.mixture.from_uniform(u.flatten(1)).view_as(u)
        central = 2 * u.double() - 1
        return (central if self.name == "uniform" else math.sqrt(2) * torch.erfinv(central)).float()
