"""Every model of the catalogue: its recipe resolves, and its weights are whole, pinned, and give what they promise."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from pathlib import Path

import pytest
import torch
from PIL import Image

from zoo.configs import as_data
from zoo.data.loading import parse_reference
from zoo.nn.build import decode_config
from zoo.nn.models import Model
from zoo.nn.pretrained import load
from zoo.nn.verification import verify
from zoo.plugins import default_registry
from zoo.publishing import PUBLISHED
from zoo.recipes import Recipe, read_recipe, resolve
from zoo.specs import ModelSpec, WeightsSpec, resource
from zoo.weights import CONFIG, DISCRIMINATOR, FILES, GOLDEN, MODEL, Folder, locate

REGISTRY = default_registry()
MODELS = [owned.name for owned in REGISTRY.list("model")]
WITH_RECIPE = [name for name in MODELS if REGISTRY.model(name).recipe is not None]
BUNDLED = [name for name in MODELS if (w := REGISTRY.model(name).weights) is not None and w.bundled is not None]
MOST_BYTES = 16 * 2**20  # of one bundled folder
every_model = pytest.mark.parametrize("name", MODELS)
every_recipe = pytest.mark.parametrize("name", WITH_RECIPE)
every_bundle = pytest.mark.parametrize("name", BUNDLED)


def recipe_of(name: str) -> Recipe:
    spec = REGISTRY.model(name)
    assert spec.recipe is not None
    return read_recipe(resource(spec.recipe, name))


def weights_of(name: str) -> WeightsSpec:
    weights = REGISTRY.model(name).weights
    assert weights is not None
    return weights


@cache
def folder_of(name: str) -> Folder:
    folder = locate(name, REGISTRY)
    assert folder.source == "bundled", f"{name}: its package lacks the weights it says it carries"
    return folder


@cache
def model_of(name: str) -> Model:
    return load(name)


def test_there_are_models() -> None:
    """The catalogue has models with recipes, so the tests of this file have something to run over."""
    assert MODELS
    assert WITH_RECIPE


@every_model
def test_what_a_model_names_is_in_the_catalogue(name: str) -> None:
    """Its architecture and dataset are there, with the class it selects; its licence and shape can be meant."""
    spec = REGISTRY.model(name)
    REGISTRY.architecture(spec.architecture)
    dataset, selection, path = parse_reference(spec.dataset)
    classes = REGISTRY.dataset(dataset).classes
    assert selection is None or selection in classes
    assert path is None
    assert spec.licence
    assert spec.data_shape is None or (len(spec.data_shape) == 3 and min(spec.data_shape) >= 1)


# --- recipes -------------------------------------------------------------------------------------------------------


@every_recipe
def test_a_recipe_resolves_and_says_what_the_catalogue_says(name: str) -> None:
    """Its preset, config and settings fit; name, architecture, dataset and licence are the entry's."""
    spec, recipe = REGISTRY.model(name), recipe_of(name)
    resolved, config, settings = resolve(recipe, REGISTRY)
    assert (resolved.config, resolved.settings) == (as_data(config), as_data(settings))
    assert (recipe.name, recipe.architecture, recipe.dataset) == (
        name.rpartition("/")[2],
        spec.architecture,
        spec.dataset,
    )
    assert recipe.licence == spec.licence
    assert recipe.summary
    splits = REGISTRY.dataset(parse_reference(recipe.dataset)[0]).splits
    assert not splits or recipe.split in splits
    assert recipe.batch_size <= recipe.images


# --- weights -------------------------------------------------------------------------------------------------------


@every_bundle
def test_every_pinned_file_has_its_pinned_bytes(name: str) -> None:
    """The sha256 of each pinned file is the pin, and every file of the format that is there is pinned."""
    folder, pins = folder_of(name), weights_of(name).files
    assert {CONFIG, MODEL, GOLDEN} <= set(pins) <= set(FILES)
    for file, pin in pins.items():
        assert hashlib.sha256((folder.path / file).read_bytes()).hexdigest() == pin, file
    assert {file for file in FILES if folder.has(file)} == set(pins)


@every_bundle
def test_a_bundled_folder_is_small_and_holds_only_what_it_should(name: str) -> None:
    """At most 16 MiB; ordinary files only: those of the format, the card, pictures and the report."""
    path = folder_of(name).path
    files = list(path.rglob("*"))
    assert all(file.is_file() and not file.is_symlink() for file in files)
    assert sum(file.stat().st_size for file in files) <= MOST_BYTES
    assert {file.relative_to(path).as_posix() for file in files} <= set(PUBLISHED)


@every_bundle
def test_its_config_is_the_recipes(name: str) -> None:
    """config.json decodes by the architecture, and holds the recipe that the catalogue points to."""
    spec, data = REGISTRY.model(name), folder_of(name).config()
    assert data["architecture"] == spec.architecture
    config = decode_config(REGISTRY.architecture(spec.architecture), data["config"], name)
    assert as_data(config) == data["config"]
    assert data["data"]["name"] == spec.dataset
    assert tuple(data["data"]["shape"]) == (spec.data_shape or tuple(data["data"]["shape"]))
    if spec.recipe is not None:
        resolved, _, _ = resolve(recipe_of(name), REGISTRY)
        assert data["config"] == resolved.config
        assert data["training"]["recipe"] == {key: value for key, value in as_data(resolved).items() if key != "config"}
        seen = data["training"]["images"]
        assert resolved.images <= seen < resolved.images + resolved.batch_size, (
            f"{name} was cut short at {seen:,} images"
        )


@every_bundle
def test_it_loads_and_samples(name: str) -> None:
    """By name, offline: pictures of its shape in [0, 1], the same for the same seed, and not all alike."""
    model, spec = model_of(name), REGISTRY.model(name)
    assert model.spec == spec
    assert spec.data_shape in (None, model.data_shape)
    x = model.sample(5, seed=0)
    assert (x.shape, x.dtype) == ((5, *model.data_shape), torch.float32)
    assert 0 <= float(x.min()) < float(x.max()) <= 1
    assert torch.equal(model.sample(3, seed=0), x[:3])
    assert not torch.equal(model.sample(5, seed=1), x)
    assert float(x.std(dim=0).mean()) > 0.01, "its samples are all alike"


@every_bundle
def test_it_passes_verification(name: str) -> None:
    """Hashes, header and golden samples: what `zoo verify` checks."""
    report = verify(folder_of(name), REGISTRY)
    assert report["ok"] is True
    assert report["pinned"] == sorted(weights_of(name).files)


@every_bundle
def test_its_discriminator_loads(name: str) -> None:
    """Where a discriminator is published it judges the model's own samples with finite logits."""
    if DISCRIMINATOR not in weights_of(name).files:
        assert not folder_of(name).has(DISCRIMINATOR)
        return
    model = load(name, discriminator=True)
    assert model.discriminator is not None
    with torch.no_grad():
        logits = model.discriminator(model.sample(4, seed=0) * 2 - 1)
    assert logits.shape == (4,)
    assert bool(logits.isfinite().all())


@every_bundle
def test_it_has_a_card_and_a_picture_of_its_samples(name: str) -> None:
    """The card says how to load it, its licence and data; samples.png is a grid of its own samples of seed 0."""
    path, spec = folder_of(name).path, REGISTRY.model(name)
    card = (path / "README.md").read_text(encoding="utf-8")
    assert f'zoo.load("{name}")' in card
    assert spec.dataset in card
    assert re.search(rf'^license: "?{re.escape(spec.licence.lower())}"?$', card, re.MULTILINE)
    assert "samples.png" in card
    with Image.open(path / "samples.png") as picture:
        _, height, width = model_of(name).data_shape
        assert picture.width >= 8 * width
        assert picture.height >= 8 * height
    if (path / "evaluation.json").is_file():
        json.loads((path / "evaluation.json").read_text(encoding="utf-8"))


def test_a_bundle_is_not_left_out_unnoticed() -> None:
    """Every folder in weights/ of a source checkout belongs to a model of the catalogue."""
    weights = Path(__file__).parents[2] / "weights"
    folders = {path.name for path in weights.iterdir() if path.is_dir()} if weights.is_dir() else set()
    pinned = {w.bundled.rpartition("/")[2] for name in BUNDLED if (w := REGISTRY.model(name).weights) and w.bundled}
    assert folders <= pinned


def test_the_entries_are_model_specs() -> None:
    """What the registry lists as models are ModelSpecs with weights, a recipe, or both."""
    for name in MODELS:
        spec = REGISTRY.model(name)
        assert isinstance(spec, ModelSpec)
        assert spec.weights is not None or spec.recipe is not None
