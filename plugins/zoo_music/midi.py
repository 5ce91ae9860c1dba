"""Tunes -> a standard MIDI file of type 0: one track, the melody in one channel and its chords in another. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from zoo_music.chords import accompaniment
from zoo_music.notation import Sound, Tune

__all__ = ["midi_file"]

QUARTER = 480  # ticks
MELODY, CHORDS = 0, 1  # channels
LOUD, SOFT = 96, 48  # velocities
PAUSE = Fraction(1)  # whole notes between two tunes


def midi_file(tunes: Sequence[Tune], *, chords: bool = True) -> bytes:
    """The bytes of a file that plays the tunes one after the other, each in its tempo, a whole note of rest between."""
    events: list[tuple[int, int, bytes]] = []  # tick, order within it, message
    start = Fraction(0)
    for tune in tunes:
        micros = min(round(60_000_000 / (tune.tempo * 4)), (1 << 24) - 1)
        events.append((_tick(start), 0, b"\xff\x03" + _counted(tune.title.encode())))
        events.append((_tick(start), 0, b"\xff\x51\x03" + micros.to_bytes(3, "big")))
        events += _notes(tune.sounds, start, MELODY, LOUD)
        if chords:
            events += _notes(accompaniment(tune), start, CHORDS, SOFT)
        start += tune.length + PAUSE
    events.sort(key=lambda event: event[:2])
    track, now = bytearray(), 0
    for tick, _, message in events:
        track += _varying(tick - now) + message
        now = tick
    track += b"\x00\xff\x2f\x00"
    head = (
        b"MThd" + (6).to_bytes(4, "big") + (0).to_bytes(2, "big") + (1).to_bytes(2, "big") + QUARTER.to_bytes(2, "big")
    )
    return head + b"MTrk" + len(track).to_bytes(4, "big") + bytes(track)


def _notes(sounds: Sequence[Sound], start: Fraction, channel: int, velocity: int) -> list[tuple[int, int, bytes]]:
    found = []
    for sound in sounds:
        if 0 <= sound.pitch < 128:
            begin, end = _tick(start + sound.start), _tick(start + sound.start + sound.length)
            found.append((begin, 2, bytes([0x90 | channel, sound.pitch, velocity])))
            found.append((max(end, begin + 1), 1, bytes([0x80 | channel, sound.pitch, 0])))
    return found


def _tick(time: Fraction) -> int:
    return round(time * 4 * QUARTER)


def _varying(value: int) -> bytes:
    """A number in groups of seven bits, all but the last marked."""
    groups = [value & 127]
    while value := value >> 7:
        groups.append(value & 127 | 128)
    return bytes(reversed(groups))


def _counted(text: bytes) -> bytes:
    return _varying(len(text)) + text
