"""zoo.data.facts: how many pictures, of what size and colour, without decoding them all."""

from __future__ import annotations

import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import DatasetSpec
from zoo.catalogue.plugins.loading import default_registry
from zoo.data.facts import data_facts
from zoo.errors import DataError, NotFoundError, PluginError, UsageError

REGISTRY = default_registry()
ENV = {"ZOO_CACHE": "/proc/none", "ZOO_OFFLINE": "1", "HOME": "/home/me"}


def facts(reference: str, registry: Registry = REGISTRY, **more: Any) -> Any:
    return data_facts(reference, registry=registry, env=ENV, **more)


def fill(folder: Path, sizes: list[tuple[int, int]], colour: Any = (200, 10, 10), mode: str = "RGB") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for index, size in enumerate(sizes):
        Image.new(mode, size, colour).save(folder / f"{index:03}.jpg", quality=60)
    return folder


def own(spec: DatasetSpec) -> Registry:
    return Registry.of([Owned(name=spec.name, spec=spec, owner="own"), REGISTRY.owned("modality", "image")])


def test_a_folder_is_looked_at(tmp_path: Path) -> None:
    """Count, the median of the shorter sides and the colours are those of the files; nothing is cached."""
    photos = fill(tmp_path / "photos", [(40, 300), (100, 90), (60, 50), (70, 70), (500, 10)])
    fill(photos / "test", [(9, 9)])
    (photos / "notes.txt").write_text("no picture")
    found = facts(f"images:{photos}", given={"seed": 3})
    assert (found.count, found.side, found.channels, found.given) == (5, 50, 3, {"seed": 3})


@pytest.mark.parametrize(("mode", "colour"), [("L", 90), ("RGB", (90, 90, 90)), ("RGB", (90, 92, 88)), ("1", 1)])
def test_grey_pictures_are_grey_however_they_are_stored(mode: str, colour: Any, tmp_path: Path) -> None:
    """Grey levels in one channel, or alike in three, are grey; one coloured picture among them is not."""
    photos = fill(tmp_path / "photos", [(30, 30)] * 20, colour, mode)
    fill(photos / "test", [(9, 9)])
    assert facts(f"images:{photos}").channels == 1
    Image.new("RGB", (30, 30), (90, 120, 90)).save(photos / "colour.png")
    assert facts(f"images:{photos}").channels == 3


def test_splits_classes_and_tars_count_as_they_are_loaded(tmp_path: Path) -> None:
    """Only the pictures of the split and the class are counted, in a tar as in a folder."""
    for split, count in (("train", 6), ("test", 3)):
        for name in ("cat", "dog"):
            fill(tmp_path / "photos" / split / name, [(8, 8)] * count)
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        tar.add(tmp_path / "photos", "photos")
    for place in ("photos", "photos.tar"):
        assert facts(f"images:{tmp_path / place}").count == 12
        assert facts(f"images[cat]:{tmp_path / place}", split="test").count == 3


def test_a_dataset_that_says_it_all_is_not_read() -> None:
    """Shape and size of a declared dataset are taken from its spec: mnist needs not be here."""
    found = facts("mnist")
    assert (found.count, found.side, found.channels) == (60_000, 28, 1)
    assert facts("cifar10", split="test").count == 10_000


def test_a_class_of_a_dataset_is_counted() -> None:
    """Where the spec does not say how many there are, they are loaded."""
    found = facts("shapes[circle]")
    assert (found.count, found.side, found.channels) == (3_334, 32, 3)


def test_what_cannot_be_trained_on_is_named(tmp_path: Path) -> None:
    """No place, no pictures, one picture, a class that is not there, bad files: typed, with the next step."""
    empty = tmp_path / "empty"
    empty.mkdir()
    one = fill(tmp_path / "one", [(8, 8)])
    bad = fill(tmp_path / "bad", [(8, 8)] * 3)
    (bad / "x.png").write_bytes(b"no picture")
    fill(bad / "test", [(9, 9)])
    for reference, error, says in [
        (f"images:{tmp_path / 'nothing'}", NotFoundError, "no such folder or tar; check the path"),
        (f"images:{empty}", DataError, "no pictures found; name the folder they are in"),
        (f"images:{one / '000.jpg'}", DataError, "give the folder it is in"),
        (f"images[cat]:{one}", NotFoundError, "no class"),
        (f"images:{bad}", DataError, "1 of 4 pictures are bad: x.png"),
        ("images", UsageError, "it needs a path"),
        ("mnist:/x", UsageError, "takes no path"),
        ("nothing", NotFoundError, "no dataset is named"),
    ]:
        with pytest.raises(error, match=says):
            facts(reference)


@pytest.mark.parametrize("look", [lambda request: 1 / 0, lambda request: sys.exit(1), lambda request: (1, 2)])
def test_a_plugin_that_cannot_look_is_named(look: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a dataset's own look raises or returns wrongly is a PluginError that names it."""
    module = ModuleType("own_facts")
    module.look = look  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "own_facts", module)
    with pytest.raises(PluginError, match="dataset shapes"):
        facts("shapes", own(replace(REGISTRY.dataset("shapes"), facts="own_facts:look")))
