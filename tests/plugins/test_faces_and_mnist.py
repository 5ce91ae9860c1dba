"""zoo_images.faces and zoo_images.mnist: splits by person, labels that may be unknown, and the real sets."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from zoo.catalogue.plugins.loading import default_registry
from zoo.data.loading import Examples, load_dataset
from zoo.errors import DataError, NotFoundError
from zoo_images.faces import SAME, split_of

LABELS = """name,smiling,smiled,expression,gender
Ann_Lee_0001,1,smile,happiness,female
Ann_Lee_0002,,,,female
Bo_0001,0,neutral,neutral,male
Cy_May_0001,0,neutral,neutral,
"""
NAMES = ["Ann_Lee_0001", "Ann_Lee_0002", "Bo_0001", "Cy_May_0001", "Di_0001"]


def write(folder: Path, members: dict[str, bytes], name: str = "lfwcrop.tar") -> Path:
    with tarfile.open(folder / name, "w", format=tarfile.USTAR_FORMAT) as tar:
        for member, content in members.items():
            info = tarfile.TarInfo(member)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return folder


def picture(grey: int, size: int = 8) -> bytes:
    file = io.BytesIO()
    Image.new("L", (size, size), grey).save(file, "PNG")
    return file.getvalue()


def faces(folder: Path, labels: str = LABELS) -> Path:
    pictures = {f"images/{name}.png": picture(20 * index) for index, name in enumerate(NAMES)}
    return write(folder, pictures | {"labels.csv": labels.encode(), "other/X_0001.png": picture(0)})


def load(reference: str, root: Path | str, cache: Path | None = None, **rest: object) -> Examples:
    env = {"ZOO_DATA": str(root), "ZOO_CACHE": str(cache or "/proc/none"), "ZOO_OFFLINE": "1"}
    return load_dataset(reference, registry=default_registry(), env=env, **rest)  # type: ignore[arg-type]


def both(root: Path, cache: Path | None = None) -> dict[str, Examples]:
    people = {name.rpartition("_")[0] for name in NAMES}
    splits = {split_of(someone) for someone in people}
    return {split: load("faces", root, cache, split=split) for split in splits}


def test_the_split_follows_from_the_name() -> None:
    """It is fixed for ever, about one person in six is held out, and two who share a picture go together."""
    assert [split_of(name) for name in ("George_W_Bush", "Aaron_Eckhart", "AJ_Cook")] == ["train"] * 3
    share = sum(split_of(f"Person_{i}") == "test" for i in range(6000)) / 6000
    assert share == pytest.approx(1 / 6, abs=0.02)
    assert all(split_of(first) == split_of(second) for first, second in SAME.items())


def test_labels_come_as_factors_with_minus_one_for_unknown(tmp_path: Path) -> None:
    """smiling and gender are 1, 0 or -1 by labels.csv, a picture it lacks is -1; person counts the split's people."""
    found = both(faces(tmp_path))
    smiling, gender = (torch.cat([e.factors[name] for e in found.values()]) for name in ("smiling", "gender"))
    assert sorted(smiling.tolist()) == [-1, -1, 0, 0, 1]
    assert sorted(gender.tolist()) == [-1, -1, 0, 1, 1]
    train = found["train"]
    assert train.labels is None
    assert all(values.dtype == torch.int64 and len(values) == len(train.data) for values in train.factors.values())
    assert train.factors["person"].tolist() == sorted(train.factors["person"].tolist())
    assert sum(len(e.data) for e in found.values()) == len(NAMES)


def test_the_cache_keeps_the_factors(tmp_path: Path) -> None:
    """Loaded again from the cache, factors and fingerprint are the same."""
    root = faces(tmp_path)
    first, again = (both(root, tmp_path / "cache") for _ in range(2))
    for split, examples in first.items():
        assert examples.sha256 == again[split].sha256
        assert {k: v.tolist() for k, v in examples.factors.items()} == {
            k: v.tolist() for k, v in again[split].factors.items()
        }
    assert list((tmp_path / "cache" / "decoded").iterdir())


@pytest.mark.parametrize("labels", ["", "name,gender\nBo_0001,male\n", "\x00\n"])
def test_labels_that_cannot_be_read_are_a_data_error(labels: str, tmp_path: Path) -> None:
    """An empty table, one without its columns, and one that is no table name the file."""
    with pytest.raises(DataError, match=r"labels\.csv cannot be read"):
        load("faces", faces(tmp_path, labels))


def test_a_tar_without_labels_is_a_data_error(tmp_path: Path) -> None:
    """The message names labels.csv."""
    with pytest.raises(DataError, match=r"labels\.csv cannot be read"):
        load("faces", write(tmp_path, {"images/Bo_0001.png": picture(0)}))


@pytest.mark.parametrize("name", ["mnist", "faces"])
def test_without_its_tar_a_dataset_says_where_to_put_it(name: str, tmp_path: Path) -> None:
    """NotFoundError names the file and ZOO_DATA."""
    with pytest.raises(NotFoundError, match=r"\.tar is in no folder of ZOO_DATA"):
        load(name, tmp_path)


def test_digits_are_grey_and_chosen_by_folder(tmp_path: Path) -> None:
    """mnist gives one channel, labels by folder, and one digit where it is asked for."""
    members = {f"train/{digit}/{i}.png": picture(digit, 28) for digit in range(10) for i in range(2)}
    root = write(tmp_path, members | {"test/3/9.png": picture(9, 28)}, "mnist.tar")
    train = load("mnist", root)
    assert train.data.shape == (20, 1, 28, 28)
    assert train.labels is not None
    assert torch.equal(train.data[:, 0, 0, 0].long(), train.labels)
    assert load("mnist[3]", root).data.unique().tolist() == [3]
    assert load("mnist", root, split="test").data.shape == (1, 1, 28, 28)
    assert load("mnist", root, data_shape=(3, 8, 8)).data.shape == (20, 3, 8, 8)


@pytest.mark.slow
def test_the_real_faces_are_those_the_spec_counts(tmp_path: Path, real_data: Callable[[str], str]) -> None:
    """The split sizes are the spec's, nobody is in both, and the labels count what the data's own notes say."""
    roots = real_data("lfwcrop.tar")
    train, test = (load("faces", roots, tmp_path, split=split) for split in ("train", "test"))
    spec = default_registry().dataset("faces")
    assert {"train": len(train.data), "test": len(test.data)} == dict(spec.splits)
    smiling = torch.cat([train.factors["smiling"], test.factors["smiling"]])
    assert [int((smiling == value).sum()) for value in (1, 0, -1)] == [3579, 7614, 2040]
    assert train.data.shape[1:] == (3, 64, 64)


@pytest.mark.slow
def test_the_real_digits_are_those_the_spec_counts(tmp_path: Path, real_data: Callable[[str], str]) -> None:
    """The test split has 10,000 digits of 28 x 28, each labelled, of every class hundreds."""
    test = load("mnist", real_data("mnist.tar"), tmp_path, split="test")
    assert test.data.shape == (10_000, 1, 28, 28)
    assert test.labels is not None
    assert int(test.labels.bincount(minlength=10).min()) > 800
