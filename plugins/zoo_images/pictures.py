"""Chosen pictures of a source -> Examples, by way of the cache. A dataset only says what to choose."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from zoo.api import DataFacts
from zoo.data import DataRequest, Decoded, Examples, cached, content_key
from zoo.errors import DataError, NotFoundError
from zoo.images import Bad, Picture, Rules, check_bad, decode_all, look
from zoo_images.sources import Source

__all__ = ["Choice", "by_folder", "load_decoded", "load_pictures", "looked_at", "required"]

LOOKED_AT = 200  # pictures of which size and colour are looked at, evenly over the names


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a dataset takes of a source."""

    classes: tuple[str, ...]  # in the order of the labels; empty: no labels
    labels: dict[str, int]  # the pictures taken -> index into classes (0 where there are none)
    notes: tuple[str, ...] = ()  # what a user should know of the choice
    of: int = 0  # of how many pictures a tenth may be bad, where these are a share of them


def required(file_name: str, request: DataRequest) -> Path:
    """The file of that name in the roots. Raises NotFoundError when none of them has it."""
    path = request.find(file_name)
    if path is None:
        raise NotFoundError(f"{file_name} is in no folder of ZOO_DATA, and is not downloaded; put it into one")
    return path


def by_folder(request: DataRequest, classes: tuple[str, ...], names: Sequence[str]) -> Choice:
    """What lies in `<split>/<class>/`, of all classes or of the selected one."""
    taken = classes if request.selection is None else (request.selection,)
    folders = {f"{request.split}/{name}": label for label, name in enumerate(taken)}
    labels = {name: folders.get(name.rpartition("/")[0]) for name in names}
    return Choice(classes=taken, labels={name: label for name, label in labels.items() if label is not None})


def load_pictures(
    source: Source,
    choose: Callable[[Sequence[str]], Choice],
    *,
    rules: Rules,
    request: DataRequest,
    version: str,
    factors: Callable[[Sequence[str]], dict[str, torch.Tensor]] | None = None,
) -> Examples:
    """Decode what `choose(names)` takes of `source`, or find it in the cache; the order is that of the names.

    `version` names the dataset and its rule of choice: part of the cache's key, with the split and the selection.
    `factors(names)` gives what else is known of the pictures that were decoded, each (N,).
    Raises DataError when no picture is chosen, or too many are bad, and what `choose` raises.
    """

    def build() -> Decoded:
        choice = choose(source.names)
        labels = choice.labels
        pictures = [picture for picture in source.pictures if picture.name in labels]
        refused = [bad for bad in source.bad if bad.name in labels]
        found = decode_all(pictures, rules, source.where)
        bad = [*refused, *found.bad]
        check_bad(bad, max(choice.of, len(pictures) + len(refused)) if found.kept else len(bad), source.where)
        tensors, kept = {"data": found.data}, [pictures[index].name for index in found.kept]
        if choice.classes:
            tensors["labels"] = torch.tensor([labels[name] for name in kept], dtype=torch.int64)
        if factors is not None:
            tensors |= factors(kept)
        said = {"skipped": sorted(map(str, bad)), "notes": [*choice.notes, *found.notes]}
        return Decoded(tensors=tensors, notes={"classes": list(choice.classes)} | said)

    return load_decoded(build, source=source.digest, version=version, rules=rules, request=request)


def looked_at(pictures: Sequence[Picture], where: str) -> DataFacts:
    """How many pictures these are, and of what size and colour, from a look at some of them.

    Raises DataError where there is none, or more than a tenth of those looked at is bad.
    """
    some = pictures[:: max(1, len(pictures) // LOOKED_AT)]
    sides, grey, bad = [], True, []
    for picture in some:
        try:
            side, is_grey = look(picture.read())
        except DataError as error:
            bad.append(Bad(name=picture.name, cause=str(error)))
            continue
        sides.append(side)
        grey = grey and is_grey
    check_bad(bad, len(some), where)
    side = int(statistics.median(sides))
    return DataFacts(count=len(pictures), shape=(1 if grey else 3, side, side))


def load_decoded(
    build: Callable[[], Decoded], *, source: str, version: str, rules: Rules, request: DataRequest
) -> Examples:
    """What `build()` gives, or the cache has of it: tensors data (and labels, and factors); notes classes, skipped and
    notes.

    `source` is the sha256 of what it is decoded from; the rest is as for `load_pictures`.
    """
    key = content_key(
        source=source, version=version, split=request.split, selection=request.selection, rules=rules.key()
    )
    entry = cached(request.cache, key, build)
    return Examples(
        data=entry.tensors["data"],
        labels=entry.tensors.get("labels"),
        classes=tuple(entry.notes.get("classes", ())),
        skipped=tuple(entry.notes.get("skipped", ())),
        notes=tuple(entry.notes.get("notes", ())),
        sha256=entry.sha256,
        factors={name: tensor for name, tensor in entry.tensors.items() if name not in ("data", "labels")},
    )
