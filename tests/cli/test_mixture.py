"""zoo.cli.mixture: a mixture that is made what a folder draws from by default."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from measured_models import record

import zoo
from zoo.catalogue.weights.records import key_of
from zoo.cli.main import main
from zoo.files import sha256_of

pytest.importorskip("sklearn")

RECIPE = {"name": "tiny", "trainer": "vae", "licence": "MIT", "summary": "Tiny.", "settings": {}, "seed": 0}
FIGURES: dict[str, Any] = {
    "format": 2,
    "records": {key_of(one): one for one in (record("frechet", "pixels", 2.0), record("likelihood", "", 90.0))},
    "reconstruction": {
        "examples": 2,
        "binarised": False,
        "split": "test",
        "root_mean_square_error": 0.1,
        "active_units": 3,
        "negative_elbo": None,
    },
}


@pytest.fixture
def tiny(vae_folder: Callable[..., SimpleNamespace]) -> Path:
    """A VAE's folder whose config says enough for a card, with golden samples, figures and a picture of N(0, I)."""
    path: Path = vae_folder().path
    config = json.loads((path / "config.json").read_text())
    config["data"] |= {"count": 2000, "split": "train", "sha256": "0" * 64, "licence": "none"}
    config["training"] = {"recipe": RECIPE, "examples": 1, "torch": "2", "threads": 1}
    (path / "config.json").write_text(json.dumps(config))
    (path / "evaluation.json").write_text(json.dumps(FIGURES))
    (path / "neighbours.png").write_bytes(b"old")
    return path


def run(*argv: object) -> int:
    return main([str(word) for word in argv])


def test_a_mixture_becomes_the_default(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Config, golden samples, samples and card follow it, the weights stay; `sample` draws from it, --prior normal not.

    What was measured of other samples goes, what is not of samples stays.
    """
    before, model = zoo.load(tiny).sample(64, seed=0), sha256_of(tiny / "model.safetensors")
    assert run("mixture", "fit", tiny, "--components", 2, "--default") == 0
    assert f"draws from it by default; measure its samples: zoo eval {tiny} --write" in capsys.readouterr().out
    assert run("verify", tiny) == 0
    capsys.readouterr()
    config = json.loads((tiny / "config.json").read_text())
    assert config["default_prior"] == "mixture"
    assert config["training"]["recipe"] == RECIPE | {"default_prior": "mixture", "components": 2}
    kept = json.loads((tiny / "evaluation.json").read_text())
    assert list(kept.pop("records")) == ["likelihood@4000"]  # it is not of samples
    assert kept == {key: FIGURES[key] for key in ("format", "reconstruction")}
    assert not (tiny / "neighbours.png").exists()
    assert sha256_of(tiny / "model.safetensors") == model
    card = (tiny / "README.md").read_text()
    assert "drawn from the Gaussian mixture" in card
    assert "## Coding" in card
    assert "## Figures" not in card
    loaded = zoo.load(tiny)
    assert torch.equal(loaded.sample(64, seed=0, prior="normal"), before)
    assert not torch.equal(loaded.sample(64, seed=0), before)
    assert run("sample", tiny, "-n", 64, "--seed", 0, "-o", tmp_path / "a.png") == 0
    assert (tmp_path / "a.png").read_bytes() == (tiny / "samples.png").read_bytes()
    assert run("sample", tiny, "-n", 4, "--prior", "normal", "-o", tmp_path / "b.png") == 0
    assert run("info", tiny) == 0
    assert "prior: a mixture of 2 Gaussians by default; --prior names" in " ".join(capsys.readouterr().out.split())


def test_one_that_is_the_default_is_replaced_with_all_that_is_of_it(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fitted again without --default the golden samples follow too; of another split the recipe knows nothing new."""
    assert run("mixture", "fit", tiny, "--components", 2, "--default") == 0
    first = (tiny / "golden.safetensors").read_bytes()
    capsys.readouterr()
    assert run("mixture", "fit", tiny, "--components", 3, "--split", "test", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["components"], row["default"]) == (3, True)
    assert (tiny / "golden.safetensors").read_bytes() != first
    assert run("verify", tiny) == 0
    assert json.loads((tiny / "config.json").read_text())["training"]["recipe"]["components"] == 2


def contents(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in folder.iterdir()}


def test_all_is_written_or_nothing(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A config that says too little for a card, and no scikit-learn, leave the folder as it was."""
    config = json.loads((tiny / "config.json").read_text())
    (tiny / "config.json").write_text(json.dumps(config | {"training": {}}))
    before = contents(tiny)
    assert run("mixture", "fit", tiny, "--components", 2, "--default") == 4
    assert "lacks what a card says" in capsys.readouterr().err
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "sklearn.mixture", None)
        assert run("mixture", "fit", tiny, "--default") == 3
    assert "pip install 'genzoo[latent]'" in capsys.readouterr().err
    assert contents(tiny) == before


def test_walks_and_planes_are_those_of_the_default(
    vae_folder: Callable[..., SimpleNamespace], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """interpolate, traverse and manifold draw from the mixture, and with --prior normal from N(0, I)."""
    path = vae_folder("flat", latent_size=2).path
    assert run("mixture", "fit", path, "--components", 2) == 0
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | {"default_prior": "mixture"}))
    model = zoo.load(path)
    for words, says in (
        (("interpolate", path, "--rows", 2), "great circles around the mixture's mean"),
        (("traverse", path, "--dimension", 1), "from {:.4g} to {:.4g}".format(*model.prior_of().limits(1))),
        (("manifold", path, "-n", 3), "each cell as likely"),
    ):
        capsys.readouterr()
        assert run(*words, "--scale", 1, "-o", tmp_path / "mixed.png") == 0
        assert says in capsys.readouterr().out
        assert run(*words, "--prior", "normal", "--scale", 1, "-o", tmp_path / "normal.png") == 0
        said = capsys.readouterr().out
        assert "each cell" in said or says not in said
        assert (tmp_path / "mixed.png").read_bytes() != (tmp_path / "normal.png").read_bytes()
    assert run("traverse", path, "--dimension", 2, "-o", tmp_path / "no.png") == 2
    assert "dimension is 2" in capsys.readouterr().err
