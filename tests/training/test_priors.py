"""zoo.training.priors: a recipe's default prior is fitted when the model is published, and written with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import zoo
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.recipes.recipe import Recipe, parse_recipe, resolve
from zoo.catalogue.weights.locate import locate
from zoo.data.loading import load_dataset
from zoo.errors import ConfigError, DataError, NotFoundError, UsageError
from zoo.latent.codes import codes_of
from zoo.latent.priors import fit_mixture
from zoo.nn.abilities import encoding
from zoo.nn.golden import verify
from zoo.training.export import export, trained_model
from zoo.training.run import Run
from zoo.training.train import train

pytest.importorskip("sklearn")

Contents = Callable[[Path], dict[str, str]]
VAE = {"architecture": "conv-vae", "trainer": "vae", "config": {"image_size": 8, "latent_size": 3}}
MIXED = VAE | {"default_prior": "mixture", "components": 3}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Callable[..., Recipe], registry: Registry) -> Run:
    """A finished run of a VAE whose recipe asks for a mixture, to be read only."""
    return train(resolve(tiny_recipe(**MIXED), registry), tmp_path_factory.mktemp("run") / "tiny", registry=registry)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, run: Run, registry: Registry) -> Path:
    """Its weights folder, to be read only."""
    out = tmp_path_factory.mktemp("export") / "tiny"
    export(run.folder, out, registry)
    return out


def test_the_folder_draws_from_a_mixture_of_the_training_codes(folder: Path, registry: Registry) -> None:
    """The mixture is the one fitted to the codes of the training data with the recipe's seed; it is the default, and
    config, golden samples and card say so.
    """
    model = encoding(zoo.load(folder))
    examples = load_dataset("shapes[circle]", registry=registry, data_shape=model.data_shape)
    wanted = fit_mixture(codes_of(model, examples), components=3, seed=0)
    assert model.mixture is not None
    for key in ("weights", "means", "factors"):
        torch.testing.assert_close(getattr(model.mixture, key), getattr(wanted, key))  # but for how convolutions round
    assert torch.equal(model.sample(4, seed=1), model.sample(4, seed=1, prior="mixture"))
    assert verify(locate(folder, registry), registry)["golden_difference"] < 1e-6
    config = json.loads((folder / "config.json").read_text())
    assert config["default_prior"] == "mixture"
    assert config["training"]["recipe"]["components"] == 3
    card = (folder / "README.md").read_text()
    assert "not selected. They are drawn from the Gaussian mixture" in card
    assert 'default_prior = "mixture"\ncomponents = 3\n' in card


def test_the_same_seed_gives_the_same_bytes(
    folder: Path, run: Run, registry: Registry, tmp_path: Path, contents: Contents
) -> None:
    """Exported again it is the same, every file of it; and so is the model that `zoo.train` gives, saved."""
    export(run.folder, tmp_path / "again", registry)
    assert contents(tmp_path / "again") == contents(folder)
    model = trained_model(run.folder, registry)
    assert torch.equal(model.sample(4, seed=1), zoo.load(folder).sample(4, seed=1))
    zoo.save(model, tmp_path / "tiny")
    assert contents(tmp_path / "tiny") == contents(folder)


def test_a_run_is_resumed_whatever_prior_it_is_to_have(
    run: Run, tiny_recipe: Callable[..., Recipe], registry: Registry, tmp_path: Path, contents: Contents
) -> None:
    """Its checkpoints are those of a run without one; asked for later, on resuming, it is the same folder."""
    plain = train(resolve(tiny_recipe(**VAE), registry), tmp_path / "tiny", registry=registry)
    last = "checkpoints/000000000032"
    assert contents(plain.folder / last) == contents(run.folder / last)
    export(plain.folder, tmp_path / "plain", registry)
    assert "default_prior" not in (tmp_path / "plain/config.json").read_text()
    assert not (tmp_path / "plain/prior.safetensors").exists()
    mixed = resolve(tiny_recipe(**MIXED), registry)
    train(mixed, plain.folder, registry=registry, resume=True)
    export(plain.folder, tmp_path / "mixed", registry)
    assert zoo.load(tmp_path / "mixed").default_prior == "mixture"


def test_of_examples_that_were_held_out_nothing_is_fitted(
    tiny_recipe: Callable[..., Recipe], registry: Registry, tmp_path: Path
) -> None:
    """Where the doctor keeps a share of the data, the codes are those of the rest."""
    recipe = tiny_recipe(**MIXED, doctor={"held_out": 0.5})
    run = train(resolve(recipe, registry), tmp_path / "run", registry=registry)
    model = encoding(trained_model(run.folder, registry))
    examples = load_dataset("shapes[circle]", registry=registry, data_shape=model.data_shape)
    assert model.mixture is not None
    everything = fit_mixture(codes_of(model, examples), components=3, seed=0)
    assert float((model.mixture.means - everything.means).abs().max()) > 0.01


def test_without_what_it_takes_nothing_is_written(
    run: Run, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without scikit-learn the error is the install line; with other data it says so: no folder is there afterwards."""
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "sklearn.mixture", None)
        with pytest.raises(NotFoundError, match=r"pip install 'genzoo\[latent\]'"):
            export(run.folder, tmp_path / "out", registry)
    recorded = json.loads((run.folder / "recipe.json").read_text())
    other = tmp_path / "other"
    other.mkdir()
    (other / "checkpoints").symlink_to(run.folder / "checkpoints")
    text = json.dumps(recorded).replace(run.recorded.facts["data"]["sha256"], "ab" * 32)
    (other / "recipe.json").write_text(text)
    with pytest.raises(DataError, match="was trained on abababababab: its prior is fitted to the same data"):
        export(other, tmp_path / "out", registry)
    assert not (tmp_path / "out").exists()


def test_a_family_without_codes_has_no_such_recipe(
    tiny_recipe: Callable[..., Recipe], registry: Registry, tmp_path: Path
) -> None:
    """A GAN's recipe that asks for a mixture is refused before anything is written; so are other words and numbers."""
    with pytest.raises(ConfigError, match="default_prior is 'mixture', and a gan has no codes"):
        train(resolve(tiny_recipe(default_prior="mixture"), registry), tmp_path / "run", registry=registry)
    assert not (tmp_path / "run").exists()
    start = 'name = "a"\narchitecture = "b"\ndataset = "c"\ntrainer = "d"\n'
    for line in ('default_prior = "flow"', "components = 0"):
        with pytest.raises(ConfigError, match=line.partition(" ")[0]):
            parse_recipe(f"{start}{line}\n", "test")


# --- zoo.save ------------------------------------------------------------------------------------------------------


def test_changed_weights_get_a_mixture_of_their_own(folder: Path, registry: Registry, tmp_path: Path) -> None:
    """Saved after a step, the mixture is fitted anew to the new codes, on the model's own data or on those named."""
    model = encoding(zoo.load(folder))
    with torch.no_grad():
        next(model.parameters()).add_(0.1)
    for data, reference in (("", "shapes[circle]"), ("shapes[square]", "shapes[square]")):
        out = zoo.save(model, tmp_path / f"own-{len(data)}", data=data)
        saved = encoding(zoo.load(out))
        examples = load_dataset(reference, registry=registry, data_shape=model.data_shape)
        wanted = fit_mixture(codes_of(saved, examples), components=3, seed=0)
        assert saved.default_prior == "mixture"
        assert saved.mixture is not None
        torch.testing.assert_close(saved.mixture.means, wanted.means)
        assert verify(locate(out, registry), registry)["golden_difference"] == 0
    model.default_prior = model.prior
    plain = zoo.load(zoo.save(model, tmp_path / "plain"))
    assert (plain.priors, plain.default_prior) == (("normal",), "normal")
    assert "mixture" not in (tmp_path / "plain/config.json").read_text()


def test_changed_weights_whose_data_are_not_here_are_not_saved(folder: Path, tmp_path: Path) -> None:
    """The error says how to save them all the same, and nothing is written."""
    model = zoo.load(folder)
    model.info["data"]["name"] = "shapez"
    with torch.no_grad():
        next(model.parameters()).add_(0.1)
    with pytest.raises(NotFoundError, match=r"fitted anew.*shapez.*model\.default_prior = model\.prior"):
        zoo.save(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_model_that_was_given_a_mixture_is_saved_with_it(
    tiny_recipe: Callable[..., Recipe], registry: Registry, tmp_path: Path
) -> None:
    """Set on a model of unchanged weights, mixture and default are written with it, and loaded again."""
    train(resolve(tiny_recipe(**VAE), registry), tmp_path / "run", registry=registry)
    model = encoding(trained_model(tmp_path / "run", registry))
    examples = load_dataset("shapes", registry=registry, data_shape=model.data_shape)
    model.mixture, model.default_prior = fit_mixture(codes_of(model, examples), components=2), "mixture"
    again = zoo.load(zoo.save(model, tmp_path / "mine"))
    assert again.default_prior == "mixture"
    assert torch.equal(again.sample(3, seed=2), model.sample(3, seed=2))
    model.default_prior = "uniform"
    with pytest.raises(UsageError, match="prior is 'uniform'"):
        zoo.save(model, tmp_path / "other")
    assert not (tmp_path / "other").exists()
