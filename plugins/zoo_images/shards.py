"""Tar shards in the webdataset layout, read where they lie: `shards:PATH`, `shards[CLASS]:PATH`, `shards:PATH#fit=pad`.

PATH is a folder of tars, a tar, or a pattern: `train-{000..127}.tar`, `part-*.tar`, `{a,b}/*.tar`. Shards stand in the
order of their names. A folder that holds no tars, but folders `train`, `test` or `val` that do (in the spellings of
`images`), has these splits; so has a folder of tars whose names hold these words, `val-000.tar`. Else a tenth of the
pictures is `test`, by their content. Training reads the pictures as it needs them. All else takes what fits into 1 GiB,
drawn by a fixed seed.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from zoo.api import DataFacts
from zoo.data import DataRequest, Decoded, Examples, Streamed, fingerprint, not_found
from zoo.errors import DataError, NotFoundError, UsageError
from zoo.files import storage_errors
from zoo.images import Decoding, Picture, Rules, check_bad, decode_all, passed_over
from zoo_images.folder import IMAGE_SIZE
from zoo_images.pictures import load_decoded, looked_at
from zoo_images.shard_index import Shard, index_shard
from zoo_images.shard_rows import ShardRows
from zoo_images.splits import by_content, by_names, split_named

MOST_SHARDS = 100_000
MOST_CLASSES = 100_000
MOST_BYTES = 1 << 30  # of pixels, where they must be in memory
LOOKED_AT = 256  # pictures decoded before anything else, spread evenly
INDEXERS = 4  # threads that index shards
BRACES = re.compile(r"\{([^{}]*)\}")
RANGE = re.compile(r"(\d+)\.\.(\d+)")


def load(request: DataRequest) -> Examples | Streamed:
    """The pictures of the shards at `request.path`, (N, C, S, S), S = 64 where nothing else is asked for.

    Labels are those of the `.cls` members: numbers, or names in their sorted order. Raises NotFoundError for a missing
    path, split or class, DataError for shards that cannot be used, StorageError where they cannot be read.
    """
    if request.path is None:
        raise UsageError("shards: it needs a path; write shards:PATH")
    rules = Rules.of(request.data_shape, default_size=IMAGE_SIZE, fit=request.options["fit"])
    shards, line, divided = _shards(request, request.path)
    names = _names([shard.path for shard in shards])
    labels, classes = _labels(shards, str(request.path), selected=request.selection is not None)
    rows = ShardRows(shards, rules, where=str(request.path))
    look = _look(rows)
    passed = sum((Counter(shard.passed) for shard in shards), Counter[str]())
    described = Streamed(
        data=rows,
        labels=labels,
        classes=classes,
        sha256=_sha256(shards, [request.selection, divided], look.data),
        skipped=tuple(map(str, look.bad)),
        notes=(line, *(f"looked at some: {note}" for note in look.notes), *filter(None, [passed_over(passed)])),
        files={name: shard.sha256[:16] for name, shard in zip(names, shards, strict=True)},
    )
    return described if request.stream else _in_memory(described, rows, request, rules)


def facts(request: DataRequest) -> DataFacts:
    """How many pictures there are, and of what size and colour, from a look at some of them. Raises as `load` does."""
    if request.path is None:
        raise UsageError("shards: it needs a path; write shards:PATH")
    shards, _, _ = _shards(request, request.path)
    rows = ShardRows(shards, Rules(image_size=IMAGE_SIZE), where=str(request.path))
    return looked_at(_pictures(rows, torch.arange(len(rows))), rows.where)


def _shards(request: DataRequest, path: Path) -> tuple[list[Shard], str, str | None]:
    """The split's shards, of the class that is asked for; which split it is, in a line; and its name where it is a
    share of shards that name none.
    """
    with storage_errors(f"cannot read {path!s:.200}"):
        paths, line = shard_paths(path, request.split)
    with ThreadPoolExecutor(INDEXERS) as pool:
        shards = list(pool.map(partial(index_shard, request.cache), paths))
    divided = None if line else split_named(request.split) or request.split
    if divided:
        numbers = torch.cat([shard.numbers for shard in shards]).tolist()
        if not numbers:
            check_bad([], 0, str(path))
        chosen, line = by_content(numbers, request.split, str(path))
        own = torch.tensor(sorted(chosen))
        shards = [shard.at(torch.isin(shard.numbers, own)) for shard in shards]
    if request.selection is not None:
        known = sorted({name for shard in shards for name in shard.classes})
        if request.selection not in known:
            raise not_found(f"class of {path}", request.selection, known)
        shards = [shard.only(request.selection) for shard in shards]
    return shards, line, divided


def shard_paths(path: Path, split: str) -> tuple[list[Path], str]:
    """The split's tars of those that a path or pattern names, sorted, and which split it is; an empty line where they
    name none.

    Raises NotFoundError, and UsageError for an endless pattern.
    """
    if path.is_dir():
        found = sorted(path.glob("*.tar"))
        named = {str(tar): _split_in(tar.stem) for tar in found}
        if not found:
            folders = [folder for folder in sorted(path.iterdir()) if split_named(folder.name)]
            named = {str(tar): split_named(folder.name) for folder in folders for tar in sorted(folder.glob("*.tar"))}
            found = sorted(map(Path, named))
    else:
        texts = [str(path)] if path.exists() else _braces(str(path))
        found = sorted({file for text in texts for file in _matches(text)})
        named = {str(tar): _split_in(tar.stem) for tar in found}
        named = named if len(set(named.values())) > 1 else {}  # who names shards of one split means all of them
    if not found:
        raise NotFoundError(f"{path}: no shards there; give a folder of .tar files, a tar, or a pattern of tars")
    if len(found) > MOST_SHARDS:
        raise UsageError(f"{path}: more than {MOST_SHARDS:,} shards; make larger ones")
    division = by_names(named)
    chosen, line = (None, "") if division is None else division.of(split, str(path), "shards")
    return [tar for tar in found if chosen is None or str(tar) in chosen], line


def _split_in(stem: str) -> str | None:
    """The split that a shard's name holds: `imagenet-val-0001` -> `val`; None for none, or several."""
    found = {split for word in re.split(r"[\W\d_]+", stem) if (split := split_named(word))}
    return found.pop() if len(found) == 1 else None


def _matches(text: str) -> list[Path]:
    if not glob.has_magic(text) or Path(text).exists():
        return [Path(text)]  # one that is missing is named when it is opened
    return [Path(name) for name in glob.iglob(text)]


def _braces(text: str) -> list[str]:
    """`a-{00..02}.tar` and `{x,y}.tar`, written out."""
    texts = [text]
    while any(BRACES.search(each) for each in texts):
        grown = []
        for each in texts:
            match = BRACES.search(each)
            inner = _alternatives(match[1]) if match else [""]
            grown += [each[: match.start()] + one + each[match.end() :] for one in inner] if match else [each]
            if len(grown) > MOST_SHARDS:
                raise UsageError(f"{text!r:.100} names more than {MOST_SHARDS:,} shards")
        texts = grown
    return texts


def _alternatives(inner: str) -> Iterator[str] | list[str]:
    span = RANGE.fullmatch(inner)
    if span is None:
        return inner.split(",")
    first, last = int(span[1]), int(span[2])
    if last - first >= MOST_SHARDS:
        raise UsageError(f"{{{inner:.60}}} names more than {MOST_SHARDS:,} shards")
    return (f"{number:0{len(span[1])}}" for number in range(first, last + 1))


def _names(paths: Sequence[Path]) -> list[str]:
    """What tells the shards apart: their names, below the folder they share."""
    common = Path(os.path.commonpath([path.parent for path in paths]))
    return [str(path.relative_to(common)) for path in paths]


def _labels(shards: Sequence[Shard], where: str, *, selected: bool) -> tuple[Tensor | None, tuple[str, ...]]:
    """(labels (N,), classes), or (None, ()) where there are no classes."""
    filled = [shard for shard in shards if len(shard.labels)]
    have = {bool(shard.classes) for shard in filled}
    if len(have) == 2:
        some, other = (next(s.path for s in filled if bool(s.classes) == has) for has in (True, False))
        raise DataError(f"{where}: {some} has classes and {other} has none; add .cls members, or remove them all")
    texts = {name for shard in filled for name in shard.classes}
    if not texts:
        return None, ()
    classes, number = _classes(texts, where, selected=selected)
    mapped = [torch.tensor([number[name] for name in shard.classes])[shard.labels] for shard in filled]
    return torch.cat(mapped), classes


def _classes(texts: set[str], where: str, *, selected: bool) -> tuple[tuple[str, ...], Mapping[str, int]]:
    """The classes, and the number of each text: whole numbers are their own, names are numbered as they are sorted."""
    if selected or not all(text.isascii() and text.isdecimal() for text in texts):
        classes = tuple(sorted(texts))
        return classes, {name: index for index, name in enumerate(classes)}
    highest = max((text.lstrip("0").zfill(1) for text in texts), key=lambda text: (len(text), text))
    if len(highest) > 9 or int(highest) >= MOST_CLASSES:
        raise DataError(f"{where}: class {highest:.40} is too high; number the classes from 0")
    return tuple(map(str, range(int(highest) + 1))), {text: int(text) for text in texts}


def _look(rows: ShardRows) -> Decoding:
    """Some pictures, spread evenly. Raises DataError when more than a tenth is bad."""
    some = torch.arange(len(rows)) if len(rows) <= LOOKED_AT else torch.arange(LOOKED_AT) * len(rows) // LOOKED_AT
    found = decode_all(_pictures(rows, some), rows.rules, rows.where)
    check_bad(found.bad, len(some), rows.where)
    return found


def _pictures(rows: ShardRows, chosen: Tensor) -> list[Picture]:
    return [Picture(name=rows.name(row), read=partial(rows.content, row)) for row in chosen.tolist()]


def _sha256(shards: Sequence[Shard], chosen: Sequence[str | None], look: Tensor) -> str:
    """The content's fingerprint: what the shards hold, in their order, what of it is taken, how it is decoded here."""
    lines = [shard.sha256 for shard in shards] + [repr(chosen), fingerprint({"data": look})]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _in_memory(described: Streamed, rows: ShardRows, request: DataRequest, rules: Rules) -> Examples:
    """All pictures where they fit, else as many of an epoch of seed 0 as do; in the order of the rows."""
    side = rules.image_size or IMAGE_SIZE
    most = MOST_BYTES // (rules.channels * side * side)
    chosen = torch.arange(len(rows))
    if len(rows) > most:
        chosen = rows.order(torch.Generator().manual_seed(0))[:most].sort().values

    def build() -> Decoded:
        found = decode_all(_pictures(rows, chosen), rules, rows.where)
        check_bad(found.bad, len(chosen), rows.where)
        tensors = {"data": found.data}
        if described.labels is not None:
            tensors["labels"] = described.labels[chosen[found.kept]]
        skipped = sorted(map(str, found.bad))
        return Decoded(tensors=tensors, notes={"classes": list(described.classes), "skipped": skipped})

    examples = load_decoded(build, source=described.sha256, version="shards-3", rules=rules, request=request)
    return replace(examples, sha256=described.sha256, files=described.files, notes=described.notes)
