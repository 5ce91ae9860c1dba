"""What the models of spectrograms can be asked to be. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from zoo.images import ProjectionConfig, check_doublings

__all__ = ["SpectrogramGANConfig", "SpectrogramVAEConfig"]

Width = Annotated[int, Meta(ge=1, le=1024)]


@dataclass(frozen=True, kw_only=True)
class SpectrogramVAEConfig:
    """Residual blocks without normalisation on log spectrograms of n_fft / 2 frequencies and 1 + length / hop frames,
    whose sides are halved once before the first width and once between each two.
    """

    length: Annotated[int, Meta(ge=128, le=1 << 22)] = 8128  # values of a sound: a multiple of `hop`
    n_fft: Annotated[int, Meta(ge=16, le=4096)] = 256  # values of a window
    hop: Annotated[int, Meta(ge=4, le=2048)] = 64  # values from one window to the next
    latent_size: Annotated[int, Meta(ge=1, le=4096)] = 48  # numbers that a sound is coded in
    num_classes: Annotated[int, Meta(ge=0, le=1000)] = 0  # of labels that encoder and decoder see; 0: without labels
    posterior: Literal["gaussian", "point"] = "gaussian"  # "point": no log variance, as a classical autoencoder has
    scale: Annotated[float, Meta(gt=0, le=10)] = 0.1  # standard deviation of the Gaussian likelihood at the start
    widths: Annotated[tuple[Width, ...], Meta(min_length=1, max_length=8)] = (16, 32, 64, 128, 160)  # channels
    blocks: Annotated[tuple[Annotated[int, Meta(ge=0, le=16)], ...], Meta(min_length=1, max_length=8)] = (1, 1, 1, 1, 1)

    def __post_init__(self) -> None:
        if len(self.blocks) != len(self.widths):
            raise ValueError("blocks needs one count for each of widths")
        if self.length % self.hop:
            raise ValueError(f"length = {self.length} must be a multiple of hop = {self.hop}")
        step = 1 << len(self.widths)
        if self.frequencies % step or self.frames % step:
            what = f"{self.frequencies} frequencies (n_fft / 2) and {self.frames} frames (1 + length / hop)"
            raise ValueError(f"{what} must be multiples of {step}: each of widths halves them; or take fewer widths")
        if self.hop > self.n_fft // 2:
            raise ValueError(f"hop = {self.hop} must be at most n_fft / 2 = {self.n_fft // 2}: windows overlap")

    @property
    def frequencies(self) -> int:
        """Of a spectrogram: from 0 on, without half the rate itself."""
        return self.n_fft // 2

    @property
    def frames(self) -> int:
        """Windows of a spectrogram, the first centred on the first value."""
        return 1 + self.length // self.hop


@dataclass(frozen=True, kw_only=True)
class SpectrogramGANConfig(ProjectionConfig):
    """A generator of log spectrograms that are square pictures in grey, n_fft / 2 frequencies by 1 + length / hop
    frames, and a discriminator of small heads on what a frozen network of pictures makes of them.
    """

    image_size: Literal[16, 32, 64, 128] = 128  # frequencies, and frames
    channels: Literal[1] = 1
    length: Annotated[int, Meta(ge=16, le=1 << 22)] = 8128  # values of a sound
    n_fft: Annotated[int, Meta(ge=16, le=4096)] = 256  # values of a window
    hop: Annotated[int, Meta(ge=4, le=2048)] = 64  # values from one window to the next
    latent_size: Annotated[int, Meta(ge=2, le=4096)] = 64  # of a direction: z is brought to the sphere
    widths: Annotated[tuple[Width, ...], Meta(min_length=1, max_length=8)] = (128, 128, 64, 32, 16, 16)  # 4, 8, 16, ...
    features: str = "efficientnet-lite0"  # full name of the network
    features_size: Annotated[int, Meta(ge=32, le=512)] = 96  # frequencies, and frames, at which it sees them

    def __post_init__(self) -> None:
        super().__post_init__()
        check_doublings("widths", self.widths, self.image_size)
        sides = self.n_fft // 2, 1 + self.length // self.hop
        if self.length % self.hop or sides != (self.image_size, self.image_size):
            what = f"n_fft / 2 = {sides[0]} and 1 + length / hop = {1 + self.length / self.hop:g}"
            raise ValueError(f"{what} must both be image_size = {self.image_size}: spectrograms are square pictures")
        if self.hop > self.n_fft // 2:
            raise ValueError(f"hop = {self.hop} must be at most n_fft / 2 = {self.n_fft // 2}: windows overlap")
