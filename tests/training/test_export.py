"""zoo.training.export: a run becomes a weights folder that loads, verifies and says how it came about."""

from __future__ import annotations

import errno
import itertools
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import zoo
from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import ModelSpec, WeightsSpec
from zoo.catalogue.recipes.recipe import Recipe, parse_recipe, resolve
from zoo.catalogue.runs.folder import checkpoints, read_run
from zoo.catalogue.weights.card import write_card
from zoo.catalogue.weights.folder import Folder
from zoo.catalogue.weights.locate import locate
from zoo.configs import as_data
from zoo.errors import ConfigError, IntegrityError, NotFoundError, StorageError, WeightsError
from zoo.nn.golden import verify
from zoo.nn.pretrained import load
from zoo.training.attendant import Attendant
from zoo.training.checkpoint import load_newest
from zoo.training.export import export, pins
from zoo.training.run import Run
from zoo.training.train import train

Contents = Callable[[Path], dict[str, str]]
PINNED = {"config.json", "model.safetensors", "discriminator.safetensors", "golden.safetensors"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Callable[..., Recipe], registry: Registry) -> Run:
    """A finished run, to be read only."""
    return train(resolve(tiny_recipe(), registry), tmp_path_factory.mktemp("run") / "tiny", registry=registry)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, run: Run, registry: Registry) -> Iterator[Path]:
    """Its weights folder, to be read only."""
    out = tmp_path_factory.mktemp("export") / "tiny"
    export(run.folder, out, registry)
    return out


def test_the_folder_is_what_the_hub_gets(folder: Path) -> None:
    """The folder holds config, weights of both players, golden samples, card and picture, and nothing else."""
    assert {path.name for path in folder.iterdir()} == PINNED | {"README.md", "samples.png"}
    with Image.open(folder / "samples.png") as picture:
        assert picture.size == (8 * 24 + 7 * 2,) * 2


def test_a_model_is_named_by_the_catalogue_that_pins_it(folder: Path, tmp_path: Path, registry: Registry) -> None:
    """A card names the model whose entry pins these weights, and none that has their name and other weights or none."""
    told = {"architecture": "dcgan", "dataset": "shapes[circle]", "licence": "MIT", "recipe": "acme:tiny.toml"}
    mine = shutil.copytree(folder, tmp_path / "tiny")
    own = pins(folder)
    for files, loaded in ((own, "acme/tiny"), (own | {"model.safetensors": "ab" * 32}, "."), (None, ".")):
        weights = None if files is None else WeightsSpec(files=files, bundled="acme:tiny")
        spec = ModelSpec(name="tiny", summary="x", weights=weights, **told)
        owned = Owned(owner="acme", name="acme/tiny", spec=spec)
        write_card(mine, Registry.of([*itertools.chain(*registry.entries.values()), owned]))
        assert f'zoo.load("{loaded}")' in (mine / "README.md").read_text(encoding="utf-8")


def test_a_model_that_no_catalogue_has_is_loaded_from_its_folder(folder: Path) -> None:
    """Its card has its name as the title, and says to load the folder it lies in, whatever that is called."""
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "\n# tiny\n" in text
    assert 'zoo.load(".")  # "." is the folder of this card' in text


def test_it_loads_by_path_as_the_averaged_generator(folder: Path, run: Run, registry: Registry) -> None:
    """`zoo.load` of the folder gives the run's averaged generator and, on request, its discriminator, bit for bit."""
    model = load(str(folder), discriminator=True)
    assert not model.training
    tensors = load_newest(run.folder / "checkpoints")[0]
    for prefix, part in (("averages.generator.", model.generator), ("parts.discriminator.", model.discriminator)):
        assert part is not None
        wanted = {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
        found = part.state_dict()
        assert set(found) == set(wanted)
        assert all(torch.equal(found[key], wanted[key]) for key in wanted)
    assert not torch.equal(
        tensors["averages.generator.stem.weight"], tensors["parts.generator.stem.weight"]
    )  # the two differ, so the test can tell them apart


def test_its_samples_are_pictures(folder: Path) -> None:
    """The loaded model samples pictures of the recipe's size in [0, 1]."""
    images = zoo.load(folder).sample(3, seed=0)
    assert images.shape == (3, 3, 8, 8)
    assert images.min() >= 0
    assert images.max() <= 1


def test_it_verifies(folder: Path, registry: Registry) -> None:
    """`verify` replays the golden samples, exactly on the machine that made them."""
    report = verify(locate(str(folder), registry), registry)
    assert report["ok"] is True
    assert report["golden_difference"] == 0


def test_its_pins_are_the_files(folder: Path, run: Run, registry: Registry, contents: Contents) -> None:
    """`export` returns the sha256 of what is pinned; a folder opened with these pins loads."""
    found = pins(folder)
    assert set(found) == PINNED
    assert found == {name: digest for name, digest in contents(folder).items() if name in PINNED}
    assert verify(Folder(name="tiny", path=folder, pins=found), registry)["pinned"] == sorted(PINNED)


def test_a_second_export_is_the_same_bytes(
    folder: Path, run: Run, registry: Registry, contents: Contents, tmp_path: Path
) -> None:
    """Exporting a run twice gives the same files, card and picture too; an empty folder may be there already."""
    (tmp_path / "again").mkdir()
    assert export(run.folder, tmp_path / "again", registry) == pins(folder)
    assert contents(tmp_path / "again") == contents(folder)


def test_the_config_says_how_it_came_about(folder: Path, run: Run) -> None:
    """config.json names architecture, config, data with fingerprint and range, recipe, examples seen, and versions."""
    data = json.loads((folder / "config.json").read_text())
    assert data["format"] == 1
    assert (data["architecture"], data["config"]) == ("dcgan", run.recorded.recipe.config)
    assert data["data"] == run.recorded.facts["data"] | {"shape": [3, 8, 8], "range": [-1.0, 1.0]}
    left_out = ("config", "doctor", "default_prior", "components", "stored", "sampling")  # of its own, or the usual
    recipe = {key: value for key, value in as_data(run.recorded.recipe).items() if key not in left_out}
    assert data["training"] == {
        "recipe": recipe,
        "examples": 32,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    assert data["zoo"] == zoo.__version__


def test_the_card_holds_the_recipe(folder: Path, run: Run, registry: Registry) -> None:
    """The TOML block of the card, read back, resolves to the recipe of the run with all its settings."""
    text = (folder / "README.md").read_text()
    blocks = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 1
    again = parse_recipe(blocks[0], "the card")
    assert resolve(again, registry).recipe == run.recorded.recipe
    for fact in (
        "license: ",
        "apache-2.0",
        "CC0-1.0",
        run.recorded.facts["data"]["sha256"],
        "3,334 examples",
        "32 examples seen",
    ):
        assert fact in text
    assert run.folder.name in text
    assert str(run.folder.parent) not in text


def test_no_file_names_a_place_of_the_machine(folder: Path, run: Run) -> None:
    """Nothing in the folder holds the path of the run or of the folder."""
    for path in folder.iterdir():
        content = path.read_bytes()
        assert str(run.folder.parent).encode() not in content
        assert str(folder.parent).encode() not in content


def test_pictures_of_ones_own_are_published_without_their_place(
    tmp_path: Path, tiny_recipe: Callable[..., Recipe], registry: Registry
) -> None:
    """Config and card name a folder of pictures by its last word; the run keeps the path, and so can be resumed."""
    photos = tmp_path / "secret place" / "my photos"
    photos.mkdir(parents=True)
    for index in range(16):
        Image.new("RGB", (8, 8), (index * 10, 0, 0)).save(photos / f"{index}.png")
    recipe = tiny_recipe(dataset=f"images:{photos}", summary="Mine.")
    run = train(resolve(recipe, registry), tmp_path / "run", registry=registry)
    export(run.folder, tmp_path / "out", registry)
    data = json.loads((tmp_path / "out" / "config.json").read_text())
    assert data["data"]["name"] == data["training"]["recipe"]["dataset"] == "images:my photos"
    assert data["data"]["sha256"] == run.recorded.facts["data"]["sha256"]
    for path in (tmp_path / "out").iterdir():
        assert b"secret place" not in path.read_bytes()
    assert verify(locate(str(tmp_path / "out"), registry), registry)["card"] == "consistent"
    assert read_run(run.folder).recipe.dataset == f"images:{photos}"
    train(resolve(recipe, registry), tmp_path / "run", registry=registry, resume=True)


# --- what is refused -----------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_empty_is_refused(
    run: Run, registry: Registry, tmp_path: Path, contents: Contents
) -> None:
    """Exporting over a folder with something in it, or a file, is a StorageError, and what is there stays."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    before = contents(tmp_path)
    for out in ("full", "file", "file/below"):
        with pytest.raises(StorageError, match=f"{tmp_path / out}"):
            export(run.folder, tmp_path / out, registry)
    assert contents(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full"]


def test_there_must_be_a_run(registry: Registry, tmp_path: Path, tiny_recipe: Callable[..., Recipe]) -> None:
    """A folder without a run, or a run without a checkpoint, is a NotFoundError."""
    with pytest.raises(NotFoundError, match=r"no recipe\.json"):
        export(tmp_path / "nothing", tmp_path / "out", registry)

    def cut(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(resolve(tiny_recipe(), registry), tmp_path / "cut", registry=registry, attendant=Attendant(report=cut))
    with pytest.raises(NotFoundError, match="no checkpoint in"):
        export(tmp_path / "cut", tmp_path / "out", registry)
    assert not (tmp_path / "out").exists()


def test_an_export_takes_the_newest_whole_checkpoint_and_says_so(
    tiny_recipe: Callable[..., Recipe], registry: Registry, tmp_path: Path
) -> None:
    """A damaged newest checkpoint is named in a warning and the one before it exported; all damaged is an error."""
    train(resolve(tiny_recipe(), registry), tmp_path / "run", registry=registry)
    older, newest = checkpoints(tmp_path / "run" / "checkpoints")
    (newest / "state.safetensors").write_bytes(b"")
    warned: list[str] = []
    export(tmp_path / "run", tmp_path / "out", registry, warn=warned.append)
    assert len(warned) == 1
    assert "000000000032 is damaged" in warned[0]
    assert json.loads((tmp_path / "out/config.json").read_text())["training"]["examples"] == 16
    (older / "state.safetensors").write_bytes(b"")
    with pytest.raises(IntegrityError, match=r"every checkpoint in .* is damaged"):
        export(tmp_path / "run", tmp_path / "other", registry)
    assert not (tmp_path / "other").exists()


def test_a_checkpoint_of_other_networks_is_refused(
    tiny_recipe: Callable[..., Recipe], registry: Registry, tmp_path: Path
) -> None:
    """A run whose recipe was changed by hand is refused, and nothing is written."""
    run = train(resolve(tiny_recipe(), registry), tmp_path / "run", registry=registry)

    def write(recipe: Recipe) -> None:
        replace(run, recorded=replace(run.recorded, recipe=recipe)).write()

    wider = {**run.recorded.recipe.config, "generator_widths": [8]}
    write(replace(run.recorded.recipe, config=wider))
    with pytest.raises(WeightsError, match="other networks than the recipe"):
        export(tmp_path / "run", tmp_path / "out", registry)
    write(replace(run.recorded.recipe, config={**wider, "generator_widths": [0]}))
    with pytest.raises(ConfigError, match="generator_widths"):
        export(tmp_path / "run", tmp_path / "out", registry)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("victim", ["model.safetensors", "golden.safetensors", "README.md", "out"])
def test_a_full_disk_leaves_no_half_folder(
    victim: str, run: Run, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever file the disk has no room for, it is a StorageError and no folder appears."""
    move = os.replace

    def full(source: Any, target: Any) -> None:
        if Path(target).name == victim:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        move(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StorageError, match="No space left on device"):
        export(run.folder, tmp_path / "out", registry)
    assert list(tmp_path.iterdir()) == []


def test_the_callers_random_state_stays(run: Run, registry: Registry, tmp_path: Path) -> None:
    """Exporting leaves the caller's random state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1234)
        before = torch.get_rng_state()
        export(run.folder, tmp_path / "out", registry)
        assert torch.equal(torch.get_rng_state(), before)
