"""Any folder or uncompressed tar of pictures: `images:PATH`, `images[CLASS]:PATH`.

Splits: when every picture lies in a folder `train`, `test` or `val` at the top, these are the splits;
else all pictures are the split `train`. Classes: the folders of the next level, sorted; none when a
picture of the split lies outside of them. A single folder that holds all of a tar is looked through.
Pictures become image_size x image_size RGB, 64 x 64 where nothing else is asked for, by the rules of
`zoo.images.decode`.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from functools import partial

from zoo.api import DataFacts
from zoo.data import DataRequest, Examples, not_found
from zoo.errors import DataError, NotFoundError, UsageError
from zoo.images import Bad, Rules, check_bad, look
from zoo_images.pictures import Choice, load_pictures
from zoo_images.sources import open_source

SPLITS = frozenset({"train", "test", "val"})
IMAGE_SIZE = 64
LOOKED_AT = 200  # pictures of which size and colour are looked at, evenly over the names


def load(request: DataRequest) -> Examples:
    """The pictures at `request.path`, (N, C, S, S), sorted by name, with the folders as classes.

    Raises NotFoundError for a missing path, split or class, DataError when there are no pictures or more than
    a tenth is bad, and StorageError when the path cannot be read.
    """
    if request.path is None:
        raise UsageError("images: it needs a path; write images:PATH")
    rules = Rules.of(request.data_shape, default_size=IMAGE_SIZE)
    with open_source(request.path) as source:
        choose = partial(_choose, request, source.is_tar)
        return load_pictures(source, choose, rules=rules, request=request, version="images-1")


def facts(request: DataRequest) -> DataFacts:
    """How many pictures there are, and of what size and colour, from a look at some of them.

    Raises as `load` does, DataError also where more than a tenth of those looked at is bad.
    """
    if request.path is None:
        raise UsageError("images: it needs a path; write images:PATH")
    with open_source(request.path, hashed=False) as source:
        chosen = _choose(request, source.is_tar, source.names).labels
        pictures = [picture for picture in source.pictures if picture.name in chosen]
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
        check_bad(bad, len(some), source.where)
    side = int(statistics.median(sides))
    return DataFacts(count=len(pictures), shape=(1 if grey else 3, side, side))


def _choose(request: DataRequest, is_tar: bool, names: Sequence[str]) -> Choice:
    # a hostile path says nothing about splits and classes, but is counted among the bad files
    outside = {name: 0 for name in names if name.startswith("/") or ".." in name.split("/")}
    paths = {name: name.split("/") for name in names if name not in outside}
    wrapped = is_tar and len(_tops(paths)) == 1 and all(len(path) > 2 for path in paths.values())
    if wrapped and not _tops(paths) <= SPLITS:
        paths = {name: path[1:] for name, path in paths.items()}
    paths = _of_split(request, paths)
    folders = sorted(_tops(paths)) if all(len(path) > 1 for path in paths.values()) else []
    if request.selection is not None:
        if request.selection not in folders:
            raise not_found(f"class (folder) of {request.path}", request.selection, folders)
        folders = [request.selection]
        paths = {name: path for name, path in paths.items() if path[0] == request.selection}
    label = {folder: index for index, folder in enumerate(folders)}
    return Choice(classes=tuple(folders), labels=outside | {name: label.get(p[0], 0) for name, p in paths.items()})


def _tops(paths: Mapping[str, list[str]]) -> set[str]:
    return {path[0] for path in paths.values()}


def _of_split(request: DataRequest, paths: dict[str, list[str]]) -> dict[str, list[str]]:
    if paths and _tops(paths) <= SPLITS and all(len(path) > 1 for path in paths.values()):
        if request.split not in _tops(paths):
            raise not_found(f"split of {request.path}", request.split, sorted(_tops(paths)))
        return {name: path[1:] for name, path in paths.items() if path[0] == request.split}
    if request.split != "train":
        hint = "it has only 'train'; put the pictures into folders train and test"
        raise NotFoundError(f"no split of {request.path} is named {request.split!r:.100}; {hint}")
    return paths
