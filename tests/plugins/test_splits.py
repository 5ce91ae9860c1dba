"""zoo_images.splits: no test picture is trained on, whatever its folder is called, and where no folder says."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from pathlib import Path

import pytest
from plugins.pictures import load, picture

from zoo.errors import DataError, NotFoundError
from zoo_images.splits import by_content, content_number


def put(root: Path, *names: str) -> Path:
    """A picture of its own at each name."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(tuple(hashlib.sha256(name.encode()).digest()[:3])))
    return root


def names(folder: str, count: int) -> list[str]:
    return [f"{folder}/{index}.png" for index in range(count)]


def counts(root: Path, *splits: str) -> list[int]:
    return [len(load(f"images:{root}", split=split).data) for split in splits]


@pytest.mark.parametrize(
    ("train", "test", "val"),
    [("train", "test", "valid"), ("Train", "Test", "Val"), ("TRAINING", "testing", "validation")],
)
def test_usual_spellings_are_splits(train: str, test: str, val: str, tmp_path: Path) -> None:
    """However the three folders are spelt, they are train, test and val; a split may be asked for in any spelling."""
    put(tmp_path, *names(train, 6), *names(test, 3), *names(val, 2))
    assert counts(tmp_path, "train", "test", "val") == [6, 3, 2]
    assert counts(tmp_path, "Training", "TEST", "valid", "validation") == [6, 3, 2, 2]
    assert load(f"images:{tmp_path}").notes == ("split train: 6 pictures; there are test, val too",)


def test_a_stray_file_leaves_splits_what_they_are(tmp_path: Path) -> None:
    """Pictures and folders beside train and test are in neither, and counted."""
    put(tmp_path, *names("train/a", 6), *names("test/a", 3), "cover.png", *names("unsorted", 2))
    assert counts(tmp_path, "train", "test") == [6, 3]
    assert load(f"images:{tmp_path}").notes == (
        "split train: 6 pictures; there is test too; 3 pictures beside these left out",
    )
    (tmp_path / "train" / "notes.txt").write_text("x")
    assert load(f"images:{tmp_path}").notes[-1] == "left out: 1 .txt file"


def test_what_is_named_test_is_never_trained_on(tmp_path: Path) -> None:
    """Without a folder train, all but test is trained on; a val alone stands for test, and a line says so."""
    put(tmp_path / "a", *names("cat", 4), *names("dog", 3), *names("test/cat", 2))
    train = load(f"images:{tmp_path / 'a'}")
    assert (len(train.data), train.classes) == (7, ("cat", "dog"))
    assert counts(tmp_path / "a", "test") == [2]
    put(tmp_path / "b", *names("train", 4), *names("val", 3))
    assert counts(tmp_path / "b", "train", "test", "val") == [4, 3, 3]
    assert load(f"images:{tmp_path / 'b'}", split="test").notes == (
        "split test: 3 pictures, those of val; there is train too",
    )
    with pytest.raises(NotFoundError, match=r"no split of .* is named 'train'; there are test"):
        load(f"images:{put(tmp_path / 'c', *names('test', 3))}")


def test_splits_within_classes_and_within_a_folder_are_splits(tmp_path: Path) -> None:
    """`cat/train/1.png` and `photos/train/1.png` are of train too, in a folder and in a tar."""
    put(tmp_path / "a", *names("cat/train", 4), *names("dog/train", 3), *names("cat/test", 2), *names("dog/test", 1))
    train, test = load(f"images:{tmp_path / 'a'}"), load(f"images:{tmp_path / 'a'}", split="test")
    assert (len(train.data), train.classes, len(test.data), test.classes) == (7, ("cat", "dog"), 3, ("cat", "dog"))
    put(tmp_path / "b", *names("photos/train/cat", 4), *names("photos/test/cat", 2))
    assert counts(tmp_path / "b", "train", "test") == [4, 2]
    with tarfile.open(tmp_path / "b.tar", "w") as tar:
        tar.add(tmp_path / "b", "b")
    assert counts(tmp_path / "b.tar", "train") == [4]


def test_train_can_be_a_class(tmp_path: Path) -> None:
    """Beside buses and cars, and without a test or val, trains are a class."""
    put(tmp_path, *names("train", 20), *names("bus", 20), *names("car", 20))
    assert load(f"images:{tmp_path}").classes == ("bus", "car", "train")
    assert sum(counts(tmp_path, "train", "test")) == 60


def test_a_class_keeps_its_number_in_each_split(tmp_path: Path) -> None:
    """Where test lacks a class, or has one more, the labels of both splits mean the same."""
    put(tmp_path, *names("train/a", 2), *names("train/b", 2), *names("test/b", 2), *names("test/c", 1))
    train, test = load(f"images:{tmp_path}"), load(f"images:{tmp_path}", split="test")
    assert train.classes == test.classes == ("a", "b", "c")
    assert train.labels is not None
    assert test.labels is not None
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 0, 1, 1], [1, 1, 2])


def test_without_folders_a_tenth_is_held_out_by_content(tmp_path: Path) -> None:
    """Which tenth follows from the files' bytes: renamed, moved, packed or among others, a picture stays where it is;
    one that is there twice is on one side; and a line says so.
    """
    put(tmp_path / "a", *names("x", 100), *names("y", 100))
    files = {path.name + path.parent.name: path.read_bytes() for path in (tmp_path / "a").rglob("*.png")}
    held = {c for c in files.values() if int(hashlib.sha256(c).hexdigest()[:15], 16) % 10 == 0}
    assert 10 <= len(held) <= 30
    train, test = load(f"images:{tmp_path / 'a'}"), load(f"images:{tmp_path / 'a'}", split="test")
    assert (len(train.data), len(test.data)) == (200 - len(held), len(held))
    assert {tuple(x[:, 0, 0].tolist()) for x in train.data}.isdisjoint(tuple(x[:, 0, 0].tolist()) for x in test.data)
    assert train.notes == (
        f"split train: {200 - len(held)} of 200 pictures, the rest is test: "
        "no folder is named test, so a tenth is held out, by the sha256 of the files",
    )
    shutil.copytree(tmp_path / "a" / "x", tmp_path / "a" / "copies")
    twice = {c for name, c in files.items() if name.endswith("x") and c in held}
    assert counts(tmp_path / "a", "test") == [len(held) + len(twice)]
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.add(tmp_path / "a", "other/name")
    assert counts(tmp_path / "a.tar", "test") == [len(held) + len(twice)]
    with pytest.raises(NotFoundError, match="it has 'train', and 'test', a tenth; for others put the pictures into"):
        load(f"images:{tmp_path / 'a'}", split="val")


def test_a_folder_train_alone_is_divided_too(tmp_path: Path) -> None:
    """Where all lies in a folder train, or only strays beside it, a tenth of it is test."""
    put(tmp_path, *names("train", 40), "cover.png")
    train, test = counts(tmp_path, "train", "test")
    assert (train + test, test > 0) == (40, True)
    assert load(f"images:{tmp_path}").notes[0].endswith("; 1 pictures beside these left out")


def test_a_bad_picture_does_not_ruin_a_small_split(tmp_path: Path) -> None:
    """What cannot be read has no content, and is named for train; one that cannot be decoded counts among all."""
    put(tmp_path, *names("x", 40))
    (tmp_path / "x" / "a.png").symlink_to("nothing")
    numbers = {content_number(hashlib.sha256(path.read_bytes()).hexdigest()) for path in tmp_path.rglob("?*[0-9].png")}
    lowest = next(n for n in range(10**6) if content_number(hashlib.sha256(b"%d" % n).hexdigest()) < min(numbers) // 2)
    (tmp_path / "x" / "b.png").write_bytes(b"%d" % lowest)
    train, test = load(f"images:{tmp_path}"), load(f"images:{tmp_path}", split="test")
    assert len(train.data) + len(test.data) == 40
    assert len(test.data) >= 3
    assert train.skipped == ("x/a.png (No such file or directory)",)
    assert test.skipped in ((), ("x/b.png (not a picture)",))


@pytest.mark.parametrize("count", [40, 41, 60, 400])
def test_forty_pictures_hold_out_four(count: int) -> None:
    """Of forty pictures and more at least four are held out, so that every measure has something to look at."""
    for first in range(100):
        numbers = [content_number(hashlib.sha256(f"{first} {n}".encode()).hexdigest()) for n in range(count)]
        held = by_content(numbers, "test", "x")[0]
        assert 4 <= len(held) < count / 3
        assert held >= {number for number in numbers if number % 10 == 0}


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_few_pictures_have_both_splits(count: int) -> None:
    """Of two pictures or more each split has at least one, and all are in one of the two."""
    for first in range(200):
        numbers = [content_number(hashlib.sha256(f"{first} {n}".encode()).hexdigest()) for n in range(count)]
        train, test = (by_content(numbers, split, "x")[0] for split in ("train", "test"))
        assert train
        assert test
        assert train | test == set(numbers)
        assert not train & test


def test_one_picture_cannot_be_divided(tmp_path: Path) -> None:
    """A single picture, also when it is there twice, is trained on; its test split is not found."""
    put(tmp_path, "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    assert counts(tmp_path, "train") == [2]
    with pytest.raises(NotFoundError, match="one picture cannot be divided"):
        load(f"images:{tmp_path}", split="test")


def test_a_folder_of_tars_names_the_next_step(tmp_path: Path) -> None:
    """Where a folder holds tars instead of pictures, the error says how shards are named."""
    (tmp_path / "0.tar").write_bytes(b"")
    with pytest.raises(DataError, match=rf"left out: 1 \.tar file\); for shards .* write shards:{tmp_path}"):
        load(f"images:{tmp_path}")
