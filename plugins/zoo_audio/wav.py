"""WAV files (Microsoft and IBM 1991; the extensible format of 1999), in the forms that recorders and editors write.
No torch.
"""

from __future__ import annotations

import io
import struct
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from zoo.errors import DataError, NotFoundError
from zoo.files import storage_errors

__all__ = ["Sound", "as_rate", "read_wav", "wav_bytes"]

Values = np.ndarray[tuple[int], np.dtype[np.float32]]
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
MOST_CHUNK = 1 << 16  # bytes of a format chunk
RATES = (1_000, 768_000)  # values a second that can be meant
MOST_CHANNELS = 64
KINDS = {b"ID3": "an MP3", b"\xff\xfb": "an MP3", b"\xff\xf3": "an MP3", b"fLaC": "a FLAC", b"OggS": "an Ogg file"}
KINDS |= {b"FORM": "an AIFF", b"RIFX": "a big-endian WAV", b"RF64": "an RF64"}


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A sound of one channel."""

    values: Values  # (T,) in [-1, 1]
    rate: int  # values a second
    whole: int  # how many values the file has, of which `values` may be the first

    @property
    def seconds(self) -> float:
        """Of the whole file."""
        return self.whole / self.rate


@dataclass(frozen=True, kw_only=True)
class _Format:
    tag: int
    channels: int
    rate: int
    bits: int  # of a stored value

    @property
    def width(self) -> int:
        return self.channels * self.bits // 8


def read_wav(path: Path, *, seconds: float | None = None) -> Sound:
    """A WAV file, its channels averaged: whole numbers of 8 to 32 bits, and floats of 32 and 64, at any rate.

    `seconds` says how much of its beginning is wanted. Raises NotFoundError where there is none, StorageError, and
    DataError for a file that is no such WAV, has no values, or holds NaN.
    """
    if not path.is_file():
        raise NotFoundError(f"there is no sound file {path}")
    with storage_errors(f"cannot read {path}"), path.open("rb") as file:
        return read_sound(file, str(path), seconds=seconds)


def read_sound(file: BinaryIO, where: str, *, seconds: float | None = None) -> Sound:
    """As `read_wav`, of an open `file`; `where` names it in errors."""
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        kind = next((name for start, name in KINDS.items() if head.startswith(start)), "no WAV file")
        raise DataError(f"{where} is {kind}; convert it: ffmpeg -i FILE sound.wav")
    form = None
    while True:
        mark = file.read(8)
        if len(mark) < 8:
            raise DataError(f"{where} has no {'sound' if form else 'format'} in it; it may be cut off")
        name, size = struct.unpack("<4sI", mark)
        if name == b"data" and form is not None:
            return _values(file, form, size, where, seconds)
        if name == b"fmt ":
            form = _format(file.read(min(size, MOST_CHUNK)), where)
            size -= min(size, MOST_CHUNK)
        file.seek(size + size % 2, io.SEEK_CUR)


def _format(chunk: bytes, where: str) -> _Format:
    if len(chunk) < 16:
        raise DataError(f"{where}: its format has {len(chunk)} bytes; 16 at least are needed")
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", chunk[:16])
    if tag == EXTENSIBLE and len(chunk) >= 26:  # what the values are stands further behind
        (tag,) = struct.unpack("<H", chunk[24:26])
    if (tag, bits) not in {*((PCM, bits) for bits in (8, 16, 24, 32)), (FLOAT, 32), (FLOAT, 64)}:
        raise DataError(f"{where} is coded (tag {tag}, {bits} bits); convert it: ffmpeg -i FILE -c:a pcm_s16le new.wav")
    if not 1 <= channels <= MOST_CHANNELS or not RATES[0] <= rate <= RATES[1]:
        raise DataError(f"{where} has {channels} channels at {rate:,} values a second; that cannot be meant")
    return _Format(tag=tag, channels=channels, rate=rate, bits=bits)


def _values(file: BinaryIO, form: _Format, size: int, where: str, seconds: float | None) -> Sound:
    start = file.tell()
    there = file.seek(0, io.SEEK_END) - start  # a recorder that was cut off has not written the true size
    whole = min(size, there) // form.width
    if not whole:
        raise DataError(f"{where} has no sound: 0 values")
    wanted = whole if seconds is None else min(whole, round(seconds * form.rate) + 1)
    file.seek(start)
    stored = file.read(wanted * form.width)
    values = _decoded(stored, form).reshape(-1, form.channels).mean(1)
    if not np.isfinite(values).all():
        raise DataError(f"{where} holds values that are no numbers")
    return Sound(values=values.clip(-1, 1).astype(np.float32), rate=form.rate, whole=whole)


def _decoded(stored: bytes, form: _Format) -> np.ndarray[Any, np.dtype[np.float64]]:
    if form.tag == FLOAT:
        return np.frombuffer(stored, f"<f{form.bits // 8}").astype(np.float64)
    if form.bits == 8:  # alone without a sign
        return (np.frombuffer(stored, "u1").astype(np.float64) - 128) / 128
    if form.bits == 24:  # as the upper bytes of 32
        threes = np.frombuffer(stored, "u1").reshape(-1, 3)
        wide = np.zeros((len(threes), 4), "u1")
        wide[:, 1:] = threes
        return np.frombuffer(wide.tobytes(), "<i4").astype(np.float64) / 2**31
    half = 2.0 ** (form.bits - 1)
    return np.frombuffer(stored, f"<i{form.bits // 8}").astype(np.float64) * (1 / half)


def as_rate(sound: Sound, rate: int) -> Values:
    """The values (T,) at another `rate`, by the Fourier transform: no frequency is shifted, none is mirrored in."""
    if sound.rate == rate:
        return sound.values
    count = len(sound.values)
    padded = count + sound.rate // 10  # a tenth of a second of silence: the end does not run into the beginning
    new = max(1, round(padded * rate / sound.rate))
    seen = np.fft.rfft(sound.values, padded)[: new // 2 + 1]
    found = np.fft.irfft(seen, new) * (new / padded)
    resampled: Values = found[: max(1, round(count * rate / sound.rate))].clip(-1, 1).astype(np.float32)
    return resampled


def wav_bytes(values: np.ndarray[tuple[int], np.dtype[np.int16]], rate: int) -> bytes:
    """A WAV file of one channel, of values (T,) int16 at `rate` a second."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(values.astype("<i2").tobytes())
    return file.getvalue()
