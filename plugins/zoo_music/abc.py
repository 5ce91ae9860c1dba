"""ABC, the notation of folk tunes, for the part of it that tune books use: read into notes in time. No torch.

The standard is abcnotation.com's, version 2.1. What is written once is played as often as its repeats say; lengths are
exact fractions of a whole note.
"""

from __future__ import annotations

import re
from fractions import Fraction

from zoo_music.fields import Key, fraction_of, key_of, metre_of, tempo_of, usual_length
from zoo_music.notation import Bar, Note

__all__ = ["Reader", "split_tunes"]

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
MIDDLE_C = 60
FIELD = re.compile(r"([A-Za-z]):(.*)")
LINE = r":*\|[|\]:]*|\[\|[|\]:]*|::+"  # a bar line, single or double, with the dots of repeats
TOKEN = re.compile(
    r"""
    (?P<space>[\s`\\*;?@]+|y[\d/]*|\$)                            # what is not played
  | (?P<comment>%.*)
  | (?P<symbol>"[^"\n]*")                                         # a chord's name, or a remark
  | (?P<mark>![^!\n]*!|\+[a-z]+\+|[.~HLMOPSTuv](?=[\s.~HLMOPSTuv"!({\[^_=A-Ga-gxz]))  # how a note is played
  | (?P<grace>\{[^}\n]*\})
  | (?P<inline>\[[A-Za-z]:[^\]\n]*\])
  | (?P<tuplet>\((?P<p>\d{1,3})(?::(?P<q>\d{0,3}))?(?::(?P<r>\d{0,3}))?)
  | (?P<bar>(?:(?P<marks>LINE)(?:\s*\[)?|\[)(?P<ending>\d[\d,-]{0,20})|(?P<line>LINE))
  | (?P<chord>\[(?P<inner>[^\]\n|]*)\](?P<chordlength>\d{0,5}(?:/+\d{0,5}){0,4}))
  | (?P<rest>[zx])(?P<restlength>\d{0,5}(?:/+\d{0,5}){0,4})
  | (?P<bars>[ZX])(?P<count>\d{0,3})
  | (?P<note>(?P<sign>\^\^|__|\^|_|=)?(?P<letter>[A-Ga-g])(?P<octave>[',]*)(?P<length>\d{0,5}(?:/+\d{0,5}){0,4}))
  | (?P<broken>>+|<+)
  | (?P<tie>-)
  | (?P<slur>[()])
  | (?P<bad>.)
    """.replace("LINE", LINE),
    re.VERBOSE,
)
NOTE = re.compile(r"(\^\^|__|\^|_|=)?([A-Ga-g])([',]*)(\d{0,5}(?:/+\d{0,5}){0,4})(-?)")
RAISED = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
MOST_PARTS = 200
TUPLETS = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}  # p notes in the time of q


def split_tunes(text: str) -> list[str]:
    """The tunes of a file: each begins with its line X:."""
    return [part for part in re.split(r"(?m)^(?=X:)", text.replace("\r\n", "\n")) if part.startswith("X:")]


def _length(text: str) -> Fraction:
    """ "3/2" -> 3/2, "/" -> 1/2, "//" -> 1/4, "" -> 1; "0" and a division by it count as 1."""
    match = re.match(r"(\d*)((?:/+\d*)*)", text)  # short, as TOKEN has it
    assert match is not None
    value = Fraction(int(match[1]) if match[1] else 1)
    for slashes, number in re.findall(r"(/+)(\d*)", match[2]):
        value /= int(number or 2) * 2 ** (len(slashes) - 1) or 1
    return value or Fraction(1)


class Reader:
    """Reads the lines of one tune into notes and bar lines."""

    def __init__(self) -> None:
        self.title = self.key_name = ""
        self.events: list[Note | Bar] = []
        self.problems: list[str] = []
        self.order = ""  # of the parts, by their letters
        self.key: Key = {}
        self.metre: Fraction | None = Fraction(1)
        self.opening: Fraction | None = None  # the length of the first bar
        self.compound = False
        self.unit: Fraction | None = None
        self.tempo: Fraction | None = None
        self.line = 0
        self._inside = False  # the tune's own key has come
        self._altered: dict[str, int] = {}  # letters with an accidental in this bar
        self._factor, self._left = Fraction(1), 0  # of a tuplet, and how many notes of it are to come
        self._next = Fraction(1)  # of a broken rhythm's second note
        self._symbol = ""

    def read(self, text: str) -> None:
        """All lines of a tune."""
        for self.line, line in enumerate(text.split("\n"), 1):
            match = FIELD.match(line)
            if match and not match[2].startswith(("|", ":")):  # that is a note before a repeat
                self._field(match[1], match[2].partition("%")[0].strip())
            elif self._inside:
                self._music(line)
            elif line.strip() and not line.startswith("%"):
                self._complain("notes before K:")
        if not self._inside:
            self._complain("there is no K:")
        if self._left:
            self._complain(f"{self._left} notes are missing in a tuplet")

    def _complain(self, what: str) -> None:
        self.problems.append(f"line {self.line}: {what}")

    def _field(self, name: str, value: str) -> None:
        if name == "T" and not self.title:
            self.title = value
        elif name == "K":
            self._set_key(value)
        elif name == "M":
            self._set_metre(value)
        elif name == "L":
            if (unit := fraction_of(value)) is None:
                self._complain(f"L:{value} is no length")
            else:
                self.unit = unit
        elif name == "P" and self._inside:
            self.events.append(Bar(part=value[:1], line=self.line))
        elif name == "P":
            self.order = _order(value)
        elif name == "Q":
            self.tempo = tempo_of(value, self.unit or usual_length(self.metre)) or self.tempo

    def _set_key(self, value: str) -> None:
        key = key_of(value)
        if key is None:
            self._complain(f"K:{value} is no key")
        self.key, self._altered = key or {}, {}
        self.key_name = self.key_name or value
        if not self._inside:
            self._inside, self.opening = True, self.metre
            self.unit = self.unit or usual_length(self.metre)

    def _set_metre(self, value: str) -> None:
        metre = metre_of(value)
        if metre is None:
            self._complain(f"M:{value} is no metre")
            return
        self.metre, self.compound = metre
        if self._inside:
            self.events.append(Bar(metre=self.metre, line=self.line))

    def _music(self, line: str) -> None:
        for match in TOKEN.finditer(line):
            kind = next(name for name in TAKEN if match[name] is not None)
            if kind == "comment":
                return
            take = getattr(self, f"_take_{kind}", None)
            if take is not None:
                take(match)

    def _take_bad(self, match: re.Match[str]) -> None:
        self._complain(f"{match[0]!r} is not understood")

    def _take_symbol(self, match: re.Match[str]) -> None:
        text = match[0].strip('"')
        if text and text[0] not in "^_<>@":  # those are remarks
            self._symbol = text

    def _take_inline(self, match: re.Match[str]) -> None:
        name, _, value = match[0][1:-1].partition(":")
        self._field(name, value.strip())

    def _take_tuplet(self, match: re.Match[str]) -> None:
        p = int(match["p"])
        q = int(match["q"]) if match["q"] else TUPLETS.get(p, 3 if self.compound else 2)
        r = int(match["r"]) if match["r"] else p
        if self._left:
            self._complain(f"{self._left} notes are missing in a tuplet")
        if not (1 <= p <= 64 and 1 <= q <= 64 and 1 <= r <= 64):
            self._complain(f"{match[0]} is no tuplet")
            return
        self._factor, self._left = Fraction(q, p), r

    def _take_bar(self, match: re.Match[str]) -> None:
        marks = match["marks"] or match["line"] or ""
        before, _, after = marks.partition("|") if "|" in marks else (marks, "", marks)
        double = marks.count("|") > 1 or "[" in marks or "]" in marks
        ends, starts = ":" in before, ":" in after
        self._altered = {}
        endings = _numbers(match["ending"] or "")
        self._add_bar(Bar(ends=ends, starts=starts, double=double, endings=endings, line=self.line))

    def _add_bar(self, bar: Bar) -> None:
        last = self.events[-1] if self.events else None
        line = isinstance(last, Bar) and last.metre is None and not last.part
        if line and isinstance(last, Bar) and not (last.endings and bar.endings):  # one line in two pieces
            last.ends, last.starts = last.ends or bar.ends, last.starts or bar.starts
            last.double, last.endings = last.double or bar.double, last.endings or bar.endings
        else:
            self.events.append(bar)

    def _take_note(self, match: re.Match[str]) -> None:
        pitch = self._pitch(match["sign"], match["letter"], match["octave"])
        self._add((pitch,), _length(match["length"]))

    def _take_rest(self, match: re.Match[str]) -> None:
        self._add((), _length(match["restlength"]))

    def _take_bars(self, match: re.Match[str]) -> None:
        whole = (self.metre or Fraction(1)) * int(match["count"] or 1)
        self.events.append(Note(pitches=(), length=whole, line=self.line))

    def _take_chord(self, match: re.Match[str]) -> None:
        notes = NOTE.findall(match["inner"])
        rest = NOTE.sub("", match["inner"]).translate({ord(c): None for c in " .~uv"})
        if not notes or rest:
            self._complain(f"{match[0]} is no chord")
            return
        pitches = tuple(self._pitch(sign, letter, octave) for sign, letter, octave, _, _ in notes)
        self._add(pitches, _length(notes[0][3]) * _length(match["chordlength"]))
        last = self.events[-1]
        assert isinstance(last, Note)
        last.tied = frozenset(p for p, note in zip(pitches, notes, strict=True) if note[4])

    def _take_tie(self, match: re.Match[str]) -> None:
        last = next((one for one in reversed(self.events) if isinstance(one, Note)), None)
        if last is None or not last.pitches:
            self._complain("a tie without a note")
            return
        last.tied = frozenset(last.pitches)

    def _take_broken(self, match: re.Match[str]) -> None:
        last = self.events[-1] if self.events else None
        if not isinstance(last, Note) or len(match[0]) > 3:
            self._complain(f"{match[0]} stands behind no note")
            return
        short = Fraction(1, 2 ** len(match[0]))
        first, self._next = (2 - short, short) if match[0][0] == ">" else (short, 2 - short)
        last.length *= first

    def _pitch(self, sign: str | None, letter: str, octave: str) -> int:
        name, high = letter.upper(), letter.islower()
        octaves = high + octave.count("'") - octave.count(",")
        if sign:
            self._altered[name] = RAISED[sign]
        raised = self._altered.get(name, self.key.get(name, 0))
        return MIDDLE_C + STEPS[name] + 12 * octaves + raised

    def _add(self, pitches: tuple[int, ...], length: Fraction) -> None:
        length *= (self.unit or Fraction(1, 8)) * self._next
        self._next = Fraction(1)
        if self._left:
            length, self._left = length * self._factor, self._left - 1
        self.events.append(Note(pitches=pitches, length=length, symbol=self._symbol, line=self.line))
        self._symbol = ""


TAKEN = (  # the kinds of what TOKEN finds, as it names them
    *("space", "comment", "symbol", "mark", "grace", "inline", "tuplet", "bar", "chord", "rest", "bars", "note"),
    *("broken", "tie", "slur", "bad"),
)


def _order(text: str) -> str:
    """ "A(AB)3C2" -> "AABABABCC"; a letter is a part. What is too long is cut off."""
    text = re.sub(r"[^A-Za-z0-9()]", "", text)
    for _ in range(8):  # from the inside out
        grown = re.sub(r"\(([A-Za-z]*)\)(\d?)", lambda m: m[1] * int(m[2] or 1), text)
        grown = re.sub(r"([A-Za-z])(\d)", lambda m: m[1] * int(m[2]), grown)
        if grown == text or len(grown) > MOST_PARTS**2:
            break
        text = grown
    return re.sub(r"[^A-Za-z]", "", text)[:MOST_PARTS]


def _numbers(text: str) -> tuple[int, ...]:
    """ "1", "1,3", "1-3" -> the passes."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        low, _, high = part.partition("-")
        if low and (high or not part.count("-")):
            found += range(int(low), min(int(high or low), int(low) + 9) + 1)
    return tuple(found)
