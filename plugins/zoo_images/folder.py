"""Any folder or uncompressed tar of pictures: `images:PATH`, `images[CLASS]:PATH`, `images:PATH#fit=pad`.

Splits: folders named `train` (`training`), `test` (`testing`) and `val` (`valid`, `validation`), in any case, at the
top or within each class, are these splits; pictures beside them are in none, or `train` where there is no such folder.
Where no folder is named so, a tenth is `test`, by the sha256 of the files. Classes: the folders of the next level,
sorted; none when a picture of the split lies outside of them. A single folder that holds all of a tar, or all splits,
is looked through. Pictures become image_size x image_size RGB, 64 x 64 where nothing else is asked for, by the rules of
`zoo.images.decode`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from zoo.api import DataFacts
from zoo.data import DataRequest, Examples, not_found
from zoo.errors import DataError, UsageError
from zoo.images import Rules, passed_over
from zoo_images.pictures import Choice, load_pictures, looked_at
from zoo_images.sources import Source, open_source
from zoo_images.splits import by_content, by_paths, content_number, split_named

IMAGE_SIZE = 64


def load(request: DataRequest) -> Examples:
    """The pictures at `request.path`, (N, C, S, S), sorted by name, with the folders as classes.

    Raises NotFoundError for a missing path, split or class, DataError when there are no pictures or more than
    a tenth is bad, and StorageError when the path cannot be read.
    """
    if request.path is None:
        raise UsageError("images: it needs a path; write images:PATH")
    rules = Rules.of(request.data_shape, default_size=IMAGE_SIZE, fit=request.options["fit"])
    with open_source(request.path) as source:
        choose = partial(_choose, request, source)
        examples = load_pictures(source, choose, rules=rules, request=request, version="images-3")
        return replace(examples, notes=(*examples.notes, *filter(None, [passed_over(source.passed)])))


def facts(request: DataRequest) -> DataFacts:
    """How many pictures there are, and of what size and colour, from a look at some of them.

    Raises as `load` does, DataError also where more than a tenth of those looked at is bad.
    """
    if request.path is None:
        raise UsageError("images: it needs a path; write images:PATH")
    with open_source(request.path) as source:
        chosen = _choose(request, source, source.names).labels
        return looked_at([picture for picture in source.pictures if picture.name in chosen], source.where)


def _choose(request: DataRequest, source: Source, names: Sequence[str]) -> Choice:
    # a hostile path says nothing about splits and classes, but is counted among the bad files
    outside = {name: 0 for name in names if name.startswith("/") or ".." in name.split("/")}
    paths = _unwrapped({name: name.split("/") for name in names if name not in outside}, source.is_tar)
    if not paths:
        raise DataError(_nothing(source))
    every = 0
    division, paths = by_paths(paths)
    classes = _classes(paths)
    taken, line = (None, "") if division is None else division.of(request.split, source.where)
    if taken is None:
        numbers = {p.name: content_number(source.sha256(p.name)) for p in source.pictures if p.name in paths}
        chosen, share = by_content(numbers.values(), request.split, source.where)
        line = "; ".join(filter(None, [share, line]))
        bad = {entry.name for entry in source.bad}  # no content says where they belong: they are named for train
        lost = bad if split_named(request.split) == "train" else set()
        taken = lost | {name for name, number in numbers.items() if number in chosen}
        every = len(paths)
    paths = {name: path for name, path in paths.items() if name in taken}
    folders = classes if all(len(path) > 1 for path in paths.values()) else []
    if request.selection is not None:
        if request.selection not in folders:
            raise not_found(f"class (folder) of {source.where}", request.selection, folders)
        folders = [request.selection]
        paths = {name: path for name, path in paths.items() if path[0] == request.selection}
    label = {folder: index for index, folder in enumerate(folders)}
    labels = outside | {name: label.get(path[0], 0) for name, path in paths.items()}
    return Choice(classes=tuple(folders), labels=labels, notes=(line,), of=every)


def _classes(paths: Mapping[str, list[str]]) -> list[str]:
    """The folders of all splits: a class that one of them lacks keeps its number in the other."""
    return sorted({path[0] for path in paths.values() if len(path) > 1})


def _unwrapped(paths: dict[str, list[str]], is_tar: bool) -> dict[str, list[str]]:
    """The paths without the one folder that holds all of a tar, or all splits."""
    tops = {path[0] for path in paths.values()}
    if len(tops) != 1 or not all(len(path) > 2 for path in paths.values()) or any(map(split_named, tops)):
        return paths
    inside = {name: path[1:] for name, path in paths.items()}
    return inside if is_tar or by_paths(inside)[0] is not None else paths


def _nothing(source: Source) -> str:
    passed, step = passed_over(source.passed), "name the folder they are in"
    if source.passed.get(".tar"):
        step = f"for shards of training pictures write shards:{source.where}, for one tar its own path"
    return f"{source.where}: no pictures found{f' ({passed})' if passed else ''}; {step}"
