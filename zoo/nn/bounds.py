"""Lower bounds on log p(x) in nats, from one pass of an encoder and a decoder: the trainer's and the evaluation's."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor

from zoo.nn.distributions import DiagonalGaussian, Likelihood, normal_log_prob
from zoo.nn.interfaces import Decoder, Encoder

__all__ = [
    "Terms",
    "active_units",
    "bits_per_dim",
    "decoded_terms",
    "elbo",
    "importance_weighted_bound",
    "log_weights",
    "variational_terms",
]

Figure = TypeVar("Figure", float, Tensor)
ACTIVE = 0.01  # variance of a unit's posterior mean above which it is active (Burda et al. 2016, section 5.2)


@dataclass(frozen=True)
class Terms:
    """What every bound is made of, for K latents z of each of N examples."""

    posterior: DiagonalGaussian  # of the N examples
    z: Tensor  # (K, N, *latent_shape)
    log_likelihood: Tensor  # log p(x given z), (K, N)

    @cached_property
    def reconstruction(self) -> Tensor:
        """-log p(x given z) in nats, a scalar: the mean over latents and examples."""
        return -self.log_likelihood.mean()

    @cached_property
    def kl_per_unit(self) -> Tensor:
        """KL of each latent unit to the prior in nats, (*latent_shape): the mean over examples."""
        return self.posterior.kl_per_unit().mean(0)


def variational_terms(
    encoder: Encoder,
    decoder: Decoder,
    likelihood: Likelihood,
    x: Tensor,
    noise: Tensor,
    labels: Tensor | None = None,
) -> Terms:
    """Encode x (N, *data_shape) in [0, 1], move `noise` (K, N, *latent_shape) into the posterior, and decode it.

    With labels (N,) all is given the class: the bounds are on log p(x given y) (Sohn, Lee and Yan 2015, equation 4).
    """
    posterior: DiagonalGaussian = encoder(x, labels)
    return decoded_terms(decoder, likelihood, x, posterior, noise, labels)


def decoded_terms(
    decoder: Callable[..., Tensor],
    likelihood: Likelihood,
    x: Tensor,
    posterior: DiagonalGaussian,
    noise: Tensor,
    labels: Tensor | None = None,
) -> Terms:
    """As `variational_terms`, of a posterior that is there already; `decoder` is called with z, and labels if any."""
    z = posterior.transform(noise)
    parameters = decoder(z.flatten(0, 1), *(() if labels is None else (labels.repeat(len(z)),)))
    log_likelihood = likelihood.log_prob(parameters.unflatten(0, z.shape[:2]), x)
    return Terms(posterior, z, log_likelihood)


def elbo(terms: Terms) -> Tensor:
    """Mean of log p(x given z) over the K latents - KL(q, N(0, I)) in closed form: (N,).

    Kingma and Welling 2014, arXiv:1312.6114, equation 7.
    """
    return terms.log_likelihood.mean(0) - terms.posterior.kl()


def log_weights(terms: Terms) -> Tensor:
    """log p(x given z) + log p(z) - log q(z given x): (K, N)."""
    log_prior = normal_log_prob(terms.z).flatten(2).sum(2)
    return terms.log_likelihood + log_prior - terms.posterior.log_prob(terms.z)


def importance_weighted_bound(terms: Terms) -> Tensor:
    """log of the mean of the K importance weights: (N,) (Burda et al. 2016, arXiv:1509.00519, equation 8)."""
    weights = log_weights(terms)
    return torch.logsumexp(weights, dim=0) - math.log(len(weights))


def active_units(means: Tensor) -> Tensor:
    """How many latent units' posterior means (N, *latent_shape) vary by more than 0.01 over the examples: a scalar."""
    return (means.flatten(1).var(0) > ACTIVE).sum().float()


def bits_per_dim(nats: Figure, dimensions: int, likelihood: Likelihood) -> Figure:
    """Nats an example -> bits for each of its dimensions, of 256 levels where the likelihood is a density.

    The `dimensions` of the example count, unless the likelihood is a density of something else.
    """
    return nats / ((likelihood.dimensions or dimensions) * math.log(2)) + likelihood.bits_offset
