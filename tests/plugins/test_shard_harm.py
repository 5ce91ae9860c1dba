"""zoo_images.shards: bad pictures, shards that have changed, and tars made to do harm."""

from __future__ import annotations

import gzip
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from plugins.shard_files import (
    files_of,
    make,
    member,
    numbers,
    picture,
    stream,
    two_classes,
    walk,
)

from zoo.data.batches import Batches
from zoo.errors import DataError, IntegrityError, StorageError
from zoo.images import Decoding
from zoo_images import listing, shard_rows, shards


def test_the_next_good_picture_stands_in_for_a_bad_one(folder: Path) -> None:
    """A bad picture is replaced by the next good one, with its label; it is named, once; positions do not move."""
    bad = {13, 14, 199}
    for shard in (1, 19):
        files = [(n, b"bad" if n[-3:] == "png" and int(n[:6]) in bad else c) for n, c in two_classes(shard)]
        make(folder / f"part-{shard:02}.tar", files)
    found = stream(folder)
    assert len(found.data) == 200
    pixels, rows = found.data.read(torch.tensor([12, 13, 14, 15, 199, 13]))
    assert numbers(pixels) == rows.tolist() == [12, 15, 15, 15, 0, 15]
    named = [line.partition(" at")[0] for line in found.data.news()]
    assert named == ["part-01.tar, picture 3", "part-01.tar, picture 4", "part-19.tar, picture 9"]
    assert found.data.news() == []
    assert [line.partition(" at")[0] for line in found.skipped] == named
    batches = Batches(found.data, found.labels, batch_size=200, seed=0)
    pixels, labels = batches.next()
    assert labels is not None
    assert labels.tolist() == [number % 3 for number in numbers(pixels)]


def test_many_bad_pictures_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a tenth of bad ones is a DataError that names some: at once where a look shows it, or when reached."""
    for shard in range(20):
        rows = range(10 * shard, 10 * shard + 10)
        make(folder / f"part-{shard:02}.tar", [(f"{row}.png", picture(row) if shard > 2 else b"bad") for row in rows])
    with pytest.raises(DataError, match=r"30 of 200 pictures are bad: part-00\.tar, picture 0 at byte 512 \("):
        stream(folder)
    monkeypatch.setattr(shards, "_look", lambda rows: Decoding(data=torch.zeros(1), kept=[], bad=[], notes=[]))
    found = stream(folder)
    with pytest.raises(DataError, match=r"more than a tenth of 200 pictures are bad: .*part-0"):
        walk(found, 12)


def test_too_large_a_picture_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture of more bytes than are read is a bad one."""
    monkeypatch.setattr(shard_rows, "MAX_FILE_BYTES", 200)
    make(folder / "part-00.tar", [*two_classes(0), ("z.png", b"x" * 300), ("z.cls", b"0")])
    found = stream(folder)
    found.data.read(torch.tensor([10]))
    assert "larger than" in found.data.news()[0]


def test_a_picture_that_changed_is_an_integrity_error(folder: Path) -> None:
    """A shard rewritten while it is in use is noticed at the picture, and named."""
    found = stream(folder)
    content = bytearray((folder / "part-03.tar").read_bytes())
    content[512 + 20] ^= 1
    (folder / "part-03.tar").write_bytes(content)
    with pytest.raises(IntegrityError, match=r"part-03\.tar: the picture at byte 512 is not the one that was there"):
        found.data.read(torch.tensor([30]))
    (folder / "part-00.tar").unlink()  # of 20 the last 16 are open
    with pytest.raises(StorageError, match=r"cannot read .*part-00\.tar: No such file"):
        found.data.read(torch.tensor([0]))


def raw(path: Path, *blocks: bytes) -> Path:
    path.write_bytes(b"".join(blocks) + bytes(1024))
    return path


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    return member(name, kind, size=size).tobuf(tarfile.GNU_FORMAT)


def pax_size(size: int) -> bytes:
    record = f"size={size}\n"
    text = f"{len(record) + 3} {record}".encode()
    return header("pax", len(text), tarfile.XHDTYPE) + text.ljust(512, b"\0") + header("1.png", 0)


GOOD = [("0.png", picture(0))]
HARM: dict[str, tuple[Callable[[Path], object], str]] = {
    "symbolic link": (
        lambda p: make(p, GOOD, member("1.png", tarfile.SYMTYPE, linkname="/etc/passwd")),
        r"1\.png: a link, a device or a sparse",
    ),
    "hard link": (lambda p: make(p, GOOD, member("1.png", tarfile.LNKTYPE, linkname="0.png")), "a link, a device"),
    "device": (lambda p: make(p, GOOD, member("1.png", tarfile.CHRTYPE)), "a link, a device"),
    "pipe": (lambda p: make(p, GOOD, member("notes", tarfile.FIFOTYPE)), "notes: a link, a device"),
    "sparse": (lambda p: raw(p, header("1.png", 0, tarfile.GNUTYPE_SPARSE)), "a link, a device or a sparse"),
    "absolute": (lambda p: make(p, [("/etc/1.png", picture(1))]), "/etc/1.png: a path that leads out of the tar"),
    "parent": (lambda p: make(p, [("../1.png", picture(1))]), r"\.\./1\.png: a path that leads out of the tar"),
    "same name": (lambda p: make(p, [*GOOD, *GOOD]), r"0\.png and 0\.png are two pictures of one example"),
    "two pictures": (lambda p: make(p, [*GOOD, ("0.jpg", b"")]), r"0\.png and 0\.jpg are two pictures of one"),
    "two classes": (lambda p: make(p, [*GOOD, ("0.cls", b"1"), ("0.cls", b"2")]), r"0\.cls: a second class"),
    "class alone": (lambda p: make(p, [*GOOD, ("1.cls", b"1")]), r"1\.cls: a class without a picture"),
    "class missing": (lambda p: make(p, [*GOOD, ("1.png", b""), ("1.cls", b"1")]), r"0\.png: no class, and others"),
    "long class": (lambda p: make(p, [*GOOD, ("0.cls", b"1" * 300)]), r"0\.cls: 300 bytes are no class"),
    "no text": (lambda p: make(p, [*GOOD, ("0.cls", b"\xff")]), "no UTF-8 text"),
    "no class": (lambda p: make(p, [*GOOD, ("0.cls", b" \n")]), "'' is no class"),
    "escape": (lambda p: make(p, [*GOOD, ("0.cls", b"a\x1b[31m")]), "is no class"),
    "high class": (lambda p: make(p, [*GOOD, ("0.cls", b"9" * 100)]), "class 9+ is too high"),
    "cut in a member": (lambda p: os.truncate(make(p, GOOD), 512 + 40), r"0\.png: .* the tar ends at byte 552"),
    "cut at a member": (lambda p: os.truncate(make(p, GOOD), 512 + 512), "without a tar's end mark: it was cut short"),
    "flipped": (lambda p: flipped(make(p, files_of(range(9))), 1024 + 20), "damaged header"),
    "huge pax size": (lambda p: raw(p, pax_size(1 << 60)), r"1\.png: .* the tar ends at byte"),
    "negative pax size": (lambda p: raw(p, pax_size(-(1 << 20))), "cannot be read as a tar"),
    "long pax header": (lambda p: long_header(p, tarfile.XHDTYPE), "cannot be read as a tar"),
    "long name": (lambda p: long_header(p, tarfile.GNUTYPE_LONGNAME), "cannot be read as a tar"),
    "gzip": (lambda p: p.write_bytes(gzip.compress(make(p, GOOD).read_bytes())), r"compressed \(gzip\)"),
    "zstd": (lambda p: p.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(2000)), r"compressed \(zstd\)"),
    "empty": (lambda p: p.write_bytes(b""), "cannot be read as a tar"),
    "text": (lambda p: p.write_text("hello " * 1000), "cannot be read as a tar"),
    "no pictures": (lambda p: make(p, [("0.txt", b"x")]), "no pictures found"),
    "a folder": (lambda p: (p / "x.tar").mkdir(parents=True), "not a regular file"),
}


def flipped(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def long_header(path: Path, kind: bytes) -> None:
    """An extended header of 8 MiB, all of it there."""
    raw(path, header("long", 8 << 20, kind), bytes(8 << 20), header("1.png", 0))


@pytest.mark.parametrize("how", HARM)
def test_a_hostile_or_damaged_shard_is_a_data_error(how: str, tmp_path: Path) -> None:
    """Each is a DataError in one line that names the shard; nothing is made, read beyond it, or executed."""
    do, says = HARM[how]
    place = tmp_path / "in" / "x.tar"
    place.parent.mkdir()
    do(place)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError, match=says) as caught:
        stream(place, tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "in") in str(caught.value)
    assert sorted(path for path in tmp_path.rglob("*") if "cache" not in path.parts) == before


def test_too_many_members_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More members than are looked at is a DataError, not a full memory."""
    monkeypatch.setattr(listing, "MAX_FILES", 20)
    with pytest.raises(DataError, match="more than 20"):
        stream(folder)


def test_classes_in_some_shards_alone_are_refused(folder: Path) -> None:
    """Shards with classes beside shards without are a DataError that names one of each."""
    make(folder / "part-04.tar", files_of(range(40, 50)))
    with pytest.raises(DataError, match=r"part-00\.tar has classes and .*part-04\.tar has none"):
        stream(folder)
