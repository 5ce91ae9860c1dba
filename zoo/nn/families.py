"""The families of models: which parts a family has, in which file each is kept, and the container that holds them.

This is the one place that knows them. An architecture names its family; loading, training, export and verification
look it up here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from zoo.catalogue.contract.specs import ModelSpec
from zoo.catalogue.weights.folder import DISCRIMINATOR, PRIOR
from zoo.errors import ConfigError, UsageError, WeightsError
from zoo.nn.distributions import GaussianMixture, Likelihood
from zoo.nn.interfaces import Decoder, Discriminator, Encoder, Generator
from zoo.nn.models import GAN, VAE, Model

__all__ = ["FAMILIES", "Extras", "Family", "family_of"]


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What a container is given besides its parts; the defaults are those of a model in training."""

    value_range: tuple[float, float] | None = None  # of the networks' data; None: the family's usual one
    tensors: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)  # of the family's optional files
    spec: ModelSpec | None = None
    info: dict[str, Any] | None = None
    origin: str = ""


@dataclass(frozen=True, kw_only=True)
class Family:
    """One kind of model. Every part implements the interface `interfaces` gives it."""

    name: str
    interfaces: Mapping[str, type[nn.Module]]
    published: tuple[str, ...]  # the parts in model.safetensors: their moving averages
    beside: Mapping[str, str] = field(default_factory=dict)  # part -> a file of its own, loaded on request
    optional: tuple[str, ...] = ()  # files of further tensors that a folder may hold
    build: Callable[[Mapping[str, Any], Extras], Model]

    def container(self, parts: Mapping[str, nn.Module], extras: Extras | None = None) -> Model:
        """The model in eval mode. Raises WeightsError when a part implements another interface."""
        for name in self.published:
            if name not in parts:
                raise WeightsError(f"a model of the family {self.name} has a {name}, and this architecture has none")
        for name, part in parts.items():
            if not isinstance(part, self.interfaces.get(name, ())):
                raise WeightsError(
                    f"the {name} is a {type(part).__name__}, which implements no interface of its family"
                )
        return self.build(parts, extras or Extras()).eval()

    def files_of(self, names: Sequence[str]) -> dict[str, str]:
        """Part -> its own file. Raises UsageError for a part that this family does not keep beside the others."""
        for name in names:
            if name not in self.beside:
                raise UsageError(f"a model of the family {self.name} has no {name}")
        return {name: self.beside[name] for name in names}


def _gan(parts: Mapping[str, Any], extras: Extras) -> Model:
    value_range = extras.value_range or (-1.0, 1.0)
    discriminator = parts.get("discriminator")
    return GAN(
        parts["generator"],
        discriminator,
        value_range=value_range,
        spec=extras.spec,
        info=extras.info,
        origin=extras.origin,
    )


def _vae(parts: Mapping[str, Any], extras: Extras) -> Model:
    if extras.value_range not in (None, VAE.value_range):
        raise WeightsError(f"data.range is {extras.value_range}; a likelihood is defined on [0, 1]")
    encoder, decoder, likelihood = (parts[name] for name in ("encoder", "decoder", "likelihood"))
    if (encoder.latent_shape, encoder.data_shape) != (decoder.latent_shape, decoder.data_shape):
        raise WeightsError("the encoder and the decoder have different latent or data shapes")
    mixture = _mixture(extras.tensors[PRIOR], encoder.latent_shape) if PRIOR in extras.tensors else None
    return VAE(encoder, decoder, likelihood, mixture=mixture, spec=extras.spec, info=extras.info, origin=extras.origin)


def _mixture(tensors: Mapping[str, Tensor], latent_shape: tuple[int, ...]) -> GaussianMixture:
    """The ex-post prior of prior.safetensors, checked: it is the user's file as much as any other."""
    if set(tensors) != {"weights", "means", "factors"}:
        raise WeightsError(f"{PRIOR} must hold weights, means and factors; fit the mixture again")
    weights, means, factors = (tensors[key] for key in ("weights", "means", "factors"))
    count, size = len(weights) if weights.ndim else 0, means.shape[-1] if means.ndim else 0
    shapes = (weights.shape, means.shape, factors.shape) == ((count,), (count, size), (count, size, size))
    if not shapes or not count or latent_shape != (size,) or not all(t.is_floating_point() for t in tensors.values()):
        raise WeightsError(f"{PRIOR}: weights, means and factors do not fit latents of shape {latent_shape}")
    finite = all(bool(t.isfinite().all()) for t in tensors.values())
    diagonal = factors.diagonal(dim1=1, dim2=2)
    if not finite or not bool((weights >= 0).all()) or not bool(weights.sum() > 0) or not bool((diagonal > 0).all()):
        raise WeightsError(f"{PRIOR}: weights or factors are those of no distribution; fit the mixture again")
    return GaussianMixture(weights.float(), means.float(), factors.float())


FAMILIES = {
    family.name: family
    for family in (
        Family(
            name="gan",
            interfaces={"generator": Generator, "discriminator": Discriminator},
            published=("generator",),
            beside={"discriminator": DISCRIMINATOR},
            build=_gan,
        ),
        Family(
            name="vae",
            interfaces={"encoder": Encoder, "decoder": Decoder, "likelihood": Likelihood},
            published=("encoder", "decoder", "likelihood"),
            optional=(PRIOR,),
            build=_vae,
        ),
    )
}


def family_of(name: str, owner: str) -> Family:
    """The family of that name. Raises ConfigError, naming `owner`, for one this zoo does not know."""
    if name not in FAMILIES:
        raise ConfigError(f"{owner}: this zoo cannot load the family {name!r}; update genzoo")
    return FAMILIES[name]
