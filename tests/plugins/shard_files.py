"""What the tests of shards share: tars of pictures that say their number, and how they are read."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image

import zoo_images
from zoo.api import PluginContext
from zoo.catalogue.contract.registry import Owned, Registry
from zoo.data.batches import Batches
from zoo.data.loading import Streamed, stream_dataset
from zoo.images import zoo_modalities

SPECS = [*zoo_images.zoo_datasets(PluginContext(namespace="")), *zoo_modalities(PluginContext(namespace=""))]
REGISTRY = Registry.of(Owned(name=spec.name, spec=spec, owner="zoo_images") for spec in SPECS)
Files = list[tuple[str, bytes]]


def picture(number: int) -> bytes:
    """A picture that says its number."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (number % 256, number // 256, 7)).save(file, "PNG")
    return file.getvalue()


def numbers(pixels: torch.Tensor) -> list[int]:
    return [int(x[0, 0, 0]) + 256 * int(x[1, 0, 0]) for x in pixels]


def files_of(rows: range, classes: Callable[[int], str] | None = None) -> Files:
    files = []
    for row in rows:
        files.append((f"{row:06}.png", picture(row)))
        files.append((f"{row:06}.json", json.dumps({"row": row}).encode()))
        if classes is not None:
            files.append((f"{row:06}.cls", classes(row).encode()))
    return files


def make(path: Path, files: Files, *extra: tarfile.TarInfo, form: int = tarfile.USTAR_FORMAT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as tar:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in extra:
            tar.addfile(member)
    return path


def stream(reference: object, cache: Path | None = None, **rest: Any) -> Streamed:
    env = {"ZOO_CACHE": str(cache or "/proc/none")}
    found = stream_dataset(f"shards:{reference}", registry=REGISTRY, env=env, data_shape=(3, 8, 8), **rest)
    assert isinstance(found, Streamed)
    return found


def whole(reference: object) -> list[int]:
    """The numbers of the pictures of both splits, sorted."""
    found = [stream(reference, split=split).data for split in ("train", "test")]
    return sorted(number for data in found for number in numbers(data.read(torch.arange(len(data)))[0]))


def walk(found: Streamed, count: int, *, batch_size: int = 16, seed: int = 0) -> list[list[int]]:
    batches = Batches(found.data, found.labels, batch_size=batch_size, seed=seed)
    return [numbers(batches.next()[0]) for _ in range(count)]


def two_classes(shard: int) -> Files:
    return files_of(range(10 * shard, 10 * shard + 10), lambda row: str(row % 3))


def member(name: str, kind: bytes, **more: Any) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    for key, value in more.items():
        setattr(made, key, value)
    return made
