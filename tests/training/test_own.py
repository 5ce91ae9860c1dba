"""zoo.save: a model that somebody trained in code of their own is a weights folder like any other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import zoo
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.recipes.recipe import Recipe, resolve
from zoo.catalogue.weights.locate import locate
from zoo.errors import StorageError, UsageError, WeightsError
from zoo.files import sha256_of
from zoo.nn.golden import verify
from zoo.training.export import export
from zoo.training.train import train

Contents = Callable[[Path], dict[str, str]]


@pytest.fixture(scope="module", params=["dcgan", "conv-vae"])
def folder(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    tiny_recipe: Callable[..., Recipe],
    registry: Registry,
) -> Path:
    """A weights folder of each kind, to be read only."""
    place = tmp_path_factory.mktemp("own")
    of_vae = {"architecture": "conv-vae", "trainer": "vae", "config": {"image_size": 8, "latent_size": 3}}
    recipe = tiny_recipe(**(of_vae if request.param == "conv-vae" else {}))
    train(resolve(recipe, registry), place / "run", registry=registry)
    export(place / "run", place / "tiny", registry)
    return place / "tiny"


def learn(model: zoo.Model) -> None:
    """Two steps of somebody's own loop, which leaves the model in train mode and its buffers changed."""
    model.train().requires_grad_(True)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(2):
        optimizer.zero_grad()
        z = torch.randn(8, *model.latent_shape, generator=torch.Generator().manual_seed(step))
        model(z).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_was_trained_in_ones_own_loop_is_saved(
    dtype: torch.dtype, folder: Path, tmp_path: Path, registry: Registry, contents: Contents
) -> None:
    """Trained on, in train mode and of any dtype, it is written as float32, verifies exactly, and loads as it was; the
    same weights give the same bytes, and the model stays as it was.
    """
    model = zoo.load(folder, discriminator=(folder / "discriminator.safetensors").exists())
    learn(model)
    model.to(dtype)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    assert zoo.save(model, tmp_path / "mine") == tmp_path / "mine"
    report = verify(locate(tmp_path / "mine", registry), registry)
    assert (report["golden_difference"], report["card"]) == (0, "consistent")
    again = zoo.load(tmp_path / "mine", discriminator=(folder / "discriminator.safetensors").exists())
    for key, value in again.state_dict().items():
        assert torch.equal(value, before[key].to(value.dtype)), key
    assert any(not torch.equal(value, again.state_dict()[key]) for key, value in zoo.load(folder).state_dict().items())
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {path.name for path in folder.iterdir()}
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    zoo.save(model, tmp_path / "other/mine")
    assert contents(tmp_path / "mine") == contents(tmp_path / "other/mine")


def test_the_card_says_what_is_known(folder: Path, tmp_path: Path) -> None:
    """With which weights it began and under which licences; then whose code, data and licence, as they are said."""
    model = zoo.load(folder)
    learn(model)
    zoo.save(model, tmp_path / "mine", summary="Mine.", licence="MIT", data="shapes[square]")
    data = json.loads((tmp_path / "mine/config.json").read_text())
    digest = sha256_of(folder / "model.safetensors")
    known = {"licence": "Apache-2.0", "data": {"name": "shapes[circle]", "licence": "CC0-1.0"}}
    assert data["training"]["from"] == {"name": "./tiny", "sha256": digest} | known
    assert data["training"]["by"] == "code of one's own"
    assert (data["data"]["name"], data["data"]["count"]) == ("shapes[square]", 3333)
    recipe = data["training"]["recipe"]
    assert (recipe["name"], recipe["summary"], recipe["licence"]) == ("mine", "Mine.", "MIT")
    card = (tmp_path / "mine/README.md").read_text()
    for fact in ("license: mit", f"weights of `./tiny` (sha256 `{digest}`)", "changed since by code of one's own"):
        assert fact in card
    assert str(folder.parent) not in card + json.dumps(data)


def test_no_licence_is_taken_over_for_changed_weights(folder: Path, tmp_path: Path) -> None:
    """Whose weights have changed states no licence until its owner does."""
    model = zoo.load(folder)
    learn(model)
    zoo.save(model, tmp_path / "mine")
    assert json.loads((tmp_path / "mine/config.json").read_text())["training"]["recipe"]["licence"] == ""


def test_what_was_not_changed_stays_what_it_was(
    folder: Path, tmp_path: Path, registry: Registry, contents: Contents
) -> None:
    """A model that is saved as it was loaded gives the files of its folder, golden samples made anew."""
    discriminator = (folder / "discriminator.safetensors").exists()
    zoo.save(zoo.load(folder, discriminator=discriminator), tmp_path / "tiny")
    again, before = contents(tmp_path / "tiny"), contents(folder)
    assert again.pop("golden.safetensors")
    assert again == {name: digest for name, digest in before.items() if name != "golden.safetensors"}
    assert verify(locate(tmp_path / "tiny", registry), registry)["golden_difference"] == 0


def test_concepts_and_mixture_stay_with_the_weights_they_were_fitted_to(tmp_path: Path) -> None:
    """Saved unchanged, vae-faces keeps both, byte for byte; after a step it has neither where none is asked for."""
    model = zoo.load("vae-faces")
    assert model.folder is not None
    zoo.save(model, tmp_path / "same")
    for file in ("prior.safetensors", "concepts.safetensors"):
        assert (tmp_path / "same" / file).read_bytes() == model.folder.read(file)
    assert zoo.load(tmp_path / "same").default_prior == model.default_prior
    model.default_prior = model.prior  # else it would be fitted anew to the faces, which may not be here
    with torch.no_grad():
        next(model.parameters()).add_(1e-3)
    zoo.save(model, tmp_path / "other")
    assert not (tmp_path / "other/concepts.safetensors").exists()
    assert not (tmp_path / "other/prior.safetensors").exists()


def test_what_cannot_be_saved_is_refused(folder: Path, tmp_path: Path, contents: Contents) -> None:
    """A folder that exists, what is no model, NaN, networks that were changed: an error, and nothing is written."""
    model = zoo.load(folder)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    with pytest.raises(StorageError, match="exists and is not empty"):
        zoo.save(model, tmp_path / "full")
    with pytest.raises(StorageError, match="is no weights folder, which overwrite=True would replace"):
        zoo.save(model, tmp_path / "full", overwrite=True)
    with pytest.raises(UsageError, match="not a Linear; unwrap it first"):
        zoo.save(torch.nn.Linear(1, 1), tmp_path / "out")  # type: ignore[arg-type]
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(WeightsError, match="holds NaN or infinity"):
        zoo.save(model, tmp_path / "out")
    model = zoo.load(folder)
    next(iter(model.children())).register_buffer("mine", torch.zeros(1))
    with pytest.raises(WeightsError, match="holds 'mine' beyond what the architecture has"):
        zoo.save(model, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]
    assert set(contents(tmp_path)) == {"full/mine.txt"}


def test_overwriting_replaces_a_folder_when_the_new_one_is_whole(folder: Path, tmp_path: Path) -> None:
    """With `overwrite` the folder is the new one and nothing else; where saving fails the old one stays."""
    shutil.copytree(folder, tmp_path / "mine")
    (tmp_path / "mine/evaluation.json").write_text("{}")
    model = zoo.load(tmp_path / "mine")
    learn(model)
    zoo.save(model, tmp_path / "mine", overwrite=True)
    assert not (tmp_path / "mine/evaluation.json").exists()
    old = sha256_of(tmp_path / "mine/model.safetensors")
    assert old != sha256_of(folder / "model.safetensors")
    with pytest.raises(UsageError, match="cannot be read"):
        zoo.save(model, tmp_path / "mine", overwrite=True, data="[")
    assert sha256_of(tmp_path / "mine/model.safetensors") == old
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
