"""The trainers of encoders and decoders: the variational one (ELBO or importance-weighted), and the classical one.

Every figure is in nats an example: summed over dimensions, averaged over the batch. The one exception is the scaling
that carries the book's name.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from msgspec import Meta
from torch import Tensor, nn

from zoo.errors import ConfigError
from zoo.nn.bounds import Terms, active_units, bits_per_dim, decoded_terms, importance_weighted_bound
from zoo.nn.distributions import DiagonalGaussian, Likelihood
from zoo.nn.interfaces import Decoder, Encoder
from zoo.training.optimizers import make_optimizer
from zoo.training.trainer import Figures, Precision, Trainer, seen_labels

__all__ = [
    "AutoencoderSettings",
    "AutoencoderTrainer",
    "AutoencodingSettings",
    "VAESettings",
    "VAETrainer",
    "kl_weight",
    "objective",
]

Rate = Annotated[float, Meta(gt=0, le=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Bound = Annotated[float, Meta(ge=0, le=1e6)]


@dataclass(frozen=True, kw_only=True)
class AutoencodingSettings:
    """What both trainers can be asked."""

    optimizer: Literal["adam", "rmsprop"] = "adam"
    lr: Rate = 1e-3
    beta1: Share = 0.9  # Adam only
    beta2: Share = 0.999  # RMSprop: the decay of its squared average
    decay: Share = 0.0  # per step: rate / (1 + decay * step)
    anneal: Share = 0.0  # share of the run at whose end the rate is a hundredth
    clip_norm: Bound = 0.0  # the whole gradient; 0: no clipping
    binarise: bool = False  # draw each value as 0 or 1 with itself as probability, anew each time
    flips: bool = False  # mirror the examples at random, where their kind has a mirror image
    precision: Precision = "float32"  # of the networks' products; sums and weights stay float32


@dataclass(frozen=True, kw_only=True)
class AutoencoderSettings(AutoencodingSettings):
    """How an encoder and a decoder learn to copy, with a penalty on the code's absolute values."""

    sparsity: Bound = 0.0  # weight of the code's L1 norm, in nats


@dataclass(frozen=True, kw_only=True)
class VAESettings(AutoencodingSettings):
    """How an encoder and a decoder learn by a bound on log p(x)."""

    objective: Literal["elbo", "iwae"] = "elbo"
    samples: Annotated[int, Meta(ge=1, le=1024)] = 1  # latents an example: K of the importance-weighted bound
    beta: Bound = 1.0  # weight of the KL (Higgins et al. 2017); 1 is the ELBO
    kl_warmup: Annotated[int, Meta(ge=0, le=10**12)] = 0  # examples over which that weight rises from 0
    free_bits: Bound = 0.0  # nats of KL a latent unit has free, on the batch's mean (Kingma et al. 2016, eq. 15)
    scaling: Literal["nats", "book"] = "nats"  # "book": mean over pixels + 5e-4 times the mean over 2 KL

    def __post_init__(self) -> None:
        if self.objective == "iwae" and (self.beta != 1 or self.kl_warmup or self.free_bits or self.scaling != "nats"):
            raise ValueError("the importance-weighted bound has no KL apart: beta, kl_warmup, free_bits and scaling")


def kl_weight(settings: VAESettings, examples: int) -> float:
    """What the KL weighs after so many examples: beta min(1, examples / kl_warmup), or 1e-3 of it (book)."""
    warm = min(1.0, examples / settings.kl_warmup) if settings.kl_warmup else 1.0
    return (1e-3 if settings.scaling == "book" else 1.0) * (settings.beta * warm)


def objective(terms: Terms, settings: VAESettings, *, dimensions: int, weight: float | Tensor) -> Tensor:
    """What is minimised, a scalar; `dimensions` is D of x, and `weight` what `kl_weight` gives.

    "elbo": -E_q[log p(x given z)] + w KL, with w = beta min(1, examples / kl_warmup) and, with free bits f, each unit's
    batch-mean KL replaced by max(f, KL). "iwae": minus the importance-weighted bound. With the book's scaling
    (Chollet, Deep Learning with Python, section 8.4) the reconstruction is averaged over the D values of x, and the
    KL term is -5e-4 mean(1 + log_var - mean^2 - var) over the d units: R / D + 1e-3 w KL / d.
    """
    if settings.objective == "iwae":
        return -importance_weighted_bound(terms).mean()
    per_unit = terms.kl_per_unit
    kl = (per_unit.clamp(min=settings.free_bits) if settings.free_bits else per_unit).sum()
    if settings.scaling == "book":
        return terms.reconstruction / dimensions + weight * kl / per_unit.numel()
    return terms.reconstruction + weight * kl


class _Autoencoding(Trainer):
    """What both trainers share: three parts, one optimizer over all of them, and how a batch is made ready."""

    averaged = ("encoder", "decoder", "likelihood")

    def __init__(self, parts: dict[str, nn.Module], settings: AutoencodingSettings, generator: torch.Generator) -> None:
        encoder, decoder, likelihood = (parts.get(name) for name in self.averaged)
        if not (isinstance(encoder, Encoder) and isinstance(decoder, Decoder) and isinstance(likelihood, Likelihood)):
            raise ConfigError(f"this trainer needs an encoder, a decoder and a likelihood, not {', '.join(parts)}")
        self.encoder, self.decoder, self.likelihood = encoder, decoder, likelihood
        self.parts, self.settings, self.random = parts, settings, generator
        self.clip_norm, self.decay, self.anneal = settings.clip_norm, settings.decay, settings.anneal
        self.base_rates = {"vae": settings.lr}
        self.weights = [parameter for part in parts.values() for parameter in part.parameters()]
        self.optimizers = {
            "vae": make_optimizer(
                settings.optimizer, self.weights, lr=settings.lr, beta1=settings.beta1, beta2=settings.beta2
            )
        }

    def variant(self) -> Hashable:
        """All steps are alike."""
        return ()

    def _varied(self, x: Tensor) -> Tensor:
        """Examples in [0, 1], mirrored and binarised as the settings say."""
        if self.settings.flips:
            x = self.mirror(x)
        if self.settings.binarise:
            x = (self.draws.uniform(*x.shape) < x).to(x)
        return x

    def _encode(self, x: Tensor, labels: Tensor | None) -> DiagonalGaussian:
        with self.in_precision(self.settings.precision):
            posterior: DiagonalGaussian = self.encoder(x, labels)
        return DiagonalGaussian(posterior.mean.float(), posterior.log_var.float())

    def _decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        with self.in_precision(self.settings.precision):
            parameters: Tensor = self.decoder(z, labels)
        return parameters.float()


class VAETrainer(_Autoencoding):
    """Parts `encoder`, `decoder` and `likelihood`; one step is one update of all."""

    settings: VAESettings
    rows: int = 0  # examples of the step, in this process

    def scheduled(self, n: int) -> dict[str, float]:
        """What the KL weighs, which may rise."""
        return {"kl": kl_weight(self.settings, self.steps * n * self.processes.count)}

    def step(self, x: Tensor, labels: Tensor | None) -> Figures:
        """One update from examples (N, *data_shape) in [0, 1]."""
        x = self._varied(x)
        self.rows = len(x)
        noise = self.draws.normal(len(x), self.settings.samples, *self.encoder.latent_shape)
        return self.learn("vae", self._loss, x, noise, *seen_labels(labels, self.decoder.num_classes))

    def _loss(self, x: Tensor, noise: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Figures]:
        posterior = self._encode(x, labels)
        terms = decoded_terms(self._decode, self.likelihood, x, posterior, noise.transpose(0, 1), labels)
        loss = objective(terms, self.settings, dimensions=x[0].numel(), weight=self.now(self.rows)["kl"])
        return loss, self._figures(terms, x, loss.detach())

    @torch.no_grad()
    def _figures(self, terms: Terms, x: Tensor, loss: Tensor) -> dict[str, Tensor]:
        dimensions = x[0].numel()
        reconstruction, kl = terms.reconstruction.detach(), terms.kl_per_unit.detach().sum()
        figures = {
            "loss": loss,
            "elbo": -(reconstruction + kl),
            "reconstruction": reconstruction,
            "kl": kl,
            "reconstruction_bits_per_dim": bits_per_dim(reconstruction, dimensions, self.likelihood),
            "kl_bits_per_dim": kl / (dimensions * math.log(2)),
            "active_units": active_units(terms.posterior.mean),
        }
        if self.settings.objective == "iwae":
            figures["importance_weighted"] = -loss
        return figures


class AutoencoderTrainer(_Autoencoding):
    """The classical autoencoder: the decoder sees the posterior's mean, and nothing draws codes to a prior."""

    settings: AutoencoderSettings

    def step(self, x: Tensor, labels: Tensor | None) -> Figures:
        """One update from examples (N, *data_shape) in [0, 1]."""
        return self.learn("vae", self._loss, self._varied(x), *seen_labels(labels, self.decoder.num_classes))

    def _loss(self, x: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Figures]:
        code = self._encode(x, labels).mean
        reconstruction = -self.likelihood.log_prob(self._decode(code, labels), x).mean()
        absolute = code.flatten(1).abs().sum(1).mean()
        loss = reconstruction + self.settings.sparsity * absolute
        return loss, {
            "loss": loss.detach(),
            "reconstruction": reconstruction.detach(),
            "reconstruction_bits_per_dim": bits_per_dim(reconstruction.detach(), x[0].numel(), self.likelihood),
            "code_l1": absolute.detach(),
            "active_units": active_units(code.detach()),
        }
