"""The library's autoencoders as encoder and decoder: their latents have several channels and two sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from zoo.configs import decode
from zoo.nn import Decoder, DiagonalGaussian, Encoder, Gaussian, Likelihood
from zoo_diffusers.configs import AutoencoderConfig
from zoo_diffusers.library import built
from zoo_diffusers.tiles import Tiles

__all__ = ["SD", "LibraryDecoder", "LibraryEncoder", "decoder_behind", "likelihood"]

SD = 0.1  # of the Gaussian around what is decoded: it plays no part in sampling
POINT = -14.0  # the log variance of a posterior that stands for a point
LOG_VAR = (-30.0, 20.0)  # as the library cuts it
ONE = 1  # picture at a time: a photo fills the memory by itself
TILE = 512  # pixels: what is larger goes through in tiles of this side, or of the trained one where that is larger
SPREAD = ("AutoencoderKL", "AsymmetricAutoencoderKL")  # the kinds whose posteriors have a variance


class _Scaled:
    """Latents as the zoo has them: shifted and scaled as a diffusion model would see them, of variance about 1."""

    def __init__(self, config: AutoencoderConfig) -> None:
        self.factor = config.scaling_factor
        self.shift = float(config.settings.get("shift_factor") or 0.0)

    def inner(self, z: Tensor) -> Tensor:
        """As the library's decoder takes them."""
        return z / self.factor + self.shift

    def outer(self, z: Tensor) -> Tensor:
        """As users get them."""
        return (z - self.shift) * self.factor


class LibraryEncoder(Encoder):
    """Pictures (N, C, H, W) in [0, 1] -> posteriors over (N, channels, H / factor, W / factor)."""

    chunk = ONE

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.latent_shape, self.data_shape = _shapes(config)
        self.kind, self.scaled, self.stride = config.kind, _Scaled(config), config.factor
        side = max(TILE, config.image_size)
        self.tiles = Tiles(side, side // 4, down=config.factor)
        whole = built(config.kind, config.settings)
        self.body, self.quant = whole.encoder, getattr(whole, "quant_conv", None)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        """Map pictures (N, C, H, W) to posteriors; those of AutoencoderTiny and VQModel are points."""
        seen = self.tiles.through(self.body, x * 2 - 1)
        seen = seen if self.quant is None else self.quant(seen)
        if self.kind not in SPREAD:
            mean = self.scaled.outer(seen)
            return DiagonalGaussian(mean, torch.full_like(mean, POINT))
        mean, log_var = seen.chunk(2, dim=1)
        scale = 2 * torch.log(torch.tensor(self.scaled.factor))
        return DiagonalGaussian(self.scaled.outer(mean), log_var.clamp(*LOG_VAR) + scale.to(log_var))


class LibraryDecoder(Decoder):
    """Latents (N, channels, H / factor, W / factor) -> pictures (N, C, H, W), about in [0, 1]."""

    chunk = ONE

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.latent_shape, self.data_shape = _shapes(config)
        self.num_classes, self.scaled, self.stride = None, _Scaled(config), config.factor
        side = max(TILE, config.image_size) // config.factor
        self.tiles = Tiles(side, side // 4, up=config.factor)
        whole = built(config.kind, config.settings)
        self.body, self.quant = whole.decoder, getattr(whole, "post_quant_conv", None)
        self.quantize = getattr(whole, "quantize", None)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents to pictures, through the nearest entries of the codebook where there is one."""
        inner = self.scaled.inner(z)
        if self.quantize is not None:
            inner = self.quantize(inner)[0]
        x = self.tiles.through(self.body, inner if self.quant is None else self.quant(inner))
        return (x + 1) / 2


def likelihood(config: AutoencoderConfig) -> Likelihood:
    """A Gaussian of fixed width."""
    return Gaussian(sd=SD)


def decoder_behind(config: Mapping[str, Any]) -> LibraryDecoder | None:
    """The decoder of an autoencoder by plain data, as an AutoencoderConfig has them; None where there are none."""
    return LibraryDecoder(decode(AutoencoderConfig, config, "decoder")) if config else None


def _shapes(config: AutoencoderConfig) -> tuple[tuple[int, ...], tuple[int, ...]]:
    side, channels = config.image_size // config.factor, int(config.settings.get("in_channels", 3))
    return (config.latent_channels, side, side), (channels, config.image_size, config.image_size)
