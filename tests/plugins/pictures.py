"""What the tests of zoo_images share: pictures, tars of them, and how they are loaded."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from PIL import Image
from plugins.shard_files import REGISTRY, make

from zoo.data.loading import Examples, load_dataset

OTHER = (10, 200, 90)


def load(reference: str, cache: Path | None = None, *, roots: str = "", offline: str = "1", **rest: object) -> Examples:
    env = {"ZOO_DATA": roots, "ZOO_CACHE": str(cache or "/proc/none"), "ZOO_OFFLINE": offline}
    return load_dataset(reference, registry=REGISTRY, env=env, **rest)  # type: ignore[arg-type]


def picture(colour: object = OTHER, mode: str = "RGB", size: tuple[int, int] = (8, 8), kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, kind)  # type: ignore[arg-type]
    return file.getvalue()


def fill(folder: Path, count: int = 20) -> Path:
    for index in range(count):
        path = folder / ("cat", "dog")[index % 2] / f"{index:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture((index, 0, 0)))
    return folder


def hold_out(folder: Path) -> Path:
    """Put a picture into `test`, so that all others are trained on."""
    (folder / "test" / "cat").mkdir(parents=True)
    (folder / "test" / "cat" / "t.png").write_bytes(picture((250, 0, 0)))
    return folder


def tar_of(path: Path, members: dict[str, bytes], *extra: tarfile.TarInfo) -> Path:
    return make(path, list(members.items()), *extra)
