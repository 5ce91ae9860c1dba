"""The modality of short sounds, and a data set of it."""

from __future__ import annotations

import math
import wave
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor

from zoo.data import DataRequest, Draws, Examples, Modality
from zoo.errors import DataError, NotFoundError
from zoo.files import new_file, storage_errors

RATE = 8000  # values a second
LEVELS = 65_535
GAP = 400  # values of silence between the sounds of a file


def louder(x: Tensor, draws: Draws) -> Tensor:
    """Half as loud, up to as loud; x in [-1, 1]."""
    return x * (1 + draws.uniform(len(x), 1, 1)) / 2


AUGMENTATIONS = {"louder": louder}


@final
class Waves(Modality):
    """Sounds, stored as int16 (N, 1, T). Their rate travels with the weights."""

    augmentations = AUGMENTATIONS

    def __init__(self, rate: int) -> None:
        self.rate = rate

    def check(self, stored: Tensor) -> None:
        if stored.dtype != torch.int16 or stored.ndim != 3 or stored.shape[1] != 1:
            raise DataError("sounds are int16 (N, 1, T)")

    def ready(self, stored: Tensor, value_range: tuple[float, float] = (0.0, 1.0)) -> Tensor:
        low, high = value_range
        return low + (stored.float() + 32_768) / LEVELS * (high - low)

    def stored(self, x: Tensor) -> Tensor:
        if x.ndim != 3 or x.shape[1] != 1:
            raise DataError(f"sounds have the shape (N, 1, T), not {tuple(x.shape)}")
        if x.dtype == torch.int16:
            return x
        if not x.is_floating_point() or not bool(((x >= -1e-3) & (x <= 1.001)).all()):  # NaN is neither
            raise DataError("sounds are int16, or floats in [0, 1]")
        return ((x.double() * LEVELS).round().clamp(0, LEVELS) - 32_768).to(torch.int16)

    def read(self, path: Path, data_shape: tuple[int, ...]) -> Tensor:
        if not path.is_file():
            raise NotFoundError(f"there is no sound {path}")
        try:
            with storage_errors(f"cannot read {path}"), wave.open(str(path)) as file:
                found = file.getnchannels(), file.getsampwidth(), file.getframerate()
                content = bytearray(file.readframes(data_shape[-1]))
        except (wave.Error, EOFError) as error:
            raise DataError(f"{path}: {error}; give a WAV file") from error
        if found != (1, 2, self.rate) or len(content) != 2 * data_shape[-1]:
            raise DataError(f"{path}: {data_shape[-1]} values of 16 bits, one channel, {self.rate} a second are needed")
        return self.values(torch.frombuffer(content, dtype=torch.int16).view(1, *data_shape))

    def write(self, x: Tensor, path: Path, *, columns: int | None = None, scale: int | None = None) -> None:
        """One sound after the other, with silence between."""
        silence = torch.zeros(GAP, dtype=torch.int16)
        values = torch.cat([part for sound in self.stored(x) for part in (sound[0].cpu(), silence)])
        with new_file(path) as aside, wave.open(str(aside), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self.rate)
            file.writeframes(values.numpy().tobytes())

    def shapes(self) -> Iterable[tuple[int, ...]]:
        return [(1, 64), (1, 4000)]


def waves(about: Mapping[str, Any]) -> Modality:
    """The modality, of sounds of that rate."""
    return Waves(int(about.get("rate", RATE)))


# --- the data ------------------------------------------------------------------------------------------------------

SPLITS = {"train": (0, 400), "test": (400, 500)}
CLASSES = ("low", "high")


def load_tones(request: DataRequest) -> Examples:
    """Tone i is low or high in turn, and begins at a phase that follows from i."""
    length = (request.data_shape or (1, 64))[-1]
    index = torch.arange(*SPLITS[request.split])
    if request.selection is not None:
        index = index[index % 2 == CLASSES.index(request.selection)]
    labels = index % 2
    time = torch.arange(length) / RATE
    turns = (400.0 + 800.0 * labels)[:, None] * time + (index * 0.618)[:, None]
    x = torch.sin(2 * math.pi * turns) * torch.exp(-200 * time)
    data = Waves(RATE).stored((x[:, None] + 1) / 2)
    return Examples(data=data, labels=labels, classes=CLASSES, about={"rate": RATE})
