"""zoo_images: pictures of every kind, folders and tars made to do harm, CIFAR-10 and its download, drawn shapes."""

from __future__ import annotations

import gzip
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

import zoo_images
from zoo.api import PluginContext
from zoo.catalogue.contract.registry import Owned, Registry
from zoo.data.loading import Examples, load_dataset
from zoo.errors import DataError, IntegrityError, NetworkError, NotFoundError, StorageError, UsageError
from zoo.images import decode as images
from zoo.images import zoo_modalities
from zoo.images.decode import Rules, decode
from zoo_images import cifar10, download, shapes, sources
from zoo_images.torchvision_shim import import_torchvision

SPECS = [*zoo_images.zoo_datasets(PluginContext(namespace="")), *zoo_modalities(PluginContext(namespace=""))]
REGISTRY = Registry.of(Owned(name=spec.name, spec=spec, owner="zoo_images") for spec in SPECS)
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


def tar_of(path: Path, members: dict[str, bytes], *extra: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in extra:
            tar.addfile(member)
    return path


def good(count: int = 60) -> dict[str, bytes]:
    return {f"a/{index:03}.png": picture((index, 0, 0)) for index in range(count)}


# --- specs


def test_describing_the_datasets_needs_no_torch() -> None:
    """Importing the plugin and asking for its datasets loads neither torch nor Pillow."""
    code = (
        "import sys, zoo_images; specs = list(zoo_images.zoo_datasets(None));"
        "assert not {'torch', 'PIL'} & set(sys.modules); assert len(specs) >= 3"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=os.environ | {"PYTHONPATH": _path()})


def _path() -> str:
    return os.pathsep.join(filter(None, sys.path))


# --- one picture


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
    colour = decode(content, Rules(image_size=4))
    assert colour.shape == (3, 4, 4)
    assert colour.dtype == torch.uint8
    assert [colour[:, i, j].tolist() for i, j in ((0, 0), (3, 3))] == [list(expected)] * 2
    grey = decode(content, Rules(image_size=4, channels=1))
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
    pixels = decode(file.getvalue(), Rules(image_size=4))
    assert pixels[0, 0].tolist() == [255] * 4
    assert pixels[0, 3].tolist() == [0] * 4


def test_of_an_animation_the_first_frame_counts() -> None:
    """An animated GIF is its first frame."""
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    assert decode(file.getvalue(), Rules(image_size=None))[:, 0, 0].tolist() == [255, 0, 0]


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
        decode(content, Rules(image_size=8))


@pytest.mark.parametrize(
    ("size", "channels"), [(0, 3), (-1, 3), (4096, 3), (2.5, 3), (True, 3), (8, 2), (8, 0), (8, 4)]
)
def test_sizes_out_of_range_are_refused(size: int, channels: int, tmp_path: Path) -> None:
    """A size or number of channels that cannot be meant is a UsageError, for every dataset of pictures."""
    for reference in (f"images:{fill(tmp_path, 2)}", "shapes", "cifar10"):
        with pytest.raises(UsageError, match=r"image_size|channels"):
            load(reference, data_shape=(channels, size, size))


# --- folders


def test_a_folder_becomes_classes(tmp_path: Path) -> None:
    """The folders at the first level are the classes, in the order of their names; so are the pictures."""
    fill(tmp_path)
    (tmp_path / "dog" / "deep").mkdir()
    (tmp_path / "dog" / "deep" / "x.jpg").write_bytes(picture(kind="JPEG"))
    (tmp_path / "notes.txt").write_text("not a picture, and not asked to be one")
    (tmp_path / ".hidden.png").write_text("passed over")
    examples = load(f"images:{tmp_path}")
    assert examples.data.shape == (21, 3, 64, 64)
    assert (examples.classes, examples.skipped) == (("cat", "dog"), ())
    assert examples.labels is not None
    assert examples.labels.tolist() == [0] * 10 + [1] * 11
    assert examples.data[:3, 0, 0, 0].tolist() == [0, 2, 4]
    dogs = load(f"images[dog]:{tmp_path}", data_shape=(1, 16, 16))
    assert dogs.data.shape == (11, 1, 16, 16)
    assert dogs.classes == ("dog",)


def test_pictures_outside_of_folders_have_no_classes(tmp_path: Path) -> None:
    """A folder with a picture at its top has no classes and no labels."""
    fill(tmp_path)
    (tmp_path / "x.png").write_bytes(picture())
    examples = load(f"images:{tmp_path}")
    assert (examples.classes, examples.labels) == ((), None)
    with pytest.raises(NotFoundError, match="cat"):
        load(f"images[cat]:{tmp_path}")


def test_folders_train_and_test_are_splits(tmp_path: Path) -> None:
    """Folders named train and test are the splits, with the classes below; without them there is only train."""
    fill(tmp_path / "train", 4)
    fill(tmp_path / "test", 2)
    assert len(load(f"images:{tmp_path}").data) == 4
    held_out = load(f"images:{tmp_path}", split="test")
    assert (len(held_out.data), held_out.classes) == (2, ("cat", "dog"))
    with pytest.raises(NotFoundError, match="val"):
        load(f"images:{tmp_path}", split="val")
    with pytest.raises(NotFoundError, match="only 'train'"):
        load(f"images:{tmp_path / 'train'}", split="test")


def test_up_to_a_tenth_may_be_bad(tmp_path: Path) -> None:
    """Two bad files of twenty are left out and named; a third is an error that names them."""
    fill(tmp_path)
    (tmp_path / "cat" / "00.png").write_text("a text")
    (tmp_path / "dog" / "01.png").write_bytes(picture(size=(64, 64))[:80])
    examples = load(f"images:{tmp_path}", tmp_path.parent / "cache")
    assert examples.data.shape[0] == 18
    assert [name.split(" ")[0] for name in examples.skipped] == ["cat/00.png", "dog/01.png"]
    assert load(f"images:{tmp_path}", tmp_path.parent / "cache").skipped == examples.skipped
    (tmp_path / "dog" / "03.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"3 of 20 .*cat/00\.png \(not a picture\)"):
        load(f"images:{tmp_path}")


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    """A missing path is not found, an empty folder is named, and a file that is no tar is a data error."""
    with pytest.raises(NotFoundError, match="nowhere"):
        load(f"images:{tmp_path}/nowhere")
    with pytest.raises(DataError, match=f"{tmp_path}: no pictures"):
        load(f"images:{tmp_path}")
    (tmp_path / "x.png").write_bytes(picture())
    with pytest.raises(DataError, match="as a tar"):
        load(f"images:{tmp_path / 'x.png'}")
    with pytest.raises(DataError, match="neither a folder nor a tar"):
        load("images:/dev/zero")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_cannot_be_read_is_a_storage_error(tmp_path: Path) -> None:
    """A folder without the right to read it is a StorageError that names it."""
    (fill(tmp_path) / "cat").chmod(0)
    with pytest.raises(StorageError, match="cat"):
        load(f"images:{tmp_path}")
    (tmp_path / "cat").chmod(0o700)


def test_links_and_pipes_in_a_folder_are_not_opened(tmp_path: Path) -> None:
    """A link out of the folder, a broken one, a pipe and a device are named; a link inside is followed."""
    folder = fill(tmp_path / "photos", 60)
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture())
    (folder / "cat" / "out.png").symlink_to(secret)
    (folder / "cat" / "broken.png").symlink_to(tmp_path / "nothing")
    (folder / "cat" / "circle.png").symlink_to(folder / "cat" / "circle.png")
    (folder / "cat" / "device.png").symlink_to("/dev/zero")
    (folder / "cat" / "in.png").symlink_to("00.png")
    (folder / "dog" / "up").symlink_to(tmp_path)
    os.mkfifo(folder / "dog" / "pipe.png")
    examples = load(f"images:{folder}")
    assert len(examples.data) == 61
    names = [name.split(" ")[0] for name in examples.skipped]
    assert names == ["cat/broken.png", "cat/circle.png", "cat/device.png", "cat/out.png", "dog/pipe.png"]


def test_a_name_in_any_bytes_can_be_printed(tmp_path: Path) -> None:
    """File names that are no UTF-8, or hold control characters, are named in a form that can be printed."""
    fill(tmp_path)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/cat/\xff\x1b[2J.png")).write_text("bad")
    (name,) = load(f"images:{tmp_path}", tmp_path.parent / "cache").skipped
    assert name.isprintable()
    assert name.encode()


def test_a_changed_picture_is_seen(tmp_path: Path) -> None:
    """The cache goes by content: a picture that changes under its old name changes the examples."""
    fill(tmp_path / "photos")
    before = load(f"images:{tmp_path / 'photos'}", tmp_path / "cache")
    assert load(f"images:{tmp_path / 'photos'}", tmp_path / "cache").sha256 == before.sha256
    assert len(list((tmp_path / "cache" / "decoded").iterdir())) == 1
    (tmp_path / "photos" / "cat" / "00.png").write_bytes(picture("white"))
    after = load(f"images:{tmp_path / 'photos'}", tmp_path / "cache")
    assert after.data[0].float().mean() == 255
    assert after.sha256 != before.sha256


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_what_changes_while_it_is_read_is_not_kept(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that is written to between its digest and its reading is a StorageError, and nothing is cached."""
    path = fill(tmp_path / "x") if kind == "folder" else tar_of(tmp_path / "x.tar", good())
    victim = path / "dog" / "19.png" if kind == "folder" else path
    decode_one = images.decode

    def touch(content: bytes, rules: Rules) -> torch.Tensor:
        with victim.open("ab") as file:
            file.write(b"more")
        return decode_one(content, rules)

    monkeypatch.setattr(images, "decode", touch)
    with pytest.raises(StorageError, match="try again"):
        load(f"images:{path}", tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


# --- tars


def test_a_tar_is_read_in_place(tmp_path: Path) -> None:
    """A tar gives what its folder gives, also with a leading ./ or one folder around all, and unpacks nothing."""
    fill(tmp_path / "photos")
    expected = load(f"images:{tmp_path / 'photos'}")
    for name, inside in (("a", "."), ("b", "photos"), ("c", "")):
        with tarfile.open(tmp_path / f"{name}.tar", "w") as tar:
            tar.add(tmp_path / "photos", arcname=inside or "/")
        examples = load(f"images:{tmp_path / name}.tar")
        assert (examples.sha256, examples.classes) == (expected.sha256, expected.classes)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "b.tar", "c.tar", "photos"]


def test_a_hostile_tar_reaches_nothing(tmp_path: Path) -> None:
    """Links, devices, pipes, absolute and .. paths in a tar are named as bad, and neither followed nor written."""

    def member(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        return info

    path = tar_of(
        tmp_path / "x.tar",
        good(70) | {"../out.png": picture(), "a/../../out.png": picture(), "/tmp/out.png": picture()},
        member("a/soft.png", tarfile.SYMTYPE, "/etc/passwd"),
        member("a/hard.png", tarfile.LNKTYPE, "a/000.png"),
        member("a/device.png", tarfile.CHRTYPE),
        member("a/pipe.png", tarfile.FIFOTYPE),
    )
    examples = load(f"images:{path}")
    assert (len(examples.data), examples.classes) == (70, ("a",))
    causes = [cause.split(" ", 1) for cause in examples.skipped]
    outside, special = "(a path that leads out of the tar)", "(a link, a device or a sparse file in a tar)"
    assert {name for name, cause in causes if cause == outside} == {"../out.png", "a/../../out.png", "/tmp/out.png"}
    assert sum(cause == special for _, cause in causes) == 4
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.tar"]
    assert not (tmp_path.parent / "out.png").exists()


def number(value: int) -> bytes:
    return b"\xff" * 4 + value.to_bytes(8, "big", signed=True)


def patched(content: bytes, at: int, patch: bytes) -> bytes:
    """`content` with the header at byte `at` given another size field, and its checksum put right."""
    header = bytearray(content[at : at + 512])
    header[124:136] = patch
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return content[:at] + bytes(header) + content[at + 512 :]


def long_names(content: bytes) -> bytes:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 1
    return (header.tobuf(tarfile.GNU_FORMAT) + b"a" + b"\0" * 511) * 3000 + content


@pytest.mark.parametrize(
    "harm",
    [
        lambda whole: whole[: len(whole) // 2 + 100],
        lambda whole: whole[:2048] + b"\x01" + whole[2049:],
        lambda whole: patched(whole, 1024, number(-512)),
        lambda whole: patched(whole, 1024, b"77777777777\0"),
        lambda whole: patched(whole, 1024, b"\x80" + b"\xff" * 11),
        long_names,
        gzip.compress,
        lambda whole: b"",
        lambda whole: b"\x01" * 4096,
    ],
    ids=["cut", "flipped", "backwards", "too-long", "huge", "long-names", "gzip", "empty", "noise"],
)
def test_a_damaged_tar_is_a_data_error(harm: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """A tar that is cut, damaged, compressed or leads the reader backwards ends in a DataError that names it."""
    whole = tar_of(tmp_path / "x.tar", good()).read_bytes()
    (tmp_path / "x.tar").write_bytes(harm(whole))
    with pytest.raises(DataError, match=r"x\.tar"):
        load(f"images:{tmp_path / 'x.tar'}")


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More members or files than are looked at is a DataError, not a full memory."""
    monkeypatch.setattr(sources, "MAX_FILES", 10)
    for path in (tar_of(tmp_path / "x.tar", good(11)), fill(tmp_path / "photos", 24)):
        with pytest.raises(DataError, match="more than 10"):
            load(f"images:{path}")


def test_too_much_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures that would not fit in memory together are a DataError that says what to do."""
    monkeypatch.setattr(images, "MAX_DECODED_BYTES", 1000)
    with pytest.raises(DataError, match="smaller image_size"):
        load(f"images:{fill(tmp_path)}")


# --- cifar10


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


# --- shapes


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
