"""What a VAE of spectrograms can be asked to be. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

__all__ = ["SpectrogramVAEConfig"]

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
