"""Chord symbols -> what is played beside a melody. No torch."""

from __future__ import annotations

import re
from fractions import Fraction

from zoo_music.notation import Sound, Tune

__all__ = ["accompaniment", "chord_of"]

ROOTS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SIGNS = {"": 0, "#": 1, "b": -1}
KINDS = {  # semitones above the root
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "7": (0, 4, 7, 10),
    "m7": (0, 3, 7, 10),
    "maj7": (0, 4, 7, 11),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "9": (0, 4, 10, 14),
    "dim": (0, 3, 6),
    "dim7": (0, 3, 6, 9),
    "aug": (0, 4, 8),
    "+": (0, 4, 8),
    "sus4": (0, 5, 7),
    "sus": (0, 5, 7),
    "7b9": (0, 4, 10, 13),
}
SYMBOL = re.compile(r"([A-G])([#b]?)(maj7|dim7?|aug|sus4?|m7|m6|m|7b9|[679+])?(?:/([A-Ga-g])([#b]?)\+?)?")
LOW = 48  # the C below the middle one


def chord_of(symbol: str) -> tuple[int, ...] | None:
    """The pitches of "Am7" or "D/f#", as MIDI counts, from the octave below the middle C; None for what is none."""
    match = SYMBOL.fullmatch(symbol.strip())
    if match is None:
        return None
    root = (ROOTS[match[1]] + SIGNS[match[2]]) % 12
    pitches = {LOW + root + step for step in KINDS[match[3] or ""]}
    if match[4]:
        pitches.add(LOW - 12 + (ROOTS[match[4].upper()] + SIGNS[match[5]]) % 12)
    return tuple(sorted(pitches))


def accompaniment(tune: Tune) -> list[Sound]:
    """Each chord from its symbol to the next one, or to the end; a symbol that is none is passed over."""
    known = [(start, chord) for start, symbol in tune.symbols if (chord := chord_of(symbol)) is not None]
    found = []
    for index, (start, chord) in enumerate(known):
        end = known[index + 1][0] if index + 1 < len(known) else tune.length
        if end > start:
            found += [Sound(start=start, length=Fraction(end - start), pitch=pitch) for pitch in chord]
    return found
