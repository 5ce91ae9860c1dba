"""How a model samples where nothing else is asked: `sampling` of a recipe, of config.json and of the model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import zoo
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.weights.locate import locate
from zoo.cli.main import main
from zoo.errors import ConfigError, UsageError, WeightsError
from zoo.training.priors import record_sampling

SMALL = {"length": 12, "width": 8, "layers": 1}
TEXT: dict[str, Any] = {"examples": 64, "batch_size": 8, "checkpoint_every": 32, "config": SMALL}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """A run of a writer whose own temperature is 0.2, what it was exported to, and its data."""
    home = tmp_path_factory.mktemp("written")
    (home / "book.txt").write_text("the quick brown fox jumps over the lazy dog\n" * 40)
    data = f"text:{home / 'book.txt'}"
    run = zoo.train("char-lstm", data=data, folder=home / "run", sampling={"temperature": 0.2}, **TEXT)
    return run.folder, run.export(home / "weights"), data


def test_a_model_samples_as_its_recipe_says(written: tuple[Path, Path, str]) -> None:
    """It is so in training, exported and loaded; what is asked for by name goes before, the rest stays."""
    run, folder, _ = written
    config = json.loads((folder / "config.json").read_text())
    assert config["sampling"] == config["training"]["recipe"]["sampling"] == {"temperature": 0.2}
    model = zoo.load(folder)
    assert model.sampling == {"temperature": 0.2}
    own = model.sample(8, seed=0)
    assert torch.equal(own, model.sample(8, seed=0, temperature=0.2))
    assert torch.equal(own, model.decode(model.latents(8, seed=0)))
    assert torch.equal(own, torch.stack(list(model.stream(8, seed=0)), 1))  # type: ignore[attr-defined]
    assert not torch.equal(own, model.sample(8, seed=0, temperature=1.0))
    assert torch.equal(model.sample(8, seed=0, length=5), model.sample(8, seed=0, length=5, temperature=0.2))
    assert zoo.verify(folder)["golden_difference"] == 0
    model.sampling = {"length": 7}
    assert model.latents(2, seed=0).shape == (2, 7)
    assert model.sample(2, seed=0).shape == (2, 7)
    assert torch.equal(own, zoo.load(folder).sample(8, seed=0))
    assert json.loads((run / "recipe.json").read_text())["recipe"]["sampling"] == {"temperature": 0.2}


def test_card_and_info_say_how_it_samples(written: tuple[Path, Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    """In the sentence beside the samples, in the recipe, and as a row of `zoo info`."""
    card = (written[1] / "README.md").read_text()
    assert "They are sampled with `temperature=0.2`, the default." in card
    assert "[sampling]\ntemperature = 0.2\n" in card
    assert main(["info", str(written[1])]) == 0
    assert "temperature = 0.2 unless asked otherwise" in capsys.readouterr().out


def test_a_model_is_saved_with_the_sampling_that_it_has(written: tuple[Path, Path, str], tmp_path: Path) -> None:
    """Kept as it is, changed, and taken away: golden samples are of it."""
    model = zoo.load(written[1])
    for name, sampling in {"kept": {"temperature": 0.2}, "other": {"top_k": 1}, "none": {}}.items():
        model.sampling = dict(sampling)
        folder = zoo.save(model, tmp_path / name)
        config = json.loads((folder / "config.json").read_text())
        assert config.get("sampling", {}) == config["training"]["recipe"].get("sampling", {}) == sampling
        assert zoo.load(folder).sampling == sampling
        assert torch.equal(zoo.load(folder).sample(4, seed=1), model.sample(4, seed=1))
        assert zoo.verify(folder)["golden_difference"] == 0
    assert (tmp_path / "kept/golden.safetensors").read_bytes() != (tmp_path / "none/golden.safetensors").read_bytes()


def test_a_run_goes_on_with_another_sampling(written: tuple[Path, Path, str], tmp_path: Path) -> None:
    """It is no part of what is learnt: the weights are the same bytes."""
    shutil.copytree(written[0], tmp_path / "run")
    given = ["--data", written[2], "--out", str(tmp_path / "run"), "--resume"]
    values = {**TEXT, **{f"config.{key}": value for key, value in SMALL.items()}, "sampling.min_p": 0.1}
    sets = [word for key, value in values.items() if key != "config" for word in ("--set", f"{key}={value}")]
    assert main(["train", "char-lstm", *given, *sets]) == 0
    assert main(["export", str(tmp_path / "run"), "-o", str(tmp_path / "out")]) == 0
    assert zoo.load(tmp_path / "out").sampling["min_p"] == 0.1
    assert (tmp_path / "out/model.safetensors").read_bytes() == (written[1] / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("sampling", "said"),
    [
        ({"temprature": 1}, "temprature"),
        ({"temperature": 0}, "temperature = 0 is not allowed"),
        ("hot", "config, data, training and sampling must be tables"),
    ],
)
def test_a_sampling_that_cannot_be_is_refused(
    sampling: Any, said: str, written: tuple[Path, Path, str], tmp_path: Path
) -> None:
    """Of a folder when it is loaded; of a recipe before anything is written."""
    folder = tmp_path / "weights"
    shutil.copytree(written[1], folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"sampling": sampling}))
    with pytest.raises(WeightsError, match=said):
        zoo.load(folder)
    if isinstance(sampling, dict):
        with pytest.raises(ConfigError, match=f"recipe .*{said}"):
            zoo.train("char-lstm", data=written[2], folder=tmp_path / "run", sampling=sampling, **TEXT)
        assert not (tmp_path / "run").exists()


def test_every_model_may_have_a_truncation_of_its_own(
    make_folder: Callable[..., SimpleNamespace], tmp_path: Path
) -> None:
    """A GAN, too: what it samples, draws and shows is cut so, unless another is asked for; infinity cuts nothing."""
    made = make_folder().path
    free = zoo.load(made)
    config = json.loads((made / "config.json").read_text())
    (made / "config.json").write_text(json.dumps(config | {"sampling": {"truncation": 0.5}}))
    model = zoo.load(made)
    assert float(model.latents(50, seed=0).abs().max()) <= 0.5
    for asked, same in ((None, 0.5), (2.0, 2.0), (float("inf"), None)):
        assert torch.equal(model.sample(4, seed=1, truncation=asked), free.sample(4, seed=1, truncation=same))
    assert not torch.equal(model.sample(4, seed=1), free.sample(4, seed=1))
    digits = zoo.load("vae-mnist")
    digits.sampling = {"truncation": 0.5}
    saved = zoo.save(digits, tmp_path / "saved")
    assert zoo.verify(saved)["golden_difference"] == 0
    assert "sampled with `truncation=0.5`, the default" in (saved / "README.md").read_text()
    for wrong in (0, -1, "wide", True):
        (made / "config.json").write_text(json.dumps(config | {"sampling": {"truncation": wrong}}))
        with pytest.raises(WeightsError, match=r"sampling: truncation is .*; it must be a number above 0"):
            zoo.load(made)


def test_a_folder_is_told_how_its_model_samples(tmp_path: Path, registry: Registry) -> None:
    """Golden samples, samples and card follow, figures of samples go, those of encoded examples stay; what it cannot
    do changes nothing."""
    folder = tmp_path / "faces"
    shutil.copytree(locate("vae-faces", registry).path, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    record_sampling(locate(str(folder), registry), {"truncation": 0.7}, registry=registry)
    changed = {path.name for path in folder.iterdir() if path.read_bytes() != before[path.name]}
    assert changed == {"config.json", "README.md", "evaluation.json", "golden.safetensors", "samples.png"}
    assert before.keys() - {path.name for path in folder.iterdir()} == {"neighbours.png"}
    report = zoo.verify(folder)
    assert (report["golden_difference"], report["card"]) == (0, "consistent")
    model = zoo.load(folder)
    assert model.sampling == {"truncation": 0.7}
    assert model.info["training"]["recipe"]["sampling"] == {"truncation": 0.7}
    assert torch.equal(model.sample(2, seed=0), zoo.load("vae-faces").sample(2, seed=0, truncation=0.7))
    kept = json.loads((folder / "evaluation.json").read_text())["records"]
    old = json.loads(before["evaluation.json"])["records"]
    assert kept.keys() == {key for key, one in old.items() if not one["n_fake"]} != old.keys()
    assert all(kept[key]["values"] == old[key]["values"] for key in kept)
    now = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(WeightsError, match="sampling: this model takes no temperature"):
        record_sampling(locate(str(folder), registry), {"temperature": 0.7}, registry=registry)
    assert now == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_model_without_options_has_no_sampling_of_its_own(make_folder: Callable[..., SimpleNamespace]) -> None:
    """A GAN has none, and one that a user gives it is refused when it samples."""
    model = zoo.load(make_folder().path)
    assert model.sampling == {}
    model.sampling = {"temperature": 0.5}
    with pytest.raises(UsageError, match="this model takes no temperature"):
        model.sample(1)
