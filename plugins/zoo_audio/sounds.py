"""The modality of sound: values at a rate that travels with the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from zoo.data import Labelled, Modality
from zoo.errors import DataError, UsageError
from zoo.files import new_file
from zoo.images import save_picture
from zoo.training import FittedClassifier, Probe
from zoo_audio.augment import AUGMENTATIONS
from zoo_audio.judges import sound_classifier, sound_probe
from zoo_audio.pictures import sheet
from zoo_audio.spectrogram import log_spectrogram
from zoo_audio.wav import as_rate, read_wav, wav_bytes

__all__ = ["Sounds", "placed", "sounds"]

LEVELS = 1 << 16
USUAL = 16_000  # values a second, where nothing is known
PAUSE = 0.3  # seconds between two sounds of a file
MOST_SECONDS = 3600
BARS = " .:-=+*#%@"  # from silent to loud
COMPARED = (256, 64)  # values of a window, and from one to the next, by which sounds are compared


@final
class Sounds(Modality):
    """Sounds, stored as int16 (N, 1, T), at `rate` values a second."""

    augmentations = AUGMENTATIONS

    def __init__(self, rate: int) -> None:
        self.rate = rate

    def check(self, stored: Tensor) -> None:
        """Raise DataError unless they are int16 (N, 1, T)."""
        if stored.dtype != torch.int16 or stored.ndim != 3 or stored.shape[1] != 1:
            raise DataError(f"sounds are int16 (N, 1, T), not {stored.dtype} {tuple(stored.shape)}")

    def ready(self, stored: Tensor, value_range: tuple[float, float] = (0.0, 1.0)) -> Tensor:
        """Values as float32 in `value_range`, silence in its middle."""
        low, high = value_range
        return (stored.float() + LEVELS // 2) * ((high - low) / LEVELS) + low

    def stored(self, x: Tensor) -> Tensor:
        """[0, 1] rounded to the nearest of 65,536 levels; int16 as it is. Raises DataError for anything else."""
        if x.ndim != 3 or x.shape[1] != 1:
            raise DataError(f"sounds have shape {tuple(x.shape)}; (N, 1, T) is needed")
        if x.dtype == torch.int16:
            return x
        if not x.is_floating_point():
            raise DataError(f"sounds are {x.dtype}; int16, or floating point in [0, 1], is needed")
        low, high = (float(value) for value in x.aminmax()) if x.numel() else (0.0, 0.0)
        if not (math.isfinite(low) and math.isfinite(high)):
            raise DataError("sounds hold NaN or infinite values; the model that made them has diverged")
        if low < -1e-3 or high > 1 + 1e-3:  # the tolerance is for rounding in the model's last layer
            raise DataError(f"sounds range over [{low:.3g}, {high:.3g}], not [0, 1]")
        levels = (x.double() * LEVELS - LEVELS // 2).round()
        return levels.clamp(-LEVELS // 2, LEVELS // 2 - 1).to(torch.int16)

    def read(self, path: Path, data_shape: tuple[int, ...]) -> Tensor:
        """A WAV file's beginning, at this rate, (1, 1, T). Raises what `read_wav` raises."""
        length = data_shape[-1]
        sound = read_wav(path, seconds=length / self.rate + 1)
        return self.values(placed(as_rate(sound, self.rate), length)[None])

    def how_read(self, data_shape: tuple[int, ...]) -> str:
        """Cut, mixed and resampled."""
        return f"its first {data_shape[-1] / self.rate:.2f} seconds, as one channel of {self.rate:,} values a second"

    def write(self, x: Tensor, path: Path, *, columns: int | None = None, scale: int | None = None) -> None:
        """As .wav one sound after the other, as .png their spectrograms in rows of `columns`."""
        values = [row.numpy() for row in self.stored(x)[:, 0]]
        if path.suffix.lower() == ".png":
            save_picture(sheet([_floats(row) for row in values], columns=columns, scale=scale), path)
            return
        rest = np.zeros(round(PAUSE * self.rate), dtype=np.int16)
        pieces = [piece for row in values for piece in (row, rest)]
        with new_file(path) as aside:
            aside.write_bytes(wav_bytes(np.concatenate(pieces[:-1] or [rest]), self.rate))

    def terminal(self, x: Tensor, *, width: int, columns: int | None = None, colour: bool = False) -> str:
        """A line a sound: its seconds, its peak of the loudest that can be, and how loud it is from beginning to end,
        of its own peak; `columns` mean nothing here.
        """
        lines = []
        for number, row in enumerate(self.stored(x)[:, 0].double().abs() / (LEVELS // 2), 1):
            peak = float(row.amax())
            head = f"{number:>{len(str(len(x)))}}  {len(row) / self.rate:.2f} s, peak {peak:4.0%}  "
            pieces = row.tensor_split(max(1, min(len(row), width - len(head))))
            loud = [float(piece.amax()) / peak if peak else 0.0 for piece in pieces]
            lines.append(head + "".join(BARS[min(int(value * len(BARS)), len(BARS) - 1)] for value in loud).rstrip())
        return "\n".join(lines)

    def fits(self, count: int, data_shape: tuple[int, ...], *, scale: int | None = None) -> None:
        """Raise UsageError for more than an hour."""
        seconds = count * (data_shape[-1] / self.rate + PAUSE)
        if seconds > MOST_SECONDS:
            raise UsageError(f"{count:,} sounds last {seconds / 60:,.0f} minutes, and a file holds 60; use fewer")

    def comparable(self, x: Tensor) -> Tensor:
        """Log spectrograms: two sounds of one spectrogram sound alike, whatever their phases are."""
        return log_spectrogram(x, *COMPARED)

    def shapes(self) -> Iterable[tuple[int, ...]]:
        """A word, and a sentence."""
        return [(1, 2_000), (1, 8_000), (1, 64_000)]

    def log(self, board: Any, x: Tensor, step: int) -> None:
        """The first sounds, one after the other."""
        values = self.stored(x)[:4].float().flatten() / (LEVELS // 2)
        board.add_audio("samples", values[None], step, sample_rate=self.rate)

    def judge(self, train: Labelled, held_out: Labelled, *, seed: int = 0) -> Probe:
        """Of one property."""
        return sound_probe(train, held_out, seed=seed)

    def classifier(
        self, train: Labelled, held_out: Labelled, num_classes: int, *, seed: int = 0, cache_dir: Path | None = None
    ) -> FittedClassifier:
        """Of all classes."""
        return sound_classifier(train, held_out, num_classes, seed=seed, cache_dir=cache_dir)


def placed(values: np.ndarray[tuple[int], np.dtype[np.float32]], length: int) -> Tensor:
    """Values (T,) in [-1, 1] as a stored sound (1, length): cut off, or with silence behind."""
    half = LEVELS // 2
    levels = torch.from_numpy((values[:length].astype(np.float64) * half).round().clip(-half, half - 1))
    return torch.nn.functional.pad(levels, (0, length - len(levels))).to(torch.int16)[None]


def _floats(row: np.ndarray[tuple[int], np.dtype[np.int16]]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return row.astype(np.float32) / np.float32(LEVELS // 2)


def sounds(about: Mapping[str, Any]) -> Sounds:
    """The modality, at the rate that travels with the weights. Raises DataError for one that cannot be meant."""
    rate = about.get("rate", USUAL)
    if not isinstance(rate, int) or not 1_000 <= rate <= 768_000:
        raise DataError(f"the rate is {rate!r:.40}; it must be a whole number of values a second, 1,000 to 768,000")
    return Sounds(rate)
