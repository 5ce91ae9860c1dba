"""What a DCGAN can be asked to be. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from zoo.images import ProjectionConfig, check_doublings

__all__ = ["DCGANConfig", "ProjectedGANConfig", "ResGANConfig"]

Width = Annotated[int, Meta(ge=1, le=1024)]
Widths = Annotated[tuple[Width, ...], Meta(min_length=1, max_length=7)]
Count = Annotated[int, Meta(ge=0, le=4)]
Counts = Annotated[tuple[Count, ...], Meta(max_length=7)]
Kernel = Annotated[int, Meta(ge=2, le=8)]
OddKernel = Literal[1, 3, 5, 7]
Share = Annotated[float, Meta(ge=0, lt=1)]


@dataclass(frozen=True, kw_only=True)
class DCGANConfig:
    """A generator that grows a small map by strided transposed convolutions, and a discriminator that shrinks one.

    The generator: z -> dense -> `stem_width` channels at image_size / 2^k -> stages, doubling the side between them
    -> picture, where k counts the doublings. The discriminator: optional stem convolution -> one strided convolution
    for each of its widths -> dense -> logit. With classes, each has scales and shifts of its own in the generator's
    batch norms, and a vector that the discriminator's features are projected on.
    """

    image_size: Annotated[int, Meta(ge=8, le=256)] = 32  # pixels, a power of two
    channels: Annotated[int, Meta(ge=1, le=4)] = 3
    latent_size: Annotated[int, Meta(ge=1, le=4096)] = 100
    prior: Literal["normal", "uniform"] = "normal"  # the book: normal
    num_classes: Annotated[int, Meta(ge=0, le=1000)] = 0  # of labels that both nets see; 0: without labels
    kernel_size: Kernel = 4  # of the strided layers of both nets; the book: divisible by the stride 2

    generator_widths: Widths = (256, 128, 64)  # channels of each stage, smallest map first
    stem_width: Annotated[int, Meta(ge=0, le=1024)] = 0  # channels behind the dense layer; 0: the first width
    generator_convs: Counts = ()  # further stride-1 convolutions in each stage; () is none
    generator_conv_kernel: OddKernel = 3
    generator_norm: Literal["batch", "none"] = "batch"
    generator_activation: Literal["relu", "leaky_relu"] = "relu"
    head: Literal["transposed", "conv"] = "transposed"  # last layer: doubles the side once more, or keeps it
    head_kernel: OddKernel = 7  # of a `conv` head
    output: Literal["tanh", "linear"] = "tanh"  # the book: tanh

    discriminator_widths: Widths = (64, 128, 256)  # channels behind each strided convolution
    discriminator_stem: Annotated[int, Meta(ge=0, le=1024)] = 0  # channels of a 3x3 stride-1 layer before; 0: none
    discriminator_norm: Literal["batch", "spectral", "none"] = "batch"
    discriminator_activation: Literal["leaky_relu", "relu"] = "leaky_relu"  # the book: LeakyReLU
    downsampling: Literal["stride", "max_pool"] = "stride"  # the book: strides
    padding: Literal["same", "valid"] = "same"  # of the discriminator's convolutions
    dropout: Share = 0.0  # before the discriminator's dense layer; the book: 0.4

    def __post_init__(self) -> None:
        if self.image_size & (self.image_size - 1):
            raise ValueError(f"image_size = {self.image_size} is not a power of two (8, 16, 32, 64, 128, 256)")
        if self.num_classes and self.generator_norm == "none":
            raise ValueError("num_classes needs generator_norm = 'batch': a generator sees labels through its norms")
        if self.generator_convs and len(self.generator_convs) != len(self.generator_widths):
            raise ValueError("generator_convs needs one count for each of generator_widths, or none at all")
        if self.stem_size < 2:
            raise ValueError(
                f"generator_widths has {len(self.generator_widths)} stages, too many for {self.image_size} pixels"
            )
        if self.image_size >> len(self.discriminator_widths) < 1 or min(self.discriminator_sizes) < 1:
            raise ValueError(f"discriminator_widths shrinks {self.image_size} pixels to nothing; use fewer")
        if self.stem_width not in (0, self.generator_widths[0]) and not (self.generator_convs or (0,))[0]:
            raise ValueError("stem_width may differ from the first width only where that stage has convolutions")

    @property
    def stem_size(self) -> int:
        """The side of the generator's first map, in pixels."""
        doublings = len(self.generator_widths) - (self.head == "conv")
        return self.image_size >> doublings

    @property
    def discriminator_sizes(self) -> tuple[int, ...]:
        """The side of the map behind each of the discriminator's strided layers, in pixels."""
        side = self.image_size
        if self.discriminator_stem and self.padding == "valid":
            side -= 2
        sides = []
        for _ in self.discriminator_widths:
            side = (side - self.kernel_size) // 2 + 1 if self.padding == "valid" else side // 2
            sides.append(side)
        return tuple(sides)


@dataclass(frozen=True, kw_only=True)
class ProjectedGANConfig(ProjectionConfig):
    """A generator that doubles a 4 x 4 map by nearest neighbours, convolution, batch norm and GLU, and a discriminator
    of small heads on the maps of a frozen feature network.

    With classes, each has scales and shifts of its own in the generator's batch norms, and a vector in each head that
    the head's features are projected on.
    """

    latent_size: Annotated[int, Meta(ge=2, le=4096)] = 128  # of a direction: z is brought to the sphere
    generator_widths: Widths = (128, 128, 64, 32)  # channels of the maps of 4, 8, 16, ... pixels
    features: str = "efficientnet-lite0"  # full name of the network

    def __post_init__(self) -> None:
        super().__post_init__()
        check_doublings("generator_widths", self.generator_widths, self.image_size)


@dataclass(frozen=True, kw_only=True)
class ResGANConfig:
    """Residual networks without normalisation, the discriminator the generator's mirror (Huang et al. 2024).

    With classes the generator gets a vector of each joined to z, and the discriminator projects its features on one.
    """

    image_size: Literal[16, 32, 64, 128] = 32  # pixels
    channels: Annotated[int, Meta(ge=1, le=4)] = 3
    latent_size: Annotated[int, Meta(ge=1, le=4096)] = 64
    num_classes: Annotated[int, Meta(ge=0, le=1000)] = 0  # of labels that both nets see; 0: without labels
    class_size: Annotated[int, Meta(ge=1, le=4096)] = 64  # values of the vector that stands for a class
    widths: Widths = (256, 256, 128, 64)  # channels of the maps of 4, 8, 16, ... pixels
    blocks: Annotated[int, Meta(ge=1, le=16)] = 2  # residual blocks at each side
    expansion: Annotated[int, Meta(ge=1, le=8)] = 2  # a block's inner channels over its outer ones
    group_size: Annotated[int, Meta(ge=1, le=1024)] = 16  # channels that a 3x3 convolution sees together

    def __post_init__(self) -> None:
        check_doublings("widths", self.widths, self.image_size)
        if bad := [width for width in self.widths if width * self.expansion % self.group_size]:
            raise ValueError(f"widths: {bad[0]} times expansion {self.expansion} is no multiple of {self.group_size}")
