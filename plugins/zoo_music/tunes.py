"""The modality of tunes: text in ABC, written as notes, as MIDI and as sound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, final

from torch import Tensor

from zoo.errors import DataError, NotFoundError, UsageError
from zoo.files import new_file, storage_errors
from zoo.sequences import Tokens, vocabulary_of
from zoo_music.abc import split_tunes
from zoo_music.midi import midi_file
from zoo_music.notation import Tune
from zoo_music.playing import read_tune
from zoo_music.synthesis import wav_file

__all__ = ["Tunes", "as_text", "numbered", "tunes"]

USUAL = "\n" + "".join(map(chr, range(32, 127)))  # where nothing is known: what ASCII can print
END = "\n\n"  # what ends a tune
KEPT = "MLKQP"  # the fields that are learnt: metre, length, key, tempo, part


@final
class Tunes(Tokens):
    """Tunes in ABC, from M: on; an empty line ends one."""

    streams = False  # a text has a head, and ends before what follows the tune

    def read(self, path: Path, data_shape: tuple[int, ...]) -> Tensor:
        """The beginning of a file's first tune, (1, L). Raises NotFoundError, DataError for a file that has none."""
        if not path.is_file():
            raise NotFoundError(f"there is no file {path}")
        with storage_errors(f"cannot read {path}"):
            found = split_tunes(path.read_text(encoding="utf-8", errors="replace"))
        if not found:
            raise DataError(f"{path} has no tune in ABC: none of its lines begins with X:")
        text, (length,) = as_text(found[0]) + END, data_shape
        text = text * (-(-length // len(text)))
        try:
            return self.tokens(text[:length])[None]
        except UsageError as error:
            raise DataError(f"{path}: {error}") from error

    def how_read(self, data_shape: tuple[int, ...]) -> str:
        """Its first tune."""
        return f"{data_shape[0]:,} characters of its first tune"

    def texts(self, x: Tensor) -> list[str]:
        """Each example's first tune, as a tune of a book: numbered, and as far as it goes."""
        return [numbered(text, number) for number, text in enumerate(super().texts(x), 1)]

    def ended(self, x: Tensor) -> list[bool]:
        """At an empty line."""
        return [END in text.lstrip("\n") for text in super().texts(x)]

    def terminal(self, x: Tensor, *, width: int, columns: int | None = None, colour: bool = False) -> str:
        """A line a tune: its bars, notes and seconds, and how it begins; `columns` mean nothing here."""
        lines = []
        for number, text in enumerate(super().texts(x), 1):
            tune = read_tune(numbered(text, number))
            seconds = round(float(tune.length / tune.tempo * 60))
            head = f"{number}  {tune.bars} bars, {len(tune.sounds)} notes, {seconds} s  "
            lines.append((head + " ".join(as_text(numbered(text, number)).split()))[:width])
        return "\n".join(lines)

    def write(self, x: Tensor, path: Path, *, columns: int | None = None, scale: int | None = None) -> None:
        """As .abc the notes, as .mid and .wav what they sound like, one tune after the other."""
        texts = self.texts(x)
        content = {".mid": _midi, ".wav": _wav}.get(path.suffix.lower(), _abc)(texts)
        with new_file(path) as aside:
            aside.write_bytes(content)

    def rules(self, x: Tensor) -> dict[str, float]:
        """Tunes that are read without a problem, and bars that have as many notes as the metre says.

        A tune that goes on beyond its example is looked at to its last bar line.
        """
        whole = (text if END in text.lstrip("\n") else text[: text.rfind("|") + 1] for text in super().texts(x))
        played = [read_tune(numbered(text, number)) for number, text in enumerate(whole, 1)]
        bars = sum(tune.bars for tune in played)
        return {
            "tunes read without a problem": sum(not tune.problems for tune in played) / max(1, len(played)),
            "bars as long as the metre says": sum(tune.full for tune in played) / max(1, bars),
        }

    def shapes(self) -> Iterable[tuple[int, ...]]:
        """A few bars, and a long tune."""
        return [(64,), (512,), (2_000,)]


def _abc(texts: list[str]) -> bytes:
    return "\n".join(texts).encode()


def _midi(texts: list[str]) -> bytes:
    return midi_file(_tunes(texts))


def _wav(texts: list[str]) -> bytes:
    return wav_file(_tunes(texts))


def _tunes(texts: list[str]) -> list[Tune]:
    return [read_tune(text) for text in texts]


def as_text(tune: str) -> str:
    """A tune of a book as it is learnt: its music, with the fields that the music needs; the rest goes."""
    lines = []
    for line in tune.replace("\r", "").split("\n"):
        field = len(line) > 1 and line[1] == ":" and line[0].isalpha() and line[2:3] not in (":", "|")
        line = line.partition("%")[0].rstrip()
        if line and (not field or line[0] in KEPT):
            lines.append(f"{line[:2]}{line[2:].strip()}" if field else line.strip())
    return "\n".join(lines)


def numbered(text: str, number: int) -> str:
    """What was written, to its first empty line, as a tune of a book."""
    tune = text.strip("\n").partition(END)[0]
    return f"X:{number}\nT:Tune {number}\n{tune}\n"


def tunes(about: Mapping[str, Any]) -> Tunes:
    """The modality, of tunes in the vocabulary that travels with the weights."""
    return Tunes(vocabulary_of(about, USUAL))
