"""The family `gan`: a generator that was trained against a discriminator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from torch import Tensor

from zoo.catalogue.weights.folder import DISCRIMINATOR
from zoo.nn.extras import Extras
from zoo.nn.families import Family
from zoo.nn.interfaces import Discriminator, Generator
from zoo.nn.models import Model

__all__ = ["FAMILY", "GAN"]


@final
class GAN(Model):
    """A generator, and its discriminator where it was asked for. `generator` gives values in `value_range`."""

    usual_range = (-1.0, 1.0)

    def __init__(
        self, generator: Generator, discriminator: Discriminator | None = None, extras: Extras | None = None
    ) -> None:
        super().__init__(
            extras,
            latent_shape=generator.latent_shape,
            data_shape=generator.data_shape,
            num_classes=generator.num_classes,
            prior=generator.prior,
        )
        self.generator, self.chunk = generator, generator.chunk
        self.discriminator = discriminator

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        low, high = self.value_range
        x: Tensor = self.generator(z, labels).float()
        return (x - low) / (high - low)


def _build(parts: Mapping[str, Any], extras: Extras) -> Model:
    return GAN(parts["generator"], parts.get("discriminator"), extras)


FAMILY = Family(
    name="gan",
    interfaces={"generator": Generator, "discriminator": Discriminator},
    published=("generator",),
    beside={"discriminator": DISCRIMINATOR},
    build=_build,
)
