"""The containers `load` returns. Final: a new kind of model is a new part, not a subclass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, final

import torch
from torch import Tensor, nn

from zoo.catalogue.contract.specs import ModelSpec
from zoo.errors import NotFoundError, UsageError
from zoo.nn.bounds import elbo, variational_terms
from zoo.nn.distributions import DiagonalGaussian, GaussianMixture, Likelihood
from zoo.nn.folding import folded
from zoo.nn.interfaces import Decoder, Discriminator, Encoder, Generator
from zoo.nn.sampling import check_labels, check_latents, draw_from_mixture, draw_latents, draw_noise, in_chunks

__all__ = ["GAN", "VAE", "Model"]


@final
class GAN(nn.Module):
    """A generator, and its discriminator where it was asked for.

    `generator` gives values in `value_range`; `sample` and `decode` give [0, 1]. `spec` is the catalogue entry,
    None for a model that is in none; `info` is what config.json says of the data and the training;
    `origin` where it was loaded from: "bundled", `hf://org/repo@commit`, or a folder.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator | None = None,
        *,
        value_range: tuple[float, float] = (-1.0, 1.0),
        spec: ModelSpec | None = None,
        info: dict[str, Any] | None = None,
        origin: str = "",
    ) -> None:
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.value_range = value_range
        self.spec = spec
        self.info = info or {}
        self.origin = origin

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The shape of one latent."""
        return self.generator.latent_shape

    @property
    def data_shape(self) -> tuple[int, ...]:
        """The shape of one sample, (C, H, W)."""
        return self.generator.data_shape

    def latents(self, n: int, *, seed: int | None = None, truncation: float | None = None) -> Tensor:
        """Draw the latents (n, *latent_shape) that `sample` with the same arguments decodes."""
        return draw_latents(n, self.latent_shape, seed=seed, truncation=truncation, prior=self.generator.prior)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        seed: int | None = None,
        labels: Sequence[int] | Tensor | None = None,
        truncation: float | None = None,
    ) -> Tensor:
        """Draw n samples (n, C, H, W), float32 in [0, 1]; the same seed gives the same samples.

        `truncation` t > 0 keeps every latent coordinate within [-t, t]: fewer strange samples, less variety.
        Raises UsageError for an n, seed, truncation or labels that cannot be meant.
        """
        return self.decode(self.latents(n, seed=seed, truncation=truncation), labels)

    @torch.no_grad()
    def decode(self, z: Tensor, labels: Sequence[int] | Tensor | None = None) -> Tensor:
        """Map latents (N, *latent_shape) to data (N, C, H, W), float32 in [0, 1].

        Raises UsageError for latents of another shape, or that are not finite.
        """
        device = next(self.generator.parameters()).device
        z = check_latents(z, self.latent_shape, device)
        checked = check_labels(labels, len(z), self.generator.num_classes)
        x = in_chunks(folded(self.generator), z, None if checked is None else checked.to(device))
        low, high = self.value_range
        return ((x - low) / (high - low)).clamp_(0, 1).contiguous()


@final
class VAE(nn.Module):
    """An encoder, a decoder, and the likelihood that reads what the decoder gives; all work on data in [0, 1].

    `mixture` is the ex-post prior that the weights carry, where they carry one. `spec`, `info` and `origin`
    are as for a GAN.
    """

    value_range = (0.0, 1.0)

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        likelihood: Likelihood,
        *,
        mixture: GaussianMixture | None = None,
        spec: ModelSpec | None = None,
        info: dict[str, Any] | None = None,
        origin: str = "",
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood
        self.mixture = mixture
        self.spec = spec
        self.info = info or {}
        self.origin = origin

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The shape of one latent."""
        return self.decoder.latent_shape

    @property
    def data_shape(self) -> tuple[int, ...]:
        """The shape of one example, (C, H, W) for pictures."""
        return self.decoder.data_shape

    @property
    def _device(self) -> torch.device:
        return next(self.decoder.parameters()).device

    def latents(
        self, n: int, *, seed: int | None = None, truncation: float | None = None, prior: str = "normal"
    ) -> Tensor:
        """Draw the latents (n, *latent_shape) that `sample` with the same arguments decodes."""
        if prior == "normal":
            return draw_latents(n, self.latent_shape, seed=seed, truncation=truncation)
        if prior != "mixture":
            raise UsageError(f"prior is {prior!r}; it must be 'normal' or 'mixture'")
        if self.mixture is None:
            raise NotFoundError(
                "these weights carry no mixture; use prior='normal', or fit one: zoo mixture fit FOLDER"
            )
        return draw_from_mixture(n, self.mixture, seed=seed, truncation=truncation).view(n, *self.latent_shape)

    @torch.inference_mode()
    def sample(
        self,
        n: int,
        *,
        seed: int | None = None,
        labels: Sequence[int] | Tensor | None = None,
        truncation: float | None = None,
        prior: str = "normal",
    ) -> Tensor:
        """Draw n samples (n, *data_shape), float32 in [0, 1]: the mean of p(x given z); a seed gives the same again.

        `prior` "normal" draws z from N(0, I), "mixture" from the Gaussian mixture fitted after training. `truncation`
        is as for a GAN. Raises UsageError for what cannot be meant, NotFoundError where there is no mixture.
        """
        return self.decode(self.latents(n, seed=seed, truncation=truncation, prior=prior), labels)

    @torch.inference_mode()
    def decode(self, z: Tensor, labels: Sequence[int] | Tensor | None = None) -> Tensor:
        """Map latents (N, *latent_shape) to the mean of p(x given z), (N, *data_shape) float32 in [0, 1].

        Raises UsageError for latents of another shape, or that are not finite.
        """
        z = check_latents(z, self.latent_shape, self._device)
        checked = check_labels(labels, len(z), self.decoder.num_classes)
        decoder = folded(self.decoder)

        def mean(rows: Tensor, of: Tensor | None) -> Tensor:  # within a chunk: a sigmoid rounds by the tensor's length
            return self.likelihood.mean(decoder(rows, of))

        x = in_chunks(mean, z, None if checked is None else checked.to(self._device))
        return x.clamp(0, 1).contiguous()

    @torch.inference_mode()
    def encode(self, x: Tensor) -> DiagonalGaussian:
        """The posteriors of x (N, *data_shape) in [0, 1]: mean and log_var, each (N, *latent_shape).

        Raises UsageError for another shape, or values that are not in [0, 1].
        """
        x = self._checked(x)
        encoder = folded(self.encoder)

        def both(rows: Tensor, _: Tensor | None) -> Tensor:
            posterior: DiagonalGaussian = encoder(rows)
            return torch.stack([posterior.mean, posterior.log_var], dim=1)

        mean, log_var = in_chunks(both, x, None).unbind(1)
        return DiagonalGaussian(mean.contiguous(), log_var.contiguous())

    def reconstruct(self, x: Tensor) -> Tensor:
        """Decode the means of the posteriors of x: (N, *data_shape) in [0, 1] -> the same. Raises UsageError."""
        return self.decode(self.encode(x).mean)

    @torch.inference_mode()
    def elbo(self, x: Tensor, *, samples: int = 1, seed: int | None = None) -> Tensor:
        """The evidence lower bound of x (N, *data_shape) in [0, 1], in nats an example, (N,).

        The expectation is over `samples` draws of z; the KL is exact. Raises UsageError as `encode`, and for a number
        of samples that is none. For tighter bounds see `zoo.evaluation.likelihood`.
        """
        x = self._checked(x)
        noise = draw_noise(samples, (len(x), *self.latent_shape), seed=seed).to(x.device)
        return elbo(variational_terms(self.encoder, self.decoder, self.likelihood, x, noise))

    def _checked(self, x: Tensor) -> Tensor:
        wanted = ", ".join(map(str, self.data_shape))
        if not x.is_floating_point() or x.ndim == 0 or tuple(x.shape[1:]) != self.data_shape or not len(x):
            raise UsageError(f"x is {x.dtype} {tuple(x.shape)}; this model encodes floats (N, {wanted}) in [0, 1]")
        x = x.to(self._device, torch.float32)
        if not bool(((x >= 0) & (x <= 1)).all()):
            raise UsageError("x holds values outside [0, 1] or NaN; divide pixels by 255")
        return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


Model: TypeAlias = GAN | VAE  # what `load` returns
