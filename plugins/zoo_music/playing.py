"""Notes and bar lines -> sounds in time: repeats are played, ties joined, and bars counted. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from zoo_music.abc import Reader
from zoo_music.notation import USUAL_TEMPO, Bar, Note, Sound, Tune

__all__ = ["read_tune"]

MOST = 100_000  # notes that are played: a text of many repeats is cut off there


def read_tune(text: str) -> Tune:
    """A tune as it is played, from its text; what could not be read stands in `problems`."""
    reader = Reader()
    reader.read(text)
    tune = Tune(
        title=reader.title, key=reader.key_name, tempo=reader.tempo or USUAL_TEMPO, problems=list(reader.problems)
    )
    tune.bars, tune.full = _count_bars(reader)
    now = Fraction(0)
    held: dict[int, int] = {}  # pitches that are tied on, and the places of their sounds
    for count, note in enumerate(_in_parts(reader)):
        if count >= MOST:
            tune.problems.append(f"more than {MOST:,} notes are played")
            break
        if note.symbol:
            tune.symbols.append((now, note.symbol))
        going: dict[int, int] = {}
        for pitch in note.pitches:
            if pitch in held:
                place = held[pitch]
                old = tune.sounds[place]
                tune.sounds[place] = Sound(start=old.start, length=now + note.length - old.start, pitch=pitch)
            else:
                place = len(tune.sounds)
                tune.sounds.append(Sound(start=now, length=note.length, pitch=pitch))
            if pitch in note.tied:
                going[pitch] = place
        held, now = going, now + note.length
    return tune


def _in_parts(reader: Reader) -> Iterator[Note]:
    """The notes as they are played: the parts in the order that the head of the tune gives, or as they stand."""
    parts: dict[str, list[Note | Bar]] = {"": []}
    name = ""
    for event in reader.events:
        if isinstance(event, Bar) and event.part:
            name = event.part
            parts.setdefault(name, [])
        else:
            parts[name].append(event)
    if not reader.order or not set(reader.order) <= set(parts):
        yield from _in_order([event for event in reader.events if not (isinstance(event, Bar) and event.part)])
        return
    for name in ("", *reader.order):
        yield from _in_order(parts[name])


def _in_order(events: list[Note | Bar]) -> Iterator[Note]:
    """The notes as they are played: what stands between repeats again, each ending in its pass."""
    at, start, turn, skipped, last = 0, 0, 1, False, False  # `last`: in the ending of a last pass
    while at < len(events):
        event = events[at]
        at += 1
        if isinstance(event, Note):
            yield event
            continue
        if event.metre is not None:
            continue
        if event.ends and not skipped:
            if turn < _turns(events, start):
                at, turn = start, turn + 1
                continue
            start, turn, last = at, 1, False
        elif event.double and last and not event.endings:
            start, turn, last = at, 1, False
        skipped = False
        if event.starts:
            start, turn, last = at, 1, False
        if turn in event.endings:
            last = turn == _turns(events, start)
        if event.endings and turn not in event.endings:
            at, skipped = _next_ending(events, at, turn), True


def _turns(events: list[Note | Bar], start: int) -> int:
    """How often the part that begins at `start` is played: as its endings say, or twice."""
    most, seen = 2, False
    for event in events[start:]:
        if not isinstance(event, Bar) or event.metre is not None:
            continue
        if event.endings:
            most, seen = max(most, *event.endings), True
            if event.starts:
                break
        elif event.starts or event.ends or (seen and event.double):
            break
    return most


def _next_ending(events: list[Note | Bar], at: int, turn: int) -> int:
    """The place of the bar line from which this pass goes on."""
    for place in range(at, len(events)):
        event = events[place]
        if isinstance(event, Bar) and event.metre is None:
            if turn in event.endings:
                return place
            if not event.endings and (event.starts or event.ends or event.double):
                return place
    return len(events)


def _count_bars(reader: Reader) -> tuple[int, int]:
    """How many bars are written, and how many of them have as many notes as the metre says."""
    metre, filled = reader.opening, Fraction(0)
    pieces: list[tuple[Fraction, Fraction | None, bool]] = []  # length, metre, whether a repeat or the end follows
    for event in reader.events:
        if isinstance(event, Note):
            filled += event.length
        elif event.metre is not None:
            metre = event.metre
        elif filled:
            pieces.append((filled, metre, event.ends or event.starts or event.double))
            filled = Fraction(0)
    if filled:
        pieces.append((filled, metre, True))
    bars = full = 0
    for index, (length, wanted, split) in enumerate(pieces):
        before = pieces[index - 1][2] if index else True
        edge = (split or before) and wanted is not None and length < wanted  # an upbeat, or the part before a repeat
        if edge:
            continue
        bars, full = bars + 1, full + (wanted is None or length == wanted)
    return bars, full
