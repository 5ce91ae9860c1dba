"""The datasets of tunes: each example begins with a tune, and goes on with others."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Sequence
from itertools import pairwise

import torch

from zoo.api import DataFacts
from zoo.data import DataRequest, Examples, not_found
from zoo.errors import DataError, NotFoundError
from zoo.files import storage_errors
from zoo_music.abc import split_tunes
from zoo_music.playing import read_tune
from zoo_music.tunes import END, Tunes, as_text

__all__ = ["nottingham", "nottingham_tunes", "own", "own_facts"]

TAR = "nottingham.tar"
SHA256 = "f27840549c7dd98041ad9c259750e452bc01078c8275e0c48dc2fafb841f9cd1"
LENGTH = 384  # characters of an example, where nobody asks for another number
ALIKE = 12  # notes at the beginning by whose steps a tune is known, in whatever key it is written
BEGINNING = 400  # characters in which these stand
HELD_OUT = 10  # one of so many groups of tunes that are alike


def nottingham(request: DataRequest) -> Examples:
    """The tunes of `nottingham.tar` in a ZOO_DATA folder. Raises NotFoundError, IntegrityError for another file."""
    return _in_a_row(*nottingham_tunes(request), request)


def nottingham_tunes(request: DataRequest) -> tuple[list[str], str]:
    """Those of the split as texts, and the characters of all. Raises as `nottingham`."""
    with tarfile.open(fileobj=io.BytesIO(request.pinned(TAR, SHA256))) as tar:
        members = [member for member in tar if member.name.endswith(".abc")]
        files = [file.read().decode("utf-8", "replace") for member in members if (file := tar.extractfile(member))]
    return _chosen([tune for file in files for tune in split_tunes(file)], "nottingham", request)


def _of_path(request: DataRequest) -> list[str]:
    assert request.path is not None
    path = request.path.expanduser()
    files = sorted(path.rglob("*.abc")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise NotFoundError(f"there is no .abc file {'in' if path.is_dir() else 'named'} {path}")
    with storage_errors(f"cannot read {path}"):
        found = [tune for file in files for tune in split_tunes(file.read_text(encoding="utf-8", errors="replace"))]
    if not found:
        raise DataError(f"{path} has no tune in ABC: no line begins with X:")
    return found


def own(request: DataRequest) -> Examples:
    """Tunes of anybody's: an .abc file or a folder of them. Raises NotFoundError, and DataError for too few."""
    return _in_a_row(*_chosen(_of_path(request), str(request.path), request), request)


def own_facts(request: DataRequest) -> DataFacts:
    """What is known of them."""
    found = _of_path(request)
    texts = list(map(as_text, found))
    usual = sorted(map(len, texts))[len(texts) // 2] + len(END)
    return DataFacts(count=len(found), shape=(min(usual, LENGTH),), vocabulary=len(set("".join(texts)) | {"\n"}))


def group_of(tune: str) -> str:
    """By what a tune is known: the steps between its first notes, so that a copy in another key is the same."""
    pitches = [sound.pitch for sound in read_tune(as_text(tune)[:BEGINNING]).sounds[: ALIKE + 1]]
    return " ".join(str(b - a) for a, b in pairwise(pitches))


def _chosen(found: Sequence[str], where: str, request: DataRequest) -> tuple[list[str], str]:
    """The tunes of the split as texts, and the characters of all."""
    if request.split not in ("train", "test"):
        raise not_found(f"split of {where}", request.split, ("train", "test"))
    texts = list(map(as_text, found))
    characters = "".join(sorted(set("".join(texts)) | {"\n"}))
    held = [int(hashlib.sha256(group_of(tune).encode()).hexdigest(), 16) % HELD_OUT == 0 for tune in found]
    chosen = [text for text, test in zip(texts, held, strict=True) if test == (request.split == "test")]
    if len(chosen) < 2:
        raise DataError(f"{where} ({request.split}) has {len(chosen)} tunes; at least 2 are needed")
    return chosen, characters


def _in_a_row(chosen: Sequence[str], characters: str, request: DataRequest) -> Examples:
    """Each example begins with a tune, and goes on with those behind it."""
    (length,) = request.data_shape or (LENGTH,)
    modality, whole = Tunes(characters), END.join([*chosen, ""])
    whole *= 1 + -(-length // len(whole))  # the last tunes go on with the first ones
    tokens, starts, at = modality.tokens(whole), [], 0
    for text in chosen:
        starts.append(at)
        at += len(text) + len(END)
    return Examples(
        data=torch.stack([tokens[start : start + length] for start in starts]), about={"vocabulary": characters}
    )
