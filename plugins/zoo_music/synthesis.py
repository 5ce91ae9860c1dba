"""Tunes -> a waveform, by adding up sines: plucked tones of six partials. No torch."""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from zoo.errors import UsageError
from zoo_music.chords import accompaniment
from zoo_music.notation import Sound, Tune

__all__ = ["wav_file", "waveform"]

Samples = np.ndarray[tuple[int], np.dtype[np.float32]]
RATE = 22_050  # values a second
PARTIALS = 6
ATTACK, RELEASE, DECAY = 0.005, 0.05, 1.5  # seconds: until it is loud, until it is silent, to a third of its loudness
SOFT = 0.35  # of the chords, beside the melody
PEAK = 0.8
PAUSE = 1.0  # seconds between two tunes
MOST_SECONDS = 1800


def waveform(tune: Tune, *, rate: int = RATE, chords: bool = True) -> Samples:
    """The tune as float32 (T,) in [-1, 1], at `rate` values a second.

    Raises UsageError for a tune of more than half an hour.
    """
    seconds = _seconds(tune.length, tune)
    if seconds > MOST_SECONDS:
        raise UsageError(f"the tune lasts {seconds / 60:,.0f} minutes, and at most {MOST_SECONDS // 60} are played")
    found = np.zeros(round((seconds + RELEASE) * rate) + 1, dtype=np.float32)
    for sounds, loudness in ((tune.sounds, 1.0), (accompaniment(tune) if chords else [], SOFT)):
        for sound in sounds:
            tone = _tone(sound, tune, rate) * loudness
            begin = round(_seconds(sound.start, tune) * rate)
            found[begin : begin + len(tone)] += tone[: len(found) - begin]
    peak = float(np.abs(found).max(initial=0.0))
    return found * (PEAK / peak) if peak else found


def wav_file(tunes: Sequence[Tune], *, rate: int = RATE, bits: int = 16) -> bytes:
    """The bytes of a WAV file of 16 or 8 bits that plays the tunes one after the other. Raises as `waveform`."""
    rest = np.zeros(round(PAUSE * rate), dtype=np.float32)
    pieces = [piece for tune in tunes for piece in (waveform(tune, rate=rate), rest)]
    sound = np.concatenate(pieces[:-1] or [rest])
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(bits // 8)
        out.setframerate(rate)
        levels = (sound * 127).round() + 128 if bits == 8 else (sound * 32767).round()  # of 8 bits none is below 0
        out.writeframes(levels.astype("u1" if bits == 8 else "<i2").tobytes())
    return file.getvalue()


def _seconds(time: Fraction, tune: Tune) -> float:
    return float(time / tune.tempo * 60)


def _tone(sound: Sound, tune: Tune, rate: int) -> Samples:
    """A plucked tone with its end: partial k has the loudness k^-1.5, and none above half the rate."""
    length = _seconds(sound.length, tune)
    times = np.arange(round((length + RELEASE) * rate), dtype=np.float32) / rate
    pitch = 440.0 * 2 ** ((sound.pitch - 69) / 12)
    tone = np.zeros_like(times)
    for partial in range(1, PARTIALS + 1):
        if partial * pitch < rate / 2:
            tone += partial**-1.5 * np.sin(2 * np.pi * partial * pitch * times)
    envelope = np.minimum(times / ATTACK, 1) * np.exp(-times / DECAY)
    envelope *= np.clip((length + RELEASE - times) / RELEASE, 0, 1)
    shaped: Samples = (tone * envelope).astype(np.float32)
    return shaped
