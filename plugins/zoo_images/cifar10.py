"""CIFAR-10, from `cifar10.tar` in a ZOO_DATA folder, else downloaded.

The tar holds `train/<class>/NNNN.jpg` and `test/<class>/NNNN.jpg`. The download is the lossless
original in its binary form, which is plain bytes; its pixels, and so the fingerprint, differ from
those of a tar of JPEG files.
"""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from zoo.data import DataRequest, Decoded, Examples
from zoo.errors import IntegrityError
from zoo.images import Rules, conform
from zoo_images import CIFAR10_CLASSES
from zoo_images.download import Download, fetched
from zoo_images.pictures import by_folder, load_decoded, load_pictures
from zoo_images.sources import open_source

TAR = "cifar10.tar"
VERSION = "cifar10-1"
ORIGINAL = Download(
    url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    md5="c32a1d4ab5d03f1284b67883e8d87530",
    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
FILES = {"train": [f"data_batch_{number}.bin" for number in range(1, 6)], "test": ["test_batch.bin"]}
RECORD = 1 + 3 * 32 * 32  # bytes: the label, then the red, green and blue planes
PER_FILE = 10_000


def load(request: DataRequest) -> Examples:
    """The split's pictures, (N, 3, 32, 32) unless the request says otherwise; with a selection, of that class alone.

    Raises NotFoundError when there is no tar and downloading is off, NetworkError or IntegrityError when the
    download fails, and DataError when the tar is damaged.
    """
    rules = Rules.of(request.data_shape)
    path = request.find(TAR)
    if path is None:
        return _original(rules, request)
    with open_source(path) as source:
        return load_pictures(
            source, partial(by_folder, request, CIFAR10_CLASSES), rules=rules, request=request, version=VERSION
        )


def _classes(request: DataRequest) -> tuple[str, ...]:
    return CIFAR10_CLASSES if request.selection is None else (request.selection,)


def _original(rules: Rules, request: DataRequest) -> Examples:
    def build() -> Decoded:
        with fetched(ORIGINAL, request, instead_of=TAR) as path:
            records = _records(path, FILES[request.split])
        labels = records[:, 0].long()
        if request.selection is not None:
            records = records[labels == CIFAR10_CLASSES.index(request.selection)]
            labels = torch.zeros(len(records), dtype=torch.int64)
        data = conform(records[:, 1:].reshape(-1, 3, 32, 32).contiguous(), rules)
        return Decoded(tensors={"data": data, "labels": labels}, notes={"classes": list(_classes(request))})

    return load_decoded(build, source=ORIGINAL.sha256, version=VERSION, rules=rules, request=request)


def _records(path: Path, files: Sequence[str]) -> torch.Tensor:
    """The records of `files`, (N, 3073) uint8, in the order of the archive's own numbering."""
    found: dict[str, bytes] = {}
    with tarfile.open(path, mode="r:gz") as tar:
        for member in tar:
            content = tar.extractfile(member)
            name = member.name.rpartition("/")[2]
            if content is not None and name in files:
                found[name] = content.read(PER_FILE * RECORD)
    if sorted(found) != sorted(files) or any(len(content) != PER_FILE * RECORD for content in found.values()):
        raise IntegrityError(f"{path}: not the CIFAR-10 archive it should be; remove it and try again")
    joined = bytearray(b"".join(found[name] for name in files))
    return torch.frombuffer(joined, dtype=torch.uint8).view(-1, RECORD)
