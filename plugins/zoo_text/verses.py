"""The datasets of lines: each example is one line of a text, its end, and what fills it up."""

from __future__ import annotations

from zoo.api import DataFacts
from zoo.data import DataRequest, Examples, not_found
from zoo.errors import DataError
from zoo.sequences import filled
from zoo_text.books import book, own_text
from zoo_text.text import Text

__all__ = ["own_facts", "own_lines", "shakespeare_lines"]

LENGTH = 56  # characters of an example, where nobody asks for another number
LEAST = 12  # characters of a line that is taken
MOST = 200  # characters of an own line that is taken where nobody asks for another number
END = "\n"


def shakespeare_lines(request: DataRequest) -> Examples:
    """Those of the plays, without the speakers' names. Raises NotFoundError, IntegrityError."""
    return _examples(book("tinyshakespeare.txt", request), "shakespeare-lines", request, LENGTH)


def own_lines(request: DataRequest) -> Examples:
    """Those of anybody's text. Raises NotFoundError, and DataError for one of too few or no text."""
    text = own_text(request)
    return _examples(text, str(request.path), request, _usual(text))


def own_facts(request: DataRequest) -> DataFacts:
    """What is known of them."""
    text = own_text(request)
    length = _usual(text)
    count = len(_parts(text, "train", length))
    return DataFacts(count=max(1, count), shape=(length,), vocabulary=len(set(text) | {END}))


def _usual(text: str) -> int:
    """A length that nine of ten lines fit in, their ends too."""
    lengths = sorted(len(line.strip()) for line in text.split(END) if len(line.strip()) >= LEAST)
    if not lengths:
        raise DataError(f"the text has no line of at least {LEAST} characters")
    return min(MOST, lengths[len(lengths) * 9 // 10] + 1)


def _parts(text: str, split: str, length: int) -> list[str]:
    """The lines of the first nine tenths ("train") or of the last ("test") that are long enough, and fit."""
    found = [line.strip() for line in text.split(END)]
    cut = len(found) * 9 // 10
    part = found[:cut] if split == "train" else found[cut:]
    return [line for line in part if LEAST <= len(line) < length and not line.endswith(":")]


def _examples(text: str, where: str, request: DataRequest, usual: int) -> Examples:
    if request.split not in ("train", "test"):
        raise not_found(f"split of {where}", request.split, ("train", "test"))
    (length,) = request.data_shape or (usual,)
    modality = Text("".join(sorted(set(text) | {END})))
    chosen = _parts(text, request.split, length)
    if len(chosen) < 2:
        raise DataError(f"{where} ({request.split}) has {len(chosen)} lines of {LEAST} to {length - 1} characters")
    pieces = [modality.tokens(line) for line in chosen]
    filler = int(modality.tokens(END))
    return Examples(data=filled(pieces, length, filler), about={"vocabulary": "".join(modality.characters)})
