"""What the zoo asks of its own models beyond what the conformance kit asks of everybody's."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import pytest
from PIL import Image

from zoo.catalogue.contract.specs import ModelSpec
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.folder import Folder
from zoo.catalogue.weights.locate import locate
from zoo.nn.pretrained import load

REGISTRY = default_registry()
MODELS = [owned.name for owned in REGISTRY.list("model")]
BUNDLED = [name for name in MODELS if (w := REGISTRY.model(name).weights) is not None and w.bundled is not None]
MOST_BYTES = 16 * 2**20  # of one bundled folder
every_bundle = pytest.mark.parametrize("name", BUNDLED)


def folder_of(name: str) -> Folder:
    folder = locate(name, REGISTRY)
    assert folder.source == "bundled", f"{name}: its package lacks the weights it says it carries"
    return folder


def test_there_are_models() -> None:
    """The catalogue has models, some with weights, so the tests of this file have something to run over."""
    assert MODELS
    assert BUNDLED


@every_bundle
def test_a_bundled_folder_is_small(name: str) -> None:
    """At most 16 MiB."""
    files = [path for path in folder_of(name).path.rglob("*") if path.is_file()]
    assert 0 < sum(file.stat().st_size for file in files) <= MOST_BYTES


@every_bundle
def test_it_has_samples_to_look_at(name: str) -> None:
    """The card names them; of pictures they are a grid of at least 8 x 8, of texts and sounds at least 8."""
    path, model = folder_of(name).path, load(name)
    (file,) = path.glob("samples.*")
    assert file.name in (path / "README.md").read_text(encoding="utf-8")
    if file.suffix == ".png":
        with Image.open(file) as picture:
            _, height, width = model.data_shape
            assert picture.width >= 8 * width
            assert picture.height >= 8 * height
    elif file.suffix == ".wav":
        with wave.open(str(file)) as sound:
            assert sound.getnframes() >= 8 * model.data_shape[-1]
    else:
        assert len(file.read_text(encoding="utf-8")) > 8 * model.data_shape[0] / 4
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
