"""Weights stored in half: half the bytes, float32 once loaded, and everything in the folder is of what was stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import zoo
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.recipes.recipe import Recipe, resolve
from zoo.catalogue.weights.locate import locate
from zoo.errors import UsageError, WeightsError
from zoo.nn.golden import verify
from zoo.training.export import export, trained_model
from zoo.training.train import train


@pytest.fixture(scope="module")
def folders(
    tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Callable[..., Recipe], registry: Registry
) -> tuple[Path, Path]:
    """The weights folders of one run, stored in float32 and in float16; to be read only."""
    place = tmp_path_factory.mktemp("stored")
    for stored in ("float32", "float16"):
        recipe = replace(tiny_recipe(), stored=stored)
        train(resolve(recipe, registry), place / f"{stored}-run" / "tiny", registry=registry)
        export(place / f"{stored}-run" / "tiny", place / stored / "tiny", registry)
    return place / "float32/tiny", place / "float16/tiny"


def test_half_the_bytes_are_float32_once_loaded(folders: tuple[Path, Path], registry: Registry) -> None:
    """Each float is that of float32, rounded; both players; the folder verifies exactly and says how it is stored."""
    whole, half = folders
    for file in ("model.safetensors", "discriminator.safetensors"):
        expected, found = load_file(whole / file), load_file(half / file)
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            wanted = value.half() if value.is_floating_point() else value
            assert found[key].dtype == wanted.dtype
            assert torch.equal(found[key], wanted), key
    report = verify(locate(str(half), registry), registry)
    assert (report["golden_difference"], report["card"]) == (0, "consistent")
    one, other = (zoo.load(folder, discriminator=True) for folder in folders)
    assert all(value.dtype != torch.float16 for value in other.state_dict().values())
    assert other.dtype == torch.float32
    difference = float((one.sample(4, seed=0) - other.sample(4, seed=0)).abs().max())
    assert 0 < difference < 2e-3
    told = [json.loads((folder / "config.json").read_text()) for folder in folders]
    assert [data.get("stored") for data in told] == [None, "float16"]
    assert [data["training"]["recipe"].get("stored") for data in told] == [None, "float16"]


def test_a_trained_model_is_what_its_export_will_be(folders: tuple[Path, Path], registry: Registry) -> None:
    """What `zoo.train` gives has the rounded weights and the digest of the file."""
    half = folders[1]
    model = trained_model(half.parent.parent / "float16-run/tiny", registry)
    assert torch.equal(model.sample(2, seed=1), zoo.load(half).sample(2, seed=1))
    assert model.folder is not None
    assert model.folder.model_sha256() == locate(str(half), registry).model_sha256()


def test_saved_again_it_stays_as_it_was_stored(
    folders: tuple[Path, Path], tmp_path: Path, contents: Callable[[Path], dict[str, str]]
) -> None:
    """Unless it is asked for otherwise: then a float32 folder becomes the half one, and the half one float32."""
    whole, half = folders
    zoo.save(zoo.load(half, discriminator=True), tmp_path / "same/tiny")
    zoo.save(zoo.load(whole, discriminator=True), tmp_path / "halved/tiny", stored="float16")
    for place in ("same", "halved"):
        found, wanted = contents(tmp_path / place / "tiny"), contents(half)
        differ = {name for name in wanted if found[name] != wanted[name]}
        assert differ <= {"golden.safetensors"} | ({"config.json", "README.md"} if place == "halved" else set())
        told = [json.loads((folder / "config.json").read_text()) for folder in (tmp_path / place / "tiny", half)]
        assert told[0] == told[1]
    zoo.save(zoo.load(half), tmp_path / "grown", stored="float32")
    assert "stored" not in json.loads((tmp_path / "grown/config.json").read_text())
    assert torch.equal(zoo.load(tmp_path / "grown").sample(2, seed=1), zoo.load(half).sample(2, seed=1))
    with pytest.raises(UsageError, match="stored is 'int8'"):
        zoo.save(zoo.load(half), tmp_path / "other", stored="int8")


def test_concepts_and_mixture_come_along(tmp_path: Path) -> None:
    """Rounded weights keep both, tied to the new bytes."""
    model = zoo.load("vae-faces")
    zoo.save(model, tmp_path / "faces", stored="float16")
    found = zoo.load(tmp_path / "faces")
    assert found.default_prior == "mixture"
    smile = zoo.load_concept(tmp_path / "faces", "smile")
    assert torch.equal(smile.direction, zoo.load_concept("vae-faces", "smile").direction)
    assert float((found.sample(2, seed=0) - model.sample(2, seed=0)).abs().max()) < 0.02


def test_what_float16_cannot_hold_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """By the tensor's name, before anything is written; and a config that names another type is no config."""
    model = zoo.load(folders[0])
    with torch.no_grad():
        next(model.parameters()).view(-1)[0] = 1e6
    with pytest.raises(WeightsError, match=r"weight has values above 65,504"):
        zoo.save(model, tmp_path / "large", stored="float16")
    assert not (tmp_path / "large").exists()
    zoo.save(zoo.load(folders[1]), tmp_path / "wrong")
    data = json.loads((tmp_path / "wrong/config.json").read_text())
    (tmp_path / "wrong/config.json").write_text(json.dumps(data | {"stored": "float8"}))
    with pytest.raises(WeightsError, match="stored is 'float8'; it must be float16"):
        zoo.load(tmp_path / "wrong")
