"""Conditional models: trained on labels, they learn which is which, and carry the names of their classes with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.recipes.recipe import Recipe, resolve
from zoo.catalogue.weights.locate import locate
from zoo.data.loading import load_dataset
from zoo.errors import ConfigError, IntegrityError, UsageError, WeightsError
from zoo.evaluation.likelihood import importance_weighted_nll
from zoo.evaluation.reconstruction import reconstruction_report
from zoo.nn.abilities import Bounded
from zoo.nn.golden import verify
from zoo.nn.pretrained import load
from zoo.nn.serialization import parse, save
from zoo.training.export import export
from zoo.training.train import train

MakeRecipe = Callable[..., Recipe]
GAN: dict[str, Any] = {"num_classes": 3, "image_size": 8, "latent_size": 4, "generator_widths": [4]}
GAN["discriminator_widths"] = [4, 4]
VAE: dict[str, Any] = {"num_classes": 3, "image_size": 8, "channels": 3, "latent_size": 2, "hidden": [8]}
KINDS: dict[str, dict[str, Any]] = {
    "gan": {"architecture": "dcgan", "trainer": "adversarial", "dataset": "shapes", "config": GAN},
    "vae": {"architecture": "mlp-vae", "trainer": "vae", "dataset": "shapes", "config": VAE},
}


@pytest.fixture(scope="module", params=KINDS)
def folder(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    tiny_recipe: MakeRecipe,
    registry: Registry,
) -> Path:
    """The weights folder of a tiny conditional run, to be read only."""
    out = tmp_path_factory.mktemp(request.param)
    train(resolve(tiny_recipe(**KINDS[request.param]), registry), out / "run", registry=registry)
    export(out / "run", out / "tiny", registry)
    return out / "tiny"


def test_the_names_of_the_classes_travel(folder: Path) -> None:
    """config.json names the classes, the model knows them, and a name gives what its number gives."""
    assert json.loads((folder / "config.json").read_text())["data"]["classes"] == ["circle", "square", "triangle"]
    model = load(str(folder))
    assert (model.num_classes, model.classes) == (3, ("circle", "square", "triangle"))
    named = model.sample(4, seed=0, labels="square")
    assert torch.equal(named, model.sample(4, seed=0, labels=[1] * 4))
    assert torch.equal(model.sample(3, seed=0, labels=["circle", "square", 2]), model.sample(3, seed=0))
    assert not torch.equal(named, model.sample(4, seed=0, labels="triangle"))
    with pytest.raises(UsageError, match=r"no class is named 'sqare'.*square"):
        model.sample(4, labels="sqare")


def test_golden_samples_keep_their_labels(folder: Path, registry: Registry, tmp_path: Path) -> None:
    """The labels are in golden.safetensors, and `verify` replays the samples with them: others are a difference."""
    assert verify(locate(str(folder), registry), registry)["ok"]
    golden = parse(bytearray((folder / "golden.safetensors").read_bytes()), "golden")
    assert golden["labels"].tolist() == [0, 1, 2, 0]
    for labels, error in (([1, 2, 0, 1], IntegrityError), ([0, 1, 2, 3], WeightsError), ([0, 1], WeightsError)):
        copy = tmp_path / f"{labels}"
        copy.mkdir()
        for file in folder.iterdir():
            (copy / file.name).write_bytes(file.read_bytes())
        save(copy / "golden.safetensors", golden | {"labels": torch.tensor(labels), "tolerance": torch.tensor([1e-6])})
        with pytest.raises(error):
            verify(locate(str(copy), registry), registry)


def test_names_and_networks_must_agree(folder: Path, tmp_path: Path) -> None:
    """A config that names another number of classes than the networks have, or none that can be, does not load."""
    for names in (["circle", "square"], ["a", "a", "b"], "abc", [1, 2, 3]):
        copy = tmp_path / str(len(list(tmp_path.iterdir())))
        copy.mkdir()
        for file in folder.iterdir():
            (copy / file.name).write_bytes(file.read_bytes())
        data = json.loads((copy / "config.json").read_text())
        data["data"]["classes"] = names
        (copy / "config.json").write_text(json.dumps(data))
        with pytest.raises(WeightsError, match=r"data\.classes"):
            load(str(copy))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("dataset", "count", "says"),
    [("shapes[circle]", 3, "3 classes, and .* has 1"), ("shapes", 4, "4 classes, and .* has 3")],
)
def test_data_of_other_classes_are_refused_before_training(
    kind: str, dataset: str, count: int, says: str, tmp_path: Path, tiny_recipe: MakeRecipe, registry: Registry
) -> None:
    """Another number of classes is one line that names both, and nothing is written."""
    given = KINDS[kind] | {"dataset": dataset, "config": KINDS[kind]["config"] | {"num_classes": count}}
    with pytest.raises(ConfigError, match=says):
        train(resolve(tiny_recipe(**given), registry), tmp_path / "run", registry=registry)
    assert not (tmp_path / "run").exists()


def test_a_conditional_vae_must_be_told_the_class(tmp_path: Path, tiny_recipe: MakeRecipe, registry: Registry) -> None:
    """Encoding, the bound and the likelihood take labels; without them it is a UsageError, never a guess."""
    train(resolve(tiny_recipe(**KINDS["vae"]), registry), tmp_path / "run", registry=registry)
    export(tmp_path / "run", tmp_path / "tiny", registry)
    model = load(str(tmp_path / "tiny"))
    assert isinstance(model, Bounded)
    data = load_dataset("shapes", registry=registry, data_shape=(3, 8, 8))
    assert data.labels is not None
    stored, labels = data.data[:6], data.labels[:6]
    x = stored.float() / 255
    for ask in (lambda: model.encode(x), lambda: model.elbo(x), lambda: model.reconstruct(x)):
        with pytest.raises(UsageError, match="give labels"):
            ask()
    first, other = model.encode(x, labels), model.encode(x, (labels + 1) % 3)
    assert not torch.equal(first.mean, other.mean)
    assert torch.equal(model.encode(x, [data.classes[i] for i in labels]).mean, first.mean)
    assert torch.equal(model.reconstruct(x, labels), model.decode(first.mean, labels))
    exact = importance_weighted_nll(model, stored, labels, samples=64)
    report = reconstruction_report(model, stored, labels)
    assert report.negative_elbo is not None
    assert exact.nll <= exact.negative_elbo + 1e-3
    assert float(-model.elbo(x, labels, samples=64, seed=0).mean()) == pytest.approx(exact.negative_elbo, rel=0.05)


# --- which label is which -------------------------------------------------------------------------------------------


def judge(x: Tensor, labels: Tensor) -> nn.Module:
    """A small classifier of real pictures (N, 1, S, S) in [0, 1]."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        side = x.shape[-1] // 4
        network = nn.Sequential(
            *(nn.Conv2d(x.shape[1], 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(32 * side * side, 10)),
        )
        adam = torch.optim.Adam(network.parameters(), 2e-3)
        for _ in range(2):
            for rows in torch.randperm(len(x)).split(64):
                adam.zero_grad()
                nn.functional.cross_entropy(network(x[rows]), labels[rows]).backward()
                adam.step()
    return network.eval().requires_grad_(False)


TRAINED: dict[str, dict[str, Any]] = {
    "gan": {
        "architecture": "dcgan",
        "trainer": "adversarial",
        "examples": 30_000,
        "batch_size": 32,
        "ema_half_life": 1_000.0,
        "config": {
            "num_classes": 10,
            "image_size": 16,
            "channels": 1,
            "latent_size": 16,
            "generator_widths": [48, 24],
            "discriminator_widths": [16, 32],
        },
        "settings": {"flips": False, "mix_batches": False, "generator_lr": 1e-3, "discriminator_lr": 5e-4},
    },
    "vae": {
        "architecture": "mlp-vae",
        "trainer": "vae",
        "examples": 100_000,
        "batch_size": 64,
        "ema_half_life": 1_000.0,
        "config": {"num_classes": 10, "image_size": 16, "latent_size": 4, "hidden": [256]},
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", TRAINED)
def test_it_learns_which_label_is_which(
    kind: str,
    tmp_path: Path,
    tiny_recipe: MakeRecipe,
    registry: Registry,
    real_data: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A classifier of real digits finds in at least 0.8 of the samples the digit that was asked for; chance is 0.1."""
    monkeypatch.setenv("ZOO_DATA", real_data("mnist.tar"))
    quiet = {"log_every": 30_000, "sample_every": 30_000, "checkpoint_every": 30_000, "doctor": {"action": "off"}}
    recipe = tiny_recipe(**{"dataset": "mnist"} | quiet | TRAINED[kind])
    train(resolve(recipe, registry), tmp_path / "run", registry=registry)
    export(tmp_path / "run", tmp_path / "digits", registry)
    model = load(str(tmp_path / "digits"))
    real = load_dataset("mnist", registry=registry, data_shape=(1, 16, 16))
    assert real.labels is not None
    order = torch.randperm(len(real.data), generator=torch.Generator().manual_seed(0))  # they lie class by class
    shown, held = order[:20_000], order[20_000:22_000]
    network = judge(real.data[shown].float() / 255, real.labels[shown])
    assert float((network(real.data[held].float() / 255).argmax(1) == real.labels[held]).float().mean()) > 0.93
    labels = torch.arange(500) % 10
    found = network(model.sample(500, seed=1, labels=labels)).argmax(1)
    share = float((found == labels).float().mean())
    assert share >= 0.8, f"{share:.3f}"
