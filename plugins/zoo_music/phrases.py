"""The dataset of phrases: each example is one line of a tune, behind its metre, length of notes and key."""

from __future__ import annotations

from collections.abc import Iterator

from zoo.data import DataRequest, Examples
from zoo.errors import DataError
from zoo.sequences import filled
from zoo_music.books import nottingham_tunes
from zoo_music.tunes import Tunes

__all__ = ["nottingham_phrases", "phrases_of"]

LENGTH = 96  # characters of an example, where nobody asks for another number
LEAST = 12  # characters of a line that is taken
FIELDS = "MLK"  # in this order


def nottingham_phrases(request: DataRequest) -> Examples:
    """Those of the Nottingham tunes, of the same splits. Raises NotFoundError, IntegrityError, DataError."""
    chosen, characters = nottingham_tunes(request)
    (length,) = request.data_shape or (LENGTH,)
    modality = Tunes(characters)
    found = [phrase for tune in chosen for phrase in phrases_of(tune) if len(phrase) <= length - 2]
    if len(found) < 2:
        raise DataError(f"{len(found)} phrases have at most {length - 2} characters; choose a larger config.length")
    pieces = [modality.tokens(phrase) for phrase in found]
    filler = int(modality.tokens("\n"))
    return Examples(data=filled(pieces, length, filler), about={"vocabulary": characters})


def phrases_of(tune: str) -> Iterator[str]:
    """The lines of a tune, as `as_text` gives it, each with the fields that hold there."""
    fields: dict[str, str] = {}
    for line in tune.split("\n"):
        if line[1:2] == ":" and line[0] in FIELDS:
            fields[line[0]] = line
        elif len(line) >= LEAST and line[1:2] != ":":
            yield "\n".join([*(fields[name] for name in FIELDS if name in fields), line])
