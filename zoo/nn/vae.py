"""The family `vae`: an encoder and a decoder, trained by a bound on the likelihood; an autoencoder is one too."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, final

import torch
from torch import Tensor

from zoo.catalogue.weights.folder import DISCRIMINATOR, PRIOR
from zoo.errors import WeightsError
from zoo.nn.abilities import Bounded
from zoo.nn.bounds import Terms, decoded_terms
from zoo.nn.distributions import DiagonalGaussian, GaussianMixture, Likelihood
from zoo.nn.extras import Extras
from zoo.nn.families import Family
from zoo.nn.interfaces import Decoder, Discriminator, Encoder
from zoo.nn.models import Model, home

__all__ = ["FAMILY", "VAE"]


@final
class VAE(Bounded):
    """An encoder, a decoder, and the likelihood that reads what the decoder gives; all work on data in [0, 1].

    What it gives for a latent is the mean of p(x given z). `discriminator`, of one that played against one, is there
    where it was asked for; it sees data in [-1, 1].
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        likelihood: Likelihood,
        extras: Extras | None = None,
        *,
        discriminator: Discriminator | None = None,
    ) -> None:
        super().__init__(
            extras,
            latent_shape=decoder.latent_shape,
            data_shape=decoder.data_shape,
            num_classes=decoder.num_classes,
        )
        self.encoder, self.vocabulary, self.mixes_labels = encoder, encoder.vocabulary, decoder.mixes_labels
        self.decoder, self.chunk = decoder, min(encoder.chunk, decoder.chunk)
        self.stride = encoder.stride if encoder.stride == decoder.stride else None
        self.likelihood = likelihood
        self.discriminator = discriminator

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.likelihood.mean(self.decoder(z, labels).float())

    def posterior(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        """What the encoder gives."""
        posterior: DiagonalGaussian = self.encoder(x, labels)
        return posterior

    def terms(self, x: Tensor, posterior: DiagonalGaussian, noise: Tensor, labels: Tensor | None = None) -> Terms:
        """As of `decoded_terms`, in float32 whatever the decoder's dtype is."""
        _, dtype = home(self.decoder)

        def decoded(z: Tensor, of: Tensor | None = None) -> Tensor:
            x: Tensor = self.decoder(z.to(dtype), of).float()
            return x

        return decoded_terms(decoded, self.likelihood, x, posterior, noise, labels)


def _build(parts: Mapping[str, Any], extras: Extras) -> Model:
    if extras.value_range not in (None, VAE.usual_range):
        raise WeightsError(f"data.range is {extras.value_range}; a likelihood is defined on [0, 1]")
    encoder, decoder, likelihood = (parts[name] for name in ("encoder", "decoder", "likelihood"))
    if (encoder.latent_shape, encoder.data_shape) != (decoder.latent_shape, decoder.data_shape):
        raise WeightsError("the encoder and the decoder have different latent or data shapes")
    if encoder.num_classes not in (None, decoder.num_classes):
        counts = f"{encoder.num_classes} classes, the decoder {decoder.num_classes or 0}"
        raise WeightsError(f"the encoder has {counts}; they must be the same")
    if PRIOR in extras.tensors:
        found = _mixture(extras.tensors[PRIOR], encoder.latent_shape, decoder.num_classes or 0)
        extras = replace(extras, mixture=found)
    return VAE(encoder, decoder, likelihood, extras, discriminator=parts.get("discriminator"))


def _mixture(tensors: Mapping[str, Tensor], latent_shape: tuple[int, ...], num_classes: int) -> GaussianMixture:
    """The ex-post prior of prior.safetensors, checked: it is the user's file as much as any other."""
    classes = tensors.get("classes")
    tensors = {key: tensor for key, tensor in tensors.items() if key != "classes"}
    if set(tensors) != {"weights", "means", "factors"}:
        raise WeightsError(f"{PRIOR} must hold weights, means and factors; fit the mixture again")
    weights, means, factors = (tensors[key] for key in ("weights", "means", "factors"))
    count, size = len(weights) if weights.ndim else 0, means.shape[-1] if means.ndim else 0
    shapes = (weights.shape, means.shape, factors.shape) == ((count,), (count, size), (count, size, size))
    floats = all(t.is_floating_point() for t in tensors.values())
    if not shapes or not count or math.prod(latent_shape) != size or not floats:
        raise WeightsError(f"{PRIOR}: weights, means and factors do not fit latents of shape {latent_shape}")
    finite = all(bool(t.isfinite().all()) for t in tensors.values())
    diagonal = factors.diagonal(dim1=1, dim2=2)
    if not finite or not bool((weights >= 0).all()) or not bool(weights.sum() > 0) or not bool((diagonal > 0).all()):
        raise WeightsError(f"{PRIOR}: weights or factors are those of no distribution; fit the mixture again")
    if classes is not None and not _has_all(classes, weights, num_classes):
        raise WeightsError(f"{PRIOR}: its classes are not the model's {num_classes}; fit the mixture again")
    return GaussianMixture(weights.float(), means.float(), factors.float(), classes)


def _has_all(classes: Tensor, weights: Tensor, num_classes: int) -> bool:
    """Whether each component is of a class, and each class has one that is drawn."""
    whole = classes.dtype == torch.int64 and classes.shape == weights.shape
    return whole and set(classes[weights > 0].tolist()) == set(range(num_classes)) and num_classes > 0


FAMILY = Family(
    name="vae",
    interfaces={"encoder": Encoder, "decoder": Decoder, "likelihood": Likelihood, "discriminator": Discriminator},
    published=("encoder", "decoder", "likelihood"),
    beside={"discriminator": DISCRIMINATOR},  # of those that were trained against one
    optional=(PRIOR,),
    build=_build,
)
