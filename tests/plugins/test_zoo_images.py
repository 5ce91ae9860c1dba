"""zoo_images: pictures of every kind, folders and tars made to do harm, CIFAR-10 and its download, drawn shapes."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import struct
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from plugins.pictures import OTHER, fill, load, picture, tar_of

import zoo_images
from zoo.errors import DataError, IntegrityError, NetworkError, NotFoundError, StorageError, UsageError
from zoo.images import decode as images
from zoo.images import import_torchvision
from zoo.images.decode import Rules, decode_picture
from zoo_images import cifar10, download, shapes


def test_describing_the_datasets_needs_no_torch() -> None:
    """Importing the plugin and asking for its datasets loads neither torch nor Pillow."""
    code = (
        "import sys, zoo_images; specs = list(zoo_images.zoo_datasets(None));"
        "assert not {'torch', 'PIL'} & set(sys.modules); assert len(specs) >= 3"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=os.environ | {"PYTHONPATH": _path()})


def _path() -> str:
    return os.pathsep.join(filter(None, sys.path))


def float_picture() -> bytes:
    file = io.BytesIO()
    Image.new("F", (8, 8), 0.5).save(file, "TIFF")
    return file.getvalue()


def palette_picture(transparent: bool) -> bytes:
    file = io.BytesIO()
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, *OTHER])
    image.save(file, "PNG", **({"transparency": 1} if transparent else {}))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (picture(1, "1"), (255, 255, 255)),
        (picture(77, "L"), (77, 77, 77)),
        (picture((0, 128), "LA"), (127, 127, 127)),
        (picture(OTHER), OTHER),
        (picture((255, 0, 0, 0), "RGBA"), (255, 255, 255)),
        (picture((255, 0, 0, 255), "RGBA"), (255, 0, 0)),
        (picture((0, 255, 255, 0), "CMYK", kind="TIFF"), (255, 0, 0)),
        (picture(32896, "I;16"), (128, 128, 128)),
        (picture(65535, "I", kind="TIFF"), (255, 255, 255)),
        (picture(70000, "I", kind="TIFF"), (255, 255, 255)),
        (picture((128, 128, 128), "LAB", kind="TIFF"), (119, 119, 119)),
        (float_picture(), (128, 128, 128)),
        (palette_picture(transparent=False), OTHER),
        (palette_picture(transparent=True), (255, 255, 255)),
        (picture(OTHER, kind="BMP"), OTHER),
        (picture(OTHER, kind="PPM"), OTHER),
        (picture(OTHER, size=(30, 3)), OTHER),
    ],
)
def test_every_mode_becomes_colour_and_grey(content: bytes, expected: tuple[int, int, int]) -> None:
    """Whatever mode a picture has, it becomes the documented colour, and its ITU-R 601 grey, at the size asked for."""
    colour = decode_picture(content, Rules(image_size=4))
    assert colour.shape == (3, 4, 4)
    assert colour.dtype == torch.uint8
    assert [colour[:, i, j].tolist() for i, j in ((0, 0), (3, 3))] == [list(expected)] * 2
    grey = decode_picture(content, Rules(image_size=4, channels=1))
    assert grey.shape == (1, 4, 4)
    red, green, blue = expected
    assert abs(int(grey[0, 0, 0]) - (0.299 * red + 0.587 * green + 0.114 * blue)) <= 1


def test_orientation_and_crop_come_before_the_size() -> None:
    """A photograph taken sideways is turned by its EXIF orientation, then cut to its centred square."""
    image = Image.new("RGB", (8, 4), "black")
    image.paste("white", (0, 0, 4, 4))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned clockwise: white comes to the top
    file = io.BytesIO()
    image.save(file, "PNG", exif=exif)
    pixels = decode_picture(file.getvalue(), Rules(image_size=4))
    assert pixels[0, 0].tolist() == [255] * 4
    assert pixels[0, 3].tolist() == [0] * 4


def test_of_an_animation_the_first_frame_counts() -> None:
    """An animated GIF is its first frame."""
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    assert decode_picture(file.getvalue(), Rules(image_size=None))[:, 0, 0].tolist() == [255, 0, 0]


def bomb() -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"hello", "not a picture"),
        (b"", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (picture(size=(64, 64), kind="JPEG")[:-300], "."),
        (picture(size=(64, 64))[:80], "."),
        (bomb(), "pixels"),
        (picture(size=(9000, 8000), mode="1", colour=0), "pixels"),
        (b"\0" * (images.MAX_FILE_BYTES + 1), "64 MiB"),
    ],
)
def test_a_bad_picture_is_a_data_error(content: bytes, cause: str) -> None:
    """Text, PostScript, cut files, bombs and huge files are each a DataError that says why."""
    with pytest.raises(DataError, match=cause):
        decode_picture(content, Rules(image_size=8))


@pytest.mark.parametrize(
    ("size", "channels"), [(0, 3), (-1, 3), (4096, 3), (2.5, 3), (True, 3), (8, 2), (8, 0), (8, 4)]
)
def test_sizes_out_of_range_are_refused(size: int, channels: int, tmp_path: Path) -> None:
    """A size or number of channels that cannot be meant is a UsageError, for every dataset of pictures."""
    for reference in (f"images:{fill(tmp_path, 2)}", "shapes", "cifar10"):
        with pytest.raises(UsageError, match=r"image_size|channels"):
            load(reference, data_shape=(channels, size, size))


def small_cifar(folder: Path) -> Path:
    names = [(split, name) for split in ("train", "test") for name in zoo_images.CIFAR10_CLASSES]
    members = {f"{split}/{name}/0001.jpg": picture((9, 9, 9), size=(32, 32), kind="JPEG") for split, name in names}
    members["train/frog/0000.jpg"] = picture((90, 90, 90), size=(32, 32), kind="JPEG")
    members["train/cat/0000.jpg"] = b"would be bad, if it were looked at"
    return tar_of(folder / "cifar10.tar", members)


def test_only_the_class_asked_for_is_decoded(tmp_path: Path) -> None:
    """cifar10[frog] is the split's frogs in the order of their numbers; a bad cat does not matter to it."""
    small_cifar(tmp_path)
    frogs = load("cifar10[frog]", roots=str(tmp_path))
    assert (frogs.data[:, 0, 0, 0].tolist(), frogs.classes, frogs.skipped) == ([90, 9], ("frog",), ())
    every = load("cifar10", roots=str(tmp_path), split="test")
    assert every.labels is not None
    assert every.labels.tolist() == list(range(10))
    assert load("cifar10[cat]", roots=str(tmp_path), split="test", data_shape=(3, 48, 48)).data.shape == (1, 3, 48, 48)
    with pytest.raises(DataError, match=r"cat/0000\.jpg"):
        load("cifar10[cat]", roots=str(tmp_path))


def test_real_cifar(tmp_path: Path, real_data: Callable[[str], str]) -> None:
    """The 1,000 test frogs of cifar10.tar are 32 x 32 colour pictures, twice the same."""
    roots = real_data("cifar10.tar")
    frogs = load("cifar10[frog]", tmp_path, roots=roots, split="test")
    assert frogs.data.shape == (1000, 3, 32, 32)
    assert (frogs.classes, frogs.skipped) == (("frog",), ())
    assert load("cifar10[frog]", tmp_path, roots=roots, split="test").sha256 == frogs.sha256


def original(monkeypatch: pytest.MonkeyPatch, *, wrong: bool = False, error: Exception | None = None) -> list[str]:
    """Put a tiny archive in the place of the published one; what is fetched is noted in the list returned."""
    records = {
        f"cifar-10-batches-bin/{name}": bytes([label, *[label * 20] * 3072, 6, *[60] * 3072])
        for label, name in enumerate([*cifar10.FILES["train"], *cifar10.FILES["test"]])
    }
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in reversed(records.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    content = file.getvalue()
    pinned = download.Download(url="https://x.test/c.tar.gz", md5="", sha256=hashlib.sha256(content).hexdigest())
    fetched: list[str] = []

    def download_url(url: str, root: str, md5: str) -> None:
        fetched.append(url)
        assert socket.getdefaulttimeout() is not None
        if error is not None:
            raise error
        (Path(root) / "c.tar.gz").write_bytes(content[:-1] if wrong else content)

    monkeypatch.setattr(cifar10, "ORIGINAL", pinned)
    monkeypatch.setattr(cifar10, "PER_FILE", 2)
    monkeypatch.setattr(download, "import_torchvision", lambda _: SimpleNamespace(download_url=download_url))
    return fetched


def test_without_the_tar_the_original_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without cifar10.tar the pinned original is fetched once, kept, and read losslessly in its own order."""
    fetched = original(monkeypatch)
    examples = load("cifar10", tmp_path, offline="0")
    assert examples.labels is not None
    assert examples.labels.tolist() == [0, 6, 1, 6, 2, 6, 3, 6, 4, 6]
    assert examples.data[:4, 2, 31, 31].tolist() == [0, 60, 20, 60]
    frogs = load("cifar10[frog]", tmp_path, offline="1", data_shape=(1, 32, 32))
    assert (frogs.data.shape, frogs.classes) == ((5, 1, 32, 32), ("frog",))
    assert len(fetched) == 1
    kept = tmp_path / "downloads" / "c.tar.gz"
    kept.write_bytes(b"damaged")
    assert len(load("cifar10", tmp_path, offline="0", split="test").data) == 2
    assert len(fetched) == 2
    assert [path.name for path in kept.parent.iterdir()] == ["c.tar.gz"]


def test_a_download_needs_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be kept, the original is fetched, read and forgotten."""
    original(monkeypatch)
    assert len(load("cifar10", offline="0").data) == 10


def test_a_failed_download_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other bytes, a wrong md5 and a network that is down are typed errors, say what to set, and leave no file."""
    original(monkeypatch, wrong=True)
    with pytest.raises(IntegrityError, match="pinned"):
        load("cifar10", tmp_path, offline="0")
    for error, kind in (
        (RuntimeError("File not found or corrupted."), IntegrityError),
        (TimeoutError("timed out"), NetworkError),
        (ValueError("odd"), NetworkError),
        (OSError(28, "No space left on device"), StorageError),
        (PermissionError(13, "Permission denied", "/x"), StorageError),
    ):
        original(monkeypatch, error=error)
        with pytest.raises(kind, match="set ZOO_DATA"):
            load("cifar10", tmp_path, offline="0")
    assert list((tmp_path / "downloads").iterdir()) == []
    assert socket.getdefaulttimeout() is None


def test_offline_nothing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ZOO_OFFLINE the missing tar is a NotFoundError that says where it was looked for and what to set."""
    fetched = original(monkeypatch)
    with pytest.raises(NotFoundError, match=f"{tmp_path}.*ZOO_OFFLINE.*set ZOO_DATA"):
        load("cifar10", roots=str(tmp_path))
    assert fetched == []


def test_torchvision_can_be_imported() -> None:
    """torchvision and its download helper can be imported beside this torch, as often as one likes."""
    for module in ("torchvision", "torchvision.datasets.utils", "torchvision"):
        assert import_torchvision(module).__name__ == module


def test_shapes_are_drawn_as_their_factors_say() -> None:
    """A shape's centre of mass, area and hue are those of its factors."""
    examples = load("shapes", split="test", data_shape=(3, 64, 64))
    weight = examples.data.float().amax(dim=1) / 255
    area = weight.sum(dim=(1, 2)) / 64**2
    centre = (torch.arange(64) + 0.5) / 64
    across = (weight.sum(dim=1) * centre).sum(dim=1) / weight.sum(dim=(1, 2))
    down = (weight.sum(dim=2) * centre).sum(dim=1) / weight.sum(dim=(1, 2))
    factors = examples.factors
    assert (across - factors["x"]).abs().max() < 0.005
    assert (down - factors["y"]).abs().max() < 0.005
    assert (area / (torch.pi * factors["scale"].square()) - 1).abs().max() < 0.06
    assert torch.equal(examples.labels, factors["shape"])  # type: ignore[arg-type]
    redness = (factors["colour"] - 0.5).abs() > 0.45
    inside = examples.data[torch.arange(2000), :, (factors["y"] * 64).long(), (factors["x"] * 64).long()]
    assert (inside[redness, 0] == 255).all()
    assert (inside[redness, 1:].amax(dim=1) < 100).all()


def test_a_shape_depends_on_its_index_alone() -> None:
    """Circles are the same whether drawn alone or among others; splits differ; factors fill their ranges."""
    every, circles, test = load("shapes"), load("shapes[circle]"), load("shapes", split="test")
    assert (every.data.shape, test.data.shape) == ((10_000, 3, 32, 32), (2000, 3, 32, 32))
    assert torch.equal(every.data[every.labels == 0], circles.data)
    assert circles.classes == ("circle",)
    assert len(torch.cat([every.data, test.data]).flatten(1).unique(dim=0)) == 12_000
    for name, low, high in (("colour", 0, 1), ("x", 0.25, 0.75), ("y", 0.25, 0.75), ("scale", 0.1, 0.2)):
        values = (every.factors[name] - low) / (high - low)
        assert 0 <= values.min() < 0.01
        assert 0.99 < values.max() < 1
        assert abs(values.mean() - 0.5) < 0.01
    table = torch.stack([every.factors[name].float() for name in shapes._factors(torch.arange(1))])
    assert (torch.corrcoef(table) - torch.eye(5)).abs().max() < 0.04
    assert load("shapes", data_shape=(1, 32, 32)).data.shape == (10_000, 1, 32, 32)
