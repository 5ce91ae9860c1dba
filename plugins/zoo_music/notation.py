"""What a tune is made of: notes and bar lines as they are written, sounds as they are played. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

__all__ = ["USUAL_TEMPO", "Bar", "Note", "Sound", "Tune"]

USUAL_TEMPO = Fraction(30)  # whole notes a minute: 120 quarters


@dataclass(frozen=True, kw_only=True)
class Sound:
    """What is played from a time on, in whole notes."""

    start: Fraction
    length: Fraction
    pitch: int  # as MIDI counts: 60 is the middle C


@dataclass(kw_only=True)
class Note:
    """What stands between two bar lines: a note, a chord, or a rest without pitches."""

    pitches: tuple[int, ...]
    length: Fraction
    tied: frozenset[int] = frozenset()  # the pitches that go on in the next note
    symbol: str = ""  # the chord's name above it
    line: int = 0


@dataclass(kw_only=True)
class Bar:
    """A bar line."""

    ends: bool = False  # :|
    starts: bool = False  # |:
    double: bool = False
    endings: tuple[int, ...] = ()  # the passes in which what follows is played; (): in all
    metre: Fraction | None = None  # of a change: the length of a bar from here on
    part: str = ""  # of the beginning of a part: its letter
    line: int = 0


@dataclass(kw_only=True)
class Tune:
    """A tune as it is played."""

    title: str = ""
    key: str = ""
    tempo: Fraction = USUAL_TEMPO  # whole notes a minute
    sounds: list[Sound] = field(default_factory=list)
    symbols: list[tuple[Fraction, str]] = field(default_factory=list)  # when which chord is played beside
    bars: int = 0  # that are written, from one line to the next
    full: int = 0  # those of them whose notes fill the metre; a bar split by a repeat counts as one
    problems: list[str] = field(default_factory=list)  # what could not be read

    @property
    def length(self) -> Fraction:
        """Whole notes from the beginning to the end."""
        return max((sound.start + sound.length for sound in self.sounds), default=Fraction(0))
