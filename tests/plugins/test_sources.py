"""zoo_images.sources: folders and tars of one's own, in any state."""

from __future__ import annotations

import gzip
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from plugins.pictures import fill, hold_out, load, picture, tar_of

from zoo.errors import DataError, NotFoundError, StorageError
from zoo.images import decode as images
from zoo_images import listing


def good(count: int = 60) -> dict[str, bytes]:
    return {f"a/{index:03}.png": picture((index, 0, 0)) for index in range(count)}


def test_a_folder_becomes_classes(tmp_path: Path) -> None:
    """The folders at the first level are the classes, in the order of their names; so are the pictures."""
    hold_out(fill(tmp_path))
    (tmp_path / "dog" / "deep").mkdir()
    (tmp_path / "dog" / "deep" / "x.jpg").write_bytes(picture(kind="JPEG"))
    (tmp_path / "notes.txt").write_text("not a picture, and not asked to be one")
    (tmp_path / ".hidden.png").write_text("passed over")
    examples = load(f"images:{tmp_path}")
    assert examples.data.shape == (21, 3, 64, 64)
    assert (examples.classes, examples.skipped) == (("cat", "dog"), ())
    assert examples.notes == (
        "split train: 21 pictures; there is test too",
        "left out: 1 .txt file, 1 hidden file or folder",
    )
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
    """Folders named train and test are the splits, with the classes below."""
    fill(tmp_path / "train", 4)
    fill(tmp_path / "test", 2)
    assert len(load(f"images:{tmp_path}").data) == 4
    held_out = load(f"images:{tmp_path}", split="test")
    assert (len(held_out.data), held_out.classes) == (2, ("cat", "dog"))
    with pytest.raises(NotFoundError, match="val"):
        load(f"images:{tmp_path}", split="val")


def test_up_to_a_tenth_may_be_bad(tmp_path: Path) -> None:
    """Two bad files of twenty are left out and named; a third is an error that names them."""
    hold_out(fill(tmp_path))
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


def test_links_are_followed_and_pipes_are_not_opened(tmp_path: Path) -> None:
    """Links to files and folders are followed, out of the folder too, each folder once; a link that leads nowhere, a
    pipe and a device are named where their names are those of pictures, and counted elsewhere.
    """
    folder = hold_out(fill(tmp_path / "photos", 80))
    secret = tmp_path / "elsewhere.png"
    secret.write_bytes(picture())
    fill(tmp_path / "more", 6)
    (folder / "cat" / "out.png").symlink_to(secret)
    (folder / "cat" / "broken.png").symlink_to(tmp_path / "nothing")
    (folder / "cat" / "circle.png").symlink_to(folder / "cat" / "circle.png")
    (folder / "cat" / "device.png").symlink_to("/dev/zero")
    (folder / "cat" / "in.png").symlink_to("00.png")
    (folder / "cat" / "nothing").symlink_to(tmp_path / "nothing")
    (folder / "dog" / "up").symlink_to(tmp_path)
    (folder / "again").symlink_to(folder / "cat")
    (folder / "elk").symlink_to(tmp_path / "more" / "cat")
    (folder / "emu").symlink_to(tmp_path / "more" / "cat")
    os.mkfifo(folder / "dog" / "pipe.png")
    examples = load(f"images:{folder}")
    assert (len(examples.data), examples.classes) == (80 + 2 + 3, ("cat", "dog", "elk"))
    names = [name.split(" ")[0] for name in examples.skipped]
    assert names == ["cat/broken.png", "cat/circle.png", "cat/device.png", "dog/pipe.png"]
    counted = "left out: 3 links to folders that are here already, or hold this one, 1 links that lead nowhere"
    assert examples.notes[-1] == counted


def test_a_folder_of_links_is_a_folder_of_pictures(tmp_path: Path) -> None:
    """Where all pictures are links, as tools that version data leave them, the examples are those of the files."""
    fill(tmp_path / "store")
    for path in sorted((tmp_path / "store").rglob("*.png")):
        link = tmp_path / "links" / path.relative_to(tmp_path / "store")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    assert load(f"images:{tmp_path / 'links'}").sha256 == load(f"images:{tmp_path / 'store'}").sha256


def test_a_name_in_any_bytes_can_be_printed(tmp_path: Path) -> None:
    """File names that are no UTF-8, or hold control characters, are named in a form that can be printed."""
    fill(tmp_path)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/cat/\xff\x1b[2J.png")).write_text("bad")
    (name,) = load(f"images:{tmp_path}", tmp_path.parent / "cache").skipped
    assert name.isprintable()
    assert name.encode()


def test_a_changed_picture_is_seen(tmp_path: Path) -> None:
    """The cache goes by content: a picture that changes under its old name changes the examples."""
    hold_out(fill(tmp_path / "photos"))
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
    path = hold_out(fill(tmp_path / "x")) if kind == "folder" else tar_of(tmp_path / "x.tar", good())
    victim = path / "dog" / "19.png" if kind == "folder" else path
    decode_one = images._decode

    def touch(*what: Any) -> torch.Tensor:
        with victim.open("ab") as file:
            file.write(b"more")
        return decode_one(*what)

    monkeypatch.setattr(images, "_decode", touch)
    with pytest.raises(StorageError, match="try again"):
        load(f"images:{path}", tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


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
        good(70)
        | {"test/a/t.png": picture(), "../out.png": picture(), "a/../../out.png": picture(), "/tmp/out.png": picture()},
        member("a/soft.png", tarfile.SYMTYPE, "/etc/passwd"),
        member("a/hard.png", tarfile.LNKTYPE, "a/000.png"),
        member("a/device.png", tarfile.CHRTYPE),
        member("a/pipe.png", tarfile.FIFOTYPE),
    )
    examples = load(f"images:{path}")
    assert (len(examples.data), examples.classes) == (71, ("a",))  # the link to one of its own members is followed
    causes = [cause.split(" ", 1) for cause in examples.skipped]
    outside, special = "(a path that leads out of the tar)", "(a link, a device or a sparse file in a tar)"
    assert {name for name, cause in causes if cause == outside} == {"../out.png", "a/../../out.png", "/tmp/out.png"}
    assert sum(cause == special for _, cause in causes) == 3
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
    monkeypatch.setattr(listing, "MAX_FILES", 10)
    for path in (tar_of(tmp_path / "x.tar", good(11)), fill(tmp_path / "photos", 24)):
        with pytest.raises(DataError, match="more than 10"):
            load(f"images:{path}")


def test_too_much_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures that would not fit in memory together are a DataError that says what to do."""
    monkeypatch.setattr(images, "MAX_DECODED_BYTES", 1000)
    with pytest.raises(DataError, match="smaller image_size"):
        load(f"images:{fill(tmp_path)}")
