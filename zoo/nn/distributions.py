"""What an encoder and a decoder give: a posterior over latents, and the likelihood of data. All logs are natural.

Shapes: x (N, *data_shape) in [0, 1], z (N, *latent_shape); a further dimension in front, of several samples an
example, is allowed wherever it broadcasts. Densities and probabilities of one example are sums over its dimensions.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["Bernoulli", "DiagonalGaussian", "DiscretizedLogistic", "Gaussian", "GaussianMixture", "Likelihood"]

LOG_2PI = math.log(2 * math.pi)
REACH, HALVINGS = 40.0, 64  # standard deviations beyond which there is no mass; steps to the last bit of a quantile


def normal_log_prob(x: Tensor, mean: Tensor | float = 0.0, log_var: Tensor | float = 0.0) -> Tensor:
    """log N(x; mean, exp(log_var)) of each coordinate, in nats."""
    log_var = torch.as_tensor(log_var, dtype=x.dtype)
    return -0.5 * (LOG_2PI + log_var + (x - mean).square() * torch.exp(-log_var))


@dataclass(frozen=True)
class DiagonalGaussian:
    """N(mean, diag(exp(log_var))), one for each of N examples; both (N, *latent_shape)."""

    mean: Tensor  # (N, *latent_shape)
    log_var: Tensor  # the same shape: the logarithm of the variance

    def transform(self, noise: Tensor) -> Tensor:
        """z = mean + exp(log_var / 2) noise, with gradients to both (Kingma and Welling 2014, section 2.4)."""
        return self.mean + torch.exp(0.5 * self.log_var) * noise

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One z (N, *latent_shape) of each posterior, with gradients to mean and log_var."""
        place = "cpu" if generator is None else generator.device
        noise = torch.randn(self.mean.shape, generator=generator, dtype=torch.float32, device=place)
        return self.transform(noise.to(self.mean))

    def log_prob(self, z: Tensor) -> Tensor:
        """log q(z) in nats, summed over the latent dimensions: z (…, N, *latent_shape) -> (…, N)."""
        return normal_log_prob(z, self.mean, self.log_var).flatten(z.ndim - self.mean.ndim + 1).sum(-1)

    def kl_per_unit(self) -> Tensor:
        """KL of each coordinate to N(0, 1) in nats, (N, *latent_shape) (Kingma and Welling 2014, appendix B)."""
        return 0.5 * (self.mean.square() + self.log_var.exp() - 1 - self.log_var)

    def kl(self) -> Tensor:
        """KL to the prior N(0, I) in nats, (N,)."""
        return self.kl_per_unit().flatten(1).sum(1)


class Likelihood(nn.Module, ABC):
    """p(x given z), from what the decoder gives: one number for each value of x, of the data's shape.

    Where what the decoder gives is of another shape, a spectrogram or what a writer sees of a latent, that is its
    `parameters_shape`; where the density is one of something else than x itself, that has so many `dimensions`.
    `bits_offset` is what makes bits a dimension comparable: log2 of the number of levels where `log_prob` is
    a density on [0, 1] of data that have levels, 0 where it is a probability of the values themselves.
    """

    bits_offset: float = 0.0  # added to bits a dimension, so that they can be compared
    parameters_shape: tuple[int, ...] | None = None  # of what the decoder gives for one example; None: the data's
    dimensions: int | None = None  # of what the density is of; None: those of the data

    @abstractmethod
    def forward(self, parameters: Tensor, x: Tensor) -> Tensor:
        """log p(x) of each value in nats, (…, N, *values).

        Parameters are (…, N, *parameters_shape), and x (N, *data_shape) in [0, 1], or tokens.
        """

    @abstractmethod
    def mean(self, parameters: Tensor) -> Tensor:
        """The expected data in [0, 1], (…, N, *data_shape); of tokens, which have no mean, likely ones."""

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        """log p(x) in nats, summed over all values: parameters (…, N, *parameters_shape) -> (…, N)."""
        values: Tensor = self(parameters, x)
        rank = x.ndim - 1 if self.parameters_shape is None else len(self.parameters_shape)
        return values.flatten(parameters.ndim - rank).sum(-1)


class Bernoulli(Likelihood):
    """Logits -> each value is 1 with probability sigmoid(logit). Values between 0 and 1 count as probabilities.

    For x in {0, 1} it is a probability. For grey levels it is the cross-entropy that is common practice and no
    likelihood of anything: binarise the data where nats are to be compared.
    """

    def forward(self, parameters: Tensor, x: Tensor) -> Tensor:
        return x * parameters - F.softplus(parameters)

    def mean(self, parameters: Tensor) -> Tensor:
        """The probability of a 1."""
        return torch.sigmoid(parameters)


class Gaussian(Likelihood):
    """Locations -> N(location, sd^2), with an sd in units of the data's [0, 1], fixed or learned.

    The sd's `shape` broadcasts with the data's: () is one for all values, (C, 1, 1) one for each channel of pictures.

    With a learned sd the weight between reconstruction and KL is found by maximum likelihood (Rybkin et al. 2021,
    arXiv:2006.13202). It is a density on [0, 1]; bits a dimension add those of the `levels` the data have.
    """

    def __init__(self, shape: Sequence[int] = (), *, sd: float = 0.1, learned: bool = False, levels: int = 256) -> None:
        super().__init__()
        self.bits_offset = math.log2(levels)
        self.log_sd = _scale(shape, sd, learned=learned)

    def forward(self, parameters: Tensor, x: Tensor) -> Tensor:
        return normal_log_prob(x, parameters, 2 * self.log_sd)

    def mean(self, parameters: Tensor) -> Tensor:
        """The location, cut to [0, 1]."""
        return parameters.clamp(0, 1)


class DiscretizedLogistic(Likelihood):
    """Locations -> a logistic distribution's mass in the bin of each of the data's `levels`, the outer two open.

    Kingma et al. 2016, arXiv:1606.04934, appendix A.1: sigmoid((x + h - m) / s) - sigmoid((x - h - m) / s), here with
    h half a level. The scale s has a `shape` as a Gaussian's sd has.
    """

    def __init__(
        self, shape: Sequence[int] = (), *, scale: float = 0.05, learned: bool = True, levels: int = 256
    ) -> None:
        super().__init__()
        self.bins = levels - 1  # widths of one from the lowest level to the highest
        self.log_scale = _scale(shape, scale, learned=learned)

    def forward(self, parameters: Tensor, x: Tensor) -> Tensor:
        inverse = torch.exp(-self.log_scale)
        half = 0.5 / self.bins
        upper = (x - parameters + half) * inverse
        lower = (x - parameters - half) * inverse
        width = inverse / self.bins
        # log(sigmoid(u) - sigmoid(l)) = log sigmoid(u) + log sigmoid(-l) + log(1 - exp(-(u - l))): no cancellation.
        inside = F.logsigmoid(upper) + F.logsigmoid(-lower) + torch.log(-torch.expm1(-width))
        lowest, highest = x < half, x > 1 - half
        return torch.where(lowest, F.logsigmoid(upper), torch.where(highest, F.logsigmoid(-lower), inside))

    def mean(self, parameters: Tensor) -> Tensor:
        """The location, cut to [0, 1]."""
        return parameters.clamp(0, 1)


def _scale(shape: Sequence[int], value: float, *, learned: bool) -> Tensor:
    start = torch.full(tuple(shape), math.log(value))
    return nn.Parameter(start) if learned else nn.Buffer(start)


@dataclass(frozen=True)
class GaussianMixture:
    """K normal distributions in the latent space: weights (K,), means (K, d), factors (K, d, d) lower triangular.

    A component's covariance is factor factor^T. It is fitted to encoded examples after training and takes the prior's
    place in sampling (Ghosh et al. 2020, arXiv:1903.12436, section 4).
    """

    weights: Tensor  # (K,), of which each component's share follows
    means: Tensor  # (K, d)
    factors: Tensor  # (K, d, d), lower triangular
    classes: Tensor | None = None  # (K,) int64: which class each is of, where each class has components of its own

    def transform(self, uniform: Tensor, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        """Samples (n, d) from uniform numbers (n,) in [0, 1), which choose the component, and noise (n, d).

        With labels (n,) each is one of the components of its class, where they are of classes.
        """
        weights = self.weights.expand(len(uniform), -1)
        if labels is not None and self.classes is not None:
            weights = weights * (self.classes == labels[:, None])
        edges = weights.cumsum(1).contiguous()
        component = torch.searchsorted(edges, uniform[:, None] * edges[:, -1:], right=True).squeeze(1)
        last = (weights > 0).int().cumsum(1).argmax(1)  # what rounding may not go beyond
        component = torch.minimum(component, last)
        return self.means[component] + torch.einsum("nij,nj->ni", self.factors[component], noise)

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z) in nats: (n, d) -> (n,)."""
        steps = z[:, None] - self.means
        white = torch.linalg.solve_triangular(self.factors, steps.movedim(0, -1), upper=False)  # (K, d, n)
        logs = -0.5 * (white.square().sum(1) + z.shape[1] * LOG_2PI)
        logs = logs - self.factors.diagonal(dim1=1, dim2=2).log().sum(1)[:, None]
        return torch.logsumexp(logs + self.weights.log()[:, None], dim=0)

    def moments(self) -> tuple[Tensor, Tensor]:
        """The mean (d,), and a lower triangular factor (d, d) of the covariance, of the whole mixture."""
        weights, means, factors = self.weights.double(), self.means.double(), self.factors.double()
        shares = weights / weights.sum()
        mean = shares @ means
        apart = (means - mean)[:, :, None]
        covariance = (shares[:, None, None] * (factors @ factors.mT + apart @ apart.mT)).sum(0)
        return mean.float(), torch.linalg.cholesky(covariance).float()

    def quantile(self, coordinate: int, probability: Tensor) -> Tensor:
        """Where that coordinate of z, whatever the others are, lies below with that probability: (n,) -> (n,)."""
        logs = self.weights.double().log().expand(len(probability), -1)
        spread = self.factors[:, coordinate].double().norm(dim=1)
        return _quantile(logs, self.means[:, coordinate].double().expand_as(logs), spread, probability.double()).float()

    def from_uniform(self, u: Tensor) -> Tensor:
        """The inverse Rosenblatt transform (Rosenblatt 1952): u (n, d) in (0, 1) -> z (n, d).

        Coordinate i of z is the quantile u_i of its distribution given the coordinates before it, so that uniform u
        give draws from the mixture, and cells of one size in u hold one share of it.
        """
        means, factors, u = self.means.double(), self.factors.double(), u.double()
        logs = self.weights.double().log().expand(len(u), -1)  # of each component, given the coordinates before: (n, K)
        z, white = torch.empty_like(u), u.new_zeros(len(u), *means.shape)
        for i in range(u.shape[1]):
            centre = means[:, i] + (white * factors[:, i]).sum(2)
            z[:, i] = _quantile(logs, centre, factors[:, i, i], u[:, i])
            white[:, :, i] = (z[:, i, None] - centre) / factors[:, i, i]
            logs = logs - 0.5 * white[:, :, i].square() - factors[:, i, i].log()
        return z.float()


def _quantile(logs: Tensor, means: Tensor, spreads: Tensor, probability: Tensor) -> Tensor:
    """Quantiles (n,) of mixtures of normals on a line, by halving: logs and means (n, K), spreads (K,) or (n, K)."""
    shares = torch.softmax(logs, 1)
    low, high = (means - REACH * spreads).amin(1), (means + REACH * spreads).amax(1)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = (shares * torch.special.ndtr((middle[:, None] - means) / spreads)).sum(1) < probability
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2
