"""The datasets of text: a long text becomes pieces of one length; its last tenth is held out."""

from __future__ import annotations

import hashlib
from functools import partial

from zoo.api import DataFacts
from zoo.data import DataRequest, Examples, not_found
from zoo.errors import DataError, IntegrityError, NotFoundError
from zoo.sequences import windows
from zoo_text.reading import read_text, read_texts
from zoo_text.text import Text

__all__ = ["nietzsche", "nietzsche_facts", "own", "own_facts", "shakespeare", "shakespeare_facts"]

LENGTH = 128  # characters of a piece, where nobody asks for another number
OVERLAP = 8  # pieces that a character of the training text is in
MOST = 1 << 16  # pieces; of a longer text they overlap less
BOOKS = {
    "nietzsche.txt": "23cf69874ab69d3d256099ab530ea4be24d47d9675b673bcc67cbcd6298ec647",
    "tinyshakespeare.txt": "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
}


def book(file: str, request: DataRequest) -> str:
    """A book's text, from `text/FILE` or FILE of a ZOO_DATA folder."""
    path = request.find(f"text/{file}") or request.find(file)
    if path is None:
        raise NotFoundError(f"there is no text/{file}; put it into a folder and name that one in ZOO_DATA")
    found = read_text(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != BOOKS[file]:
        raise IntegrityError(f"{path} has sha256 {digest}, not {BOOKS[file]}; fetch it anew")
    return found


def own_text(request: DataRequest) -> str:
    """Anybody's text. Raises NotFoundError, DataError."""
    assert request.path is not None
    return read_texts(request.path.expanduser())


def _parts(text: str, split: str, where: str) -> str:
    """The first nine tenths ("train") or the last ("test"). Raises NotFoundError for another split."""
    cut = len(text) * 9 // 10
    if split not in ("train", "test"):
        raise not_found(f"split of {where}", split, ("train", "test"))
    return text[:cut] if split == "train" else text[cut:]


def _pieces(text: str, where: str, request: DataRequest) -> Examples:
    characters = "".join(sorted(set(text)))
    if len(characters) < 2:
        raise DataError(f"{where} has one character alone, {characters!r}, and nothing can be learnt from it")
    (length,) = request.data_shape or (LENGTH,)
    tokens = Text(characters).tokens(_parts(text, request.split, where))
    if len(tokens) < length:
        step = f"take a longer text, or pieces of at most {len(tokens)}: --set config.length={len(tokens)}"
        raise DataError(f"{where} ({request.split}) has {len(tokens):,} characters, and a piece has {length:,}; {step}")
    every = length if request.split == "test" else max(1, length // OVERLAP, -(-len(tokens) // MOST))
    return Examples(data=windows(tokens, length, every=every), about={"vocabulary": characters})


def _facts(text: str) -> DataFacts:
    train = len(text) * 9 // 10
    length = max(1, min(LENGTH, train // OVERLAP, len(text) - train))
    return DataFacts(count=max(1, train * OVERLAP // length), shape=(length,), vocabulary=len(set(text)))


def _load_book(file: str, request: DataRequest) -> Examples:
    return _pieces(book(file, request), file, request)


def _look_at_book(file: str, request: DataRequest) -> DataFacts:
    return _facts(book(file, request))


nietzsche, nietzsche_facts = partial(_load_book, "nietzsche.txt"), partial(_look_at_book, "nietzsche.txt")
shakespeare = partial(_load_book, "tinyshakespeare.txt")
shakespeare_facts = partial(_look_at_book, "tinyshakespeare.txt")


def own(request: DataRequest) -> Examples:
    """Anybody's text. Raises NotFoundError, and DataError for one that is too short or no text."""
    return _pieces(own_text(request), str(request.path), request)


def own_facts(request: DataRequest) -> DataFacts:
    """What is known of it."""
    return _facts(own_text(request))
