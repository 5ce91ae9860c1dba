"""zoo.images.kinds and zoo_images: content decides what is a picture; all else is counted by kind."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, features
from plugins.pictures import OTHER, hold_out, load, picture, tar_of

from zoo.data.facts import data_facts
from zoo.errors import DataError, UsageError
from zoo.images import FORMATS, Rules, decode_picture, kind_of, passed_over
from zoo_images import shards

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 40
MP4 = b"\0\0\0\x18ftypisom\0\0\0\0isomiso2" + b"\0" * 40
PIECES = {  # a format -> its first bytes, as Pillow writes them
    kind: picture(kind=kind)
    for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")
    if kind != "AVIF" or features.check("avif")
}


@pytest.mark.parametrize("kind", PIECES)
def test_content_tells_a_picture(kind: str, tmp_path: Path) -> None:
    """A picture is one whatever its name: without an ending, with another one, with none that is known."""
    for name in ("photo", "photo.txt", "photo.png", "IMG_1.JPG", "a.b"):
        assert kind_of(name, PIECES[kind][:32]) == kind
        hold_out(tmp_path / name)
        (tmp_path / name / name).write_bytes(PIECES[kind])
        data = load(f"images:{tmp_path / name}", data_shape=(3, 8, 8)).data
        assert (data[0].float().mean(dim=(1, 2)) - torch.tensor(OTHER)).abs().max() < 8


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("x", HEIC, "HEIC"),
        ("x.jpg", HEIC, "HEIC"),
        ("x.mp4", MP4, "video"),
        ("x.avi", b"RIFF....AVI LIST", "video"),
        ("x", b"\xff\x0a\0\0", "JPEG XL"),
        ("x.psd", b"8BPS\0\1", "Photoshop"),
        ("x.nef", PIECES["TIFF"][:32], "camera raw"),
        ("x.txt", b"BMW makes cars, and so do others", ".txt"),
        ("x.txt", b"P1 is a petrol", ".txt"),
        ("notes", b"hello", ""),
        ("x.png", b"hello", "PNG"),
    ],
)
def test_other_kinds_are_named(name: str, head: bytes, kind: str) -> None:
    """What is no picture that can be read is named as people know it; what its name says is one, is bad as such."""
    assert kind_of(name, head) == kind


def mixed(root: Path) -> Path:
    """Of six pictures three have no picture's name; around them what should not be trained on."""
    hold_out(root)
    for name in ("a.png", "b.PNG", "c.jpg", "d", "e.data", "f.txt"):
        (root / name).write_bytes(picture((len(name), 0, ord(name[0]))))
    for index in range(4):
        (root / f"{index}.heic").write_bytes(HEIC)
    for name, content in (
        ("x.mp4", MP4),
        ("notes.txt", b"x"),
        ("Thumbs.db", b"x"),
        (".DS_Store", b"x"),
        ("README", b""),
    ):
        (root / name).write_bytes(content)
    return root


LEFT_OUT = (
    "left out: 4 HEIC pictures (convert them to JPEG or PNG), 1 file without ending, 1 .db file, 1 .txt file, "
    "1 hidden file or folder, 1 video (take pictures out of them: ffmpeg -i VIDEO -r 1 %06d.png)"
)


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_what_is_passed_over_is_counted(kind: str, tmp_path: Path) -> None:
    """All six pictures are examples; the rest is named by kind, in a folder as in a tar, from the cache too."""
    path = mixed(tmp_path / "photos")
    if kind == "tar":
        files = {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}
        path = tar_of(tmp_path / "x.tar", files)
    for _ in range(2):
        examples = load(f"images:{path}", tmp_path / "cache")
        assert len(examples.data) == 6
        assert examples.notes[-1] == LEFT_OUT


def test_links_in_a_tar_are_what_they_lead_to(tmp_path: Path) -> None:
    """A tar of files that are links to each other, or hard links, gives the pictures of the folder."""
    photos = hold_out(tmp_path / "photos")
    for index in range(6):
        (photos / f"{index}.png").write_bytes(picture((index, 0, 0)))
    (photos / "soft").symlink_to("1.png")
    (photos / "test" / "up.png").symlink_to("../2.png")
    (photos / "hard.png").hardlink_to(photos / "0.png")
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        tar.add(photos, ".")
    for split in ("train", "test"):
        folder, packed = (load(f"images:{tmp_path / name}", split=split) for name in ("photos", "x.tar"))
        assert packed.sha256 == folder.sha256
        assert packed.skipped == ()


def test_unreadable_pictures_are_skipped_by_a_starter_too(tmp_path: Path) -> None:
    """A dangling link, or one that leads in a circle, costs itself alone when the data are looked at."""
    hold_out(tmp_path)
    for index in range(30):
        (tmp_path / f"{index}.png").write_bytes(picture((index, 0, 0)))
    (tmp_path / "a.png").symlink_to(tmp_path / "nothing.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "b.png")
    from zoo.catalogue.plugins.loading import default_registry

    assert data_facts(str(tmp_path), registry=default_registry()).count == 30
    assert [line.split(" ")[0] for line in load(f"images:{tmp_path}").skipped] == ["a.png", "b.png"]


def tiff(values: torch.Tensor, code: str, bits: int, **tags: int) -> bytes:
    """A grey TIFF of these values, one line, written by hand: Pillow writes few kinds."""
    import struct

    data = b"".join(struct.pack(f"<{code}", value) for value in values.tolist())
    entries = {256: len(values), 257: 1, 258: bits, 259: 1, 262: tags.get("photometric", 1), 273: 8, 277: 1, 278: 1}
    entries |= {279: len(data)} | ({339: tags["sample"]} if "sample" in tags else {})
    table = struct.pack("<H", len(entries))
    table += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items()))
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + table + b"\0" * 4


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            tiff(torch.tensor([0, 257, 65535, 2**31 - 1, 2**31, 2**32 - 1]), "I", 32, sample=1),
            [0, 1, 255, 255, 255, 255],
        ),
        (tiff(torch.tensor([0, 257, 65535, -5]), "i", 32, sample=2), [0, 1, 255, 0]),
        (tiff(torch.tensor([0, 32896, 65535]), "H", 16), [0, 128, 255]),
        (tiff(torch.tensor([0, 32639, 65535]), "H", 16, photometric=0), [255, 128, 0]),
    ],
    ids=["uint32", "int32", "uint16", "white is zero"],
)
def test_deep_integers_are_scaled_and_clipped(content: bytes, expected: list[int]) -> None:
    """0..65535 become 0..255, in unsigned and signed files; above is white, also from 2^31 on, below is black."""
    assert decode_picture(content, Rules(image_size=None, channels=1)).flatten().tolist() == expected


def frames(*colours: str, kind: str) -> bytes:
    file = io.BytesIO()
    first, *rest = (Image.new("RGB", (8, 8), colour) for colour in colours)
    first.save(file, kind, save_all=True, append_images=rest)
    return file.getvalue()


def oblong(width: int, height: int) -> bytes:
    """Red, with its middle square blue."""
    image, file = Image.new("RGB", (width, height), "red"), io.BytesIO()
    side = min(width, height)
    image.paste("blue", ((width - side) // 2, (height - side) // 2, (width + side) // 2, (height + side) // 2))
    image.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("fit", "middle", "corner", "says"),
    [
        (
            "crop",
            (0, 0, 255),
            (0, 0, 255),
            "the middle is kept, 50% of the area is cut off, more than half of 2 of them",
        ),
        ("pad", (0, 0, 255), (0, 0, 0), "they are whole, and 50% of the squares are black bars"),
        ("stretch", (0, 0, 255), (255, 0, 0), "they are whole, and the longer side is up to 4.0 times shorter"),
    ],
)
def test_what_is_not_square_fits_as_one_chooses(fit: str, middle: Any, corner: Any, says: str, tmp_path: Path) -> None:
    """Cropped, padded or stretched, and a line says how much of the pictures is lost, or added."""
    hold_out(tmp_path)
    for index, size in enumerate([(64, 16), (16, 64), (32, 32)]):
        (tmp_path / f"{index}.png").write_bytes(oblong(*size))
    examples = load(f"images:{tmp_path}#fit={fit}", data_shape=(3, 16, 16))
    for x in examples.data[:2]:
        assert (tuple(x[:, 8, 8].tolist()), tuple(x[:, 0, 0].tolist())) == (middle, corner)
    (line,) = (note for note in examples.notes if "square" in note)
    assert line.startswith("2 of 3 pictures are not square: ")
    assert says in line
    assert (
        load(f"images:{tmp_path}", data_shape=(3, 16, 16)).sha256
        == load(f"images:{tmp_path}#fit=crop", data_shape=(3, 16, 16)).sha256
    )


def test_an_option_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A misspelt option or value names those that there are; a dataset without options says so."""
    hold_out(tmp_path)
    with pytest.raises(UsageError, match=r"images: fit=cut is none of its choices; there are crop, pad, stretch"):
        load(f"images:{tmp_path}#fit=cut")
    with pytest.raises(UsageError, match="images has no option 'fitt'; did you mean 'fit'"):
        load(f"images:{tmp_path}#fitt=pad")
    with pytest.raises(UsageError, match="mnist has no option 'fit'; it has none"):
        load("mnist#fit=pad")


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_animations_are_counted(kind: str, tmp_path: Path) -> None:
    """Of an animation, or of several pages, the first is the example, and a line says of how many that is so."""
    hold_out(tmp_path)
    (tmp_path / "a").write_bytes(frames("red", "blue", kind=kind))
    (tmp_path / "b.png").write_bytes(picture())
    examples = load(f"images:{tmp_path}")
    assert examples.data[0, 0].float().mean() > 240
    assert "1 of 2 pictures have several frames or pages: the first is taken" in examples.notes


def test_shards_fit_and_say_so(tmp_path: Path) -> None:
    """Shards take the same option, and the line is of those that were looked at."""
    files = {f"{index:03}.png": oblong(64, 16) for index in range(20)}
    tar_of(tmp_path / "x.tar", files | {f"{index:03}.txt": b"x" for index in range(20)})
    examples = load(f"shards:{tmp_path}#fit=pad", data_shape=(3, 16, 16))
    assert examples.data[0, :, 0, 0].tolist() == [0, 0, 0]
    assert any("looked at some: " in note and "75% of the squares are black bars" in note for note in examples.notes)
    assert "left out: 20 .txt files" in examples.notes
    assert shards.IMAGE_SIZE == 64


def test_formats_that_are_known_can_be_read() -> None:
    """Each format that counts as a picture is one that this Pillow opens."""
    assert set(FORMATS) == set(PIECES)
    assert passed_over({}) == ""
    assert passed_over({"video": 1, ".txt": 2, "": 1, "HEIC": 1}) == (
        "left out: 2 .txt files, 1 file without ending, 1 HEIC picture (convert them to JPEG or PNG), "
        "1 video (take pictures out of them: ffmpeg -i VIDEO -r 1 %06d.png)"
    )
    with pytest.raises(DataError, match="not a picture"):
        decode_picture(HEIC, Rules(image_size=8))
