"""The fields of ABC: keys, metres, unit lengths and tempi. No torch."""

from __future__ import annotations

import re
from fractions import Fraction

__all__ = ["Key", "fraction_of", "key_of", "metre_of", "tempo_of", "usual_length"]

Key = dict[str, int]  # letter -> by how many semitones it is raised

FIFTHS = "FCGDAEB"  # the order in which sharps come; flats come from behind
MODES = {"": 0, "maj": 0, "ion": 0, "mix": -1, "dor": -2, "m": -3, "min": -3, "aeo": -3, "phr": -4, "loc": -5, "lyd": 1}
KEY = re.compile(r"([A-G])([#b]?)\s*(\w*)(.*)", re.DOTALL)
RAISED = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
GIVEN = re.compile(r"(?<!\S)(\^\^|__|\^|_|=)([A-Ga-g])(?!\S)")  # accidentals behind the key: K:D ^g
TEMPO = re.compile(r"(?:(\d{1,4})/(\d{1,4})\s*=\s*)?(\d{1,5}(?:\.\d{1,5})?)\s*$")


def key_of(text: str) -> Key | None:
    """The signature of a key, "D", "Am", "G mix", "none" or "HP" (the pipes'); None for what is none."""
    text = text.strip()
    if text[:2].upper() == "HP":
        return {"F": 1, "C": 1}
    if not text or text.lower() == "none":
        return {}
    match = KEY.fullmatch(text)
    mode = MODES.get(match[3].lower()[:3]) if match else None
    if match is None:
        return None
    if match[3] == "M":  # an M alone is major in some books, an m always minor
        mode = 0
    if mode is None:
        return None
    fifths = FIFTHS.index(match[1]) - 1 + {"#": 7, "b": -7, "": 0}[match[2]] + mode
    if abs(fifths) > 7:
        return None
    signature = dict.fromkeys(FIFTHS[:fifths], 1) if fifths > 0 else {}
    signature |= dict.fromkeys(FIFTHS[fifths:], -1) if fifths < 0 else {}
    return signature | {letter.upper(): RAISED[sign] for sign, letter in GIVEN.findall(match[4])}


def fraction_of(text: str) -> Fraction | None:
    """ "3/4", "2+3/8", "C", "C|" as a part of a whole note; None for what is none."""
    text = text.strip()
    if text in ("C", "C|"):
        return Fraction(1)
    match = re.fullmatch(r"\(?(\d{1,4}(?:\s*\+\s*\d{1,4}){0,9})\)?\s*/\s*(\d{1,4})", text)
    if match is None or not int(match[2]):
        return None
    return Fraction(sum(map(int, match[1].split("+"))), int(match[2])) or None


def metre_of(text: str) -> tuple[Fraction | None, bool] | None:
    """The length of a bar, None where the metre is free, and whether it is compound (6/8); None for what is none."""
    if text.strip().lower() in ("none", ""):
        return None, False
    length = fraction_of(text)
    if length is None:
        return None
    beats = re.match(r"\s*(\d{1,4})", text)
    count = int(beats[1]) if beats else 0
    return length, count > 3 and count % 3 == 0


def usual_length(metre: Fraction | None) -> Fraction:
    """The unit of notes' lengths where no L: says it: a sixteenth below three quarters, else an eighth."""
    return Fraction(1, 16) if metre is not None and metre < Fraction(3, 4) else Fraction(1, 8)


def tempo_of(text: str, unit: Fraction) -> Fraction | None:
    """Whole notes a minute, of "1/4=120", '"Slow" 3/8=60' or "120" (units a minute); None for what is none."""
    match = TEMPO.search(re.sub(r'"[^"]*"', "", text))
    if match is None or not Fraction(match[3]):
        return None
    beat = Fraction(int(match[1]), int(match[2])) if match[1] and int(match[2]) else unit
    return beat * Fraction(match[3]) or None
