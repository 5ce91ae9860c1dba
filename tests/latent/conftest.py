"""A VAE whose latents are its data: what an edit does to a picture can be read off."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from zoo.nn.distributions import DiagonalGaussian, Gaussian
from zoo.nn.interfaces import Decoder, Encoder
from zoo.nn.vae import VAE


class Identity(Encoder):
    """The posterior's mean is the picture (1, 1, 4), its variance tiny."""

    def __init__(self) -> None:
        super().__init__()
        self.latent_shape, self.data_shape = (4,), (1, 1, 4)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        return DiagonalGaussian(x.flatten(1), torch.full_like(x.flatten(1), -10.0))


class Back(Decoder):
    """The picture is the latent."""

    def __init__(self) -> None:
        super().__init__()
        self.latent_shape, self.data_shape, self.num_classes = (4,), (1, 1, 4), None
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return (z * self.scale).view(-1, 1, 1, 4)


@pytest.fixture(scope="session")
def identity() -> VAE:
    """encode and decode copy, within [0, 1]."""
    return VAE(Identity(), Back(), Gaussian()).eval()
