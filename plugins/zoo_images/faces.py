"""Faces of Labeled Faces in the Wild, cropped: `lfwcrop.tar` in a ZOO_DATA folder.

The tar holds `images/<Person_Name>_NNNN.jpg` and `labels.csv`. Splits are by person, so that nobody is in both: a
person is in `test` where the first 8 hex digits of the sha256 of the name (`AJ_Cook`, UTF-8) are a multiple of 6, about
one in six. Two pairs of names share a picture; the second of a pair goes where the first does.

    factor    values                     meaning
    smiling   1, 0, -1          int64    smiling, not smiling, not known or disputed
    gender    1, 0, -1          int64    labelled female, labelled male, neither or both
    person    0, 1, …           int64    which person of the split, in the order of the names
"""

from __future__ import annotations

import csv
import hashlib
import io
import tarfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import torch

from zoo.data import DataRequest, Examples
from zoo.errors import DataError
from zoo.images import Rules
from zoo_images.pictures import Choice, load_pictures, required
from zoo_images.sources import open_source

TAR, LABELS = "lfwcrop.tar", "labels.csv"
TEST_SHARE = 6  # one person in so many
SAME = {"Ricky_Ray": "Bart_Hendricks", "Raul_Ibanez": "Carlos_Beltran"}
VALUES = {"smiling": {"1": 1, "0": 0}, "gender": {"female": 1, "male": 0}}
MAX_LABELS = 1 << 24  # bytes


def load(request: DataRequest) -> Examples:
    """The split's faces, (N, 3, 64, 64) unless the request says otherwise, with `factors`, each (N,).

    Raises NotFoundError when there is no tar, and DataError when it or its labels are damaged.
    """
    rules = Rules.of(request.data_shape)
    path = required(TAR, request)
    with open_source(path) as source:
        factors = partial(_factors, path)
        choose = partial(_choose, request.split)
        return load_pictures(source, choose, rules=rules, request=request, version="faces-1", factors=factors)


def person(name: str) -> str:
    """`images/AJ_Cook_0001.jpg` -> `AJ_Cook`."""
    return PurePosixPath(name).stem.rpartition("_")[0]


def split_of(someone: str) -> str:
    """The split a person belongs to, from the name alone."""
    digest = hashlib.sha256(SAME.get(someone, someone).encode()).hexdigest()
    return "test" if int(digest[:8], 16) % TEST_SHARE == 0 else "train"


def _choose(split: str, names: Sequence[str]) -> Choice:
    taken = {name: 0 for name in names if name.startswith("images/") and split_of(person(name)) == split}
    return Choice(classes=(), labels=taken)


def _factors(path: Path, names: Sequence[str]) -> dict[str, torch.Tensor]:
    rows = _labels(path)
    stems = [PurePosixPath(name).stem for name in names]
    people = {someone: index for index, someone in enumerate(sorted({person(name) for name in names}))}
    factors = {
        factor: torch.tensor([values.get(rows.get(stem, {}).get(factor, ""), -1) for stem in stems])
        for factor, values in VALUES.items()
    }
    return factors | {"person": torch.tensor([people[person(name)] for name in names])}


def _labels(path: Path) -> dict[str, dict[str, str]]:
    """labels.csv, by the picture's name without its suffix."""
    try:
        with tarfile.open(path, mode="r:") as tar:
            member = tar.extractfile(LABELS)
            text = b"" if member is None else member.read(MAX_LABELS)
        rows = list(csv.DictReader(io.StringIO(text.decode("utf-8"))))
        if not rows or not {"name", *VALUES} <= set(rows[0]):
            raise ValueError(f"its columns must include name, {', '.join(VALUES)}")
    except (tarfile.TarError, KeyError, ValueError, csv.Error) as error:
        raise DataError(f"{path}: {LABELS} cannot be read ({error!s:.120}); get the tar again") from error
    return {row["name"]: row for row in rows}
