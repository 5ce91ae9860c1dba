"""What the variational autoencoders can be asked to be. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from zoo.images import ProjectionConfig, check_doublings

__all__ = ["ConvVAEConfig", "MLPVAEConfig", "ResVAEConfig", "VAEGANConfig"]

Width = Annotated[int, Meta(ge=1, le=1024)]
Widths = Annotated[tuple[Width, ...], Meta(min_length=1, max_length=7)]
Side = Annotated[int, Meta(ge=4, le=256)]
Channels = Annotated[int, Meta(ge=1, le=4)]
Latent = Annotated[int, Meta(ge=1, le=4096)]
LikelihoodName = Literal["bernoulli", "gaussian", "discretized_logistic"]
Classes = Annotated[int, Meta(ge=0, le=1000)]
Scale = Annotated[float, Meta(gt=0, le=10)]


def _check_side(image_size: int, halvings: int) -> None:
    if image_size % (1 << halvings) or image_size >> halvings < 2:
        raise ValueError(
            f"image_size = {image_size} cannot be halved {halvings} times to a map of at least 2 pixels; "
            f"it must be a multiple of {1 << halvings}, or the widths fewer"
        )


@dataclass(frozen=True, kw_only=True)
class ConvVAEConfig:
    """Plain convolutions: the encoder halves the side where its strides say, the decoder doubles it as often.

    The encoder: convolutions -> dense layer -> mean and log variance. The decoder: dense layer onto a small map -> one
    transposed convolution for each of its widths, doubling the side -> a convolution onto the picture.
    """

    image_size: Side = 28  # pixels
    channels: Channels = 1
    latent_size: Latent = 2
    num_classes: Classes = 0  # of labels that encoder and decoder see (Sohn et al. 2015); 0: without labels
    posterior: Literal["gaussian", "point"] = "gaussian"  # "point": no log variance, as a classical autoencoder has
    likelihood: LikelihoodName = "bernoulli"
    scale: Scale = 0.1  # of a Gaussian (sd) or logistic likelihood, of the data's [0, 1]
    learned_scale: bool = False  # else it stays as it is
    encoder_widths: Widths = (32, 64)  # channels of each 3x3 convolution
    encoder_strides: Annotated[tuple[Literal[1, 2], ...], Meta(min_length=1, max_length=7)] = (2, 2)
    hidden: Annotated[int, Meta(ge=1, le=4096)] = 128  # units of the encoder's dense layer
    decoder_stem: Width = 64  # channels behind the decoder's dense layer
    decoder_widths: Widths = (64, 32)  # channels behind each doubling

    def __post_init__(self) -> None:
        if len(self.encoder_strides) != len(self.encoder_widths):
            raise ValueError("encoder_strides needs one stride for each of encoder_widths")
        _check_side(self.image_size, sum(stride == 2 for stride in self.encoder_strides))
        _check_side(self.image_size, len(self.decoder_widths))


@dataclass(frozen=True, kw_only=True)
class ResVAEConfig:
    """Residual blocks without normalisation, at each side a few; between sides a strided or transposed convolution.

    The first width is reached by a strided convolution where `patch` is 2, so that no block runs at the full side.
    """

    image_size: Side = 64  # pixels
    channels: Channels = 3
    latent_size: Latent = 128
    num_classes: Classes = 0  # of labels that encoder and decoder see; 0: without labels
    posterior: Literal["gaussian", "point"] = "gaussian"
    likelihood: LikelihoodName = "discretized_logistic"
    scale: Scale = 0.1  # of a Gaussian (sd) or logistic likelihood, of the data's [0, 1]: the start if it is learned
    learned_scale: bool = True
    patch: Literal[1, 2] = 2  # side of the picture's pixel squares that the first map has one position for
    widths: Widths = (32, 64, 128, 160)  # channels at each side, the largest side first
    blocks: Annotated[tuple[Annotated[int, Meta(ge=0, le=16)], ...], Meta(min_length=1, max_length=7)] = (1, 1, 1, 1)
    decoder_blocks: Annotated[tuple[Annotated[int, Meta(ge=0, le=16)], ...], Meta(max_length=7)] = ()  # (): as blocks

    def __post_init__(self) -> None:
        for blocks in (self.blocks, self.decoder_blocks or self.blocks):
            if len(blocks) != len(self.widths):
                raise ValueError("blocks and decoder_blocks need one count for each of widths")
        _check_side(self.image_size, self.halvings)

    @property
    def halvings(self) -> int:
        """How often the side is halved between the picture and the smallest map."""
        return len(self.widths) - 1 + (self.patch == 2)


@dataclass(frozen=True, kw_only=True)
class MLPVAEConfig:
    """Dense layers alone, for small pictures: the layout of Kingma and Welling 2014, section 5.

    The encoder: pixels -> one dense layer for each of `hidden` -> mean and log variance. The decoder is its mirror.
    """

    image_size: Annotated[int, Meta(ge=1, le=256)] = 28  # pixels
    channels: Channels = 1
    latent_size: Latent = 20
    num_classes: Classes = 0  # of labels that encoder and decoder see; 0: without labels
    posterior: Literal["gaussian", "point"] = "gaussian"
    likelihood: LikelihoodName = "bernoulli"
    scale: Scale = 0.1  # of a Gaussian (sd) or logistic likelihood, of the data's [0, 1]
    learned_scale: bool = False  # else it stays as it is
    hidden: Annotated[tuple[Annotated[int, Meta(ge=1, le=8192)], ...], Meta(min_length=1, max_length=8)] = (400,)


@dataclass(frozen=True, kw_only=True)
class VAEGANConfig(ProjectionConfig):
    """An encoder of residual blocks, a decoder that doubles a 4 x 4 map by nearest neighbours, convolution, batch
    norm and GLU, and a discriminator of small heads on the maps of a frozen feature network.
    """

    image_size: Literal[16, 32, 64, 128] = 64  # pixels
    latent_size: Latent = 128
    scale: Scale = 0.25  # standard deviation of the Gaussian likelihood, of the data's [0, 1]
    encoder_widths: Widths = (32, 64, 96, 128)  # channels of the one block behind each halving
    decoder_widths: Widths = (128, 96, 64, 32, 16)  # channels of the maps of 4, 8, 16, ... pixels
    features: str = "efficientnet-lite0"  # full name of the network
    features_size: Annotated[int, Meta(ge=32, le=512)] = 64  # pixels a side at which the network sees the pictures

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_side(self.image_size, len(self.encoder_widths))
        check_doublings("decoder_widths", self.decoder_widths, self.image_size)
