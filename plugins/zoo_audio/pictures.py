"""A sound as a picture: time from left to right, frequency from low to high, the loud in bright. No torch."""

from __future__ import annotations

import numpy as np
from PIL import Image

__all__ = ["sheet", "spectrogram_picture"]

Values = np.ndarray[tuple[int], np.dtype[np.float32]]
N_FFT, HOP, FLOOR = 256, 64, 1e-4
COLOURS = np.array([[5, 5, 20], [60, 15, 110], [165, 45, 120], [240, 110, 90], [252, 250, 200]], float)  # of 0 ... 1
GAP = 4  # pixels between two


def spectrogram_picture(values: Values) -> Image.Image:
    """Values (T,) in [-1, 1] as an RGB picture of 128 pixels in height and one for each 64 values in width.

    From -80 dB of the loudest sine (dark) on; the frequencies up to half the rate.
    """
    window = np.hanning(N_FFT + 1)[:-1]
    padded = np.pad(values.astype(np.float64), N_FFT // 2)
    starts = range(0, len(padded) - N_FFT + 1, HOP)
    frames = np.stack([padded[start : start + N_FFT] for start in starts]) * window
    loudness = np.abs(np.fft.rfft(frames))[:, :-1] / (window.sum() / 2)
    level = (1 + np.log10(loudness + FLOOR) / 4).clip(0, 1).T[::-1]
    places = np.linspace(0, 1, len(COLOURS))
    channels = [np.interp(level, places, COLOURS[:, channel]) for channel in range(3)]
    return Image.fromarray(np.stack(channels, axis=-1).round().astype(np.uint8))


def sheet(sounds: list[Values], *, columns: int | None = None, scale: int | None = None) -> Image.Image:
    """Spectrograms in rows of `columns` (the square root), each pixel `scale` (1) wide."""
    pictures = [spectrogram_picture(values) for values in sounds]
    columns = columns or int(np.ceil(np.sqrt(len(pictures))))
    width, height = max(p.width for p in pictures) + GAP, pictures[0].height + GAP
    rows = -(-len(pictures) // columns)
    found = Image.new("RGB", (columns * width + GAP, rows * height + GAP), "white")
    for index, picture in enumerate(pictures):
        found.paste(picture, (GAP + index % columns * width, GAP + index // columns * height))
    scale = scale or 1
    return found.resize((found.width * scale, found.height * scale), Image.Resampling.NEAREST)
