"""A trainer of two players, as plain as can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from msgspec import Meta
from torch import Tensor, nn

from zoo.training import Trainer


@dataclass(frozen=True, kw_only=True)
class DuelSettings:
    """How the two learn."""

    lr: Annotated[float, Meta(gt=0, le=1)] = 1e-3


class DuelTrainer(Trainer):
    """The hinge loss for both."""

    averaged = ("generator",)
    value_range = (-1.0, 1.0)

    def __init__(self, parts: dict[str, nn.Module], settings: DuelSettings, random: torch.Generator) -> None:
        self.parts, self.settings, self.random = parts, settings, random
        self.base_rates = dict.fromkeys(("generator", "discriminator"), settings.lr)
        self.optimizers = {name: torch.optim.Adam(parts[name].parameters(), lr=settings.lr) for name in self.base_rates}

    def step(self, x: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
        """One update of the discriminator, then one of the generator."""
        generator, discriminator = self.parts["generator"], self.parts["discriminator"]
        z = torch.randn(len(x), *generator.latent_shape, generator=self.random)
        fake = generator(z).detach()
        loss = (1 - discriminator(x)).relu().mean() + (1 + discriminator(fake)).relu().mean()
        self._update("discriminator", loss)
        discriminator.requires_grad_(False)
        fooled = -discriminator(generator(z)).mean()
        self._update("generator", fooled)
        discriminator.requires_grad_(True)
        return {"discriminator_loss": loss.detach(), "generator_loss": fooled.detach()}

    def _update(self, name: str, loss: Tensor) -> None:
        self.optimizers[name].zero_grad()
        loss.backward()
        self.optimizers[name].step()
