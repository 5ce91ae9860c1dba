"""Each disease that the doctor knows, got by a recipe that really gets it; and recipes in good health.

The recipes are of 8 pixels and of seconds; thresholds and patience are the usual ones.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.recipes.recipe import Recipe
from zoo.data.loading import load_dataset
from zoo.errors import DiseaseError
from zoo.training.run import Run

MakeRecipe = Callable[..., Recipe]
Train = Callable[..., Run]

GAN: dict[str, Any] = {
    "image_size": 8,
    "latent_size": 8,
    "generator_widths": [32],
    "discriminator_widths": [16, 32],
}
BARE = GAN | {"generator_norm": "none", "discriminator_norm": "none"}
VAE: dict[str, Any] = {"image_size": 8, "channels": 3, "latent_size": 4, "widths": [8], "blocks": [0], "patch": 2}
APART = {"mix_batches": False}
OF_A_VAE = {"architecture": "res-vae", "config": VAE}
# 15 layers without a norm, whose values grow with every layer.
DEEP = BARE | {
    "image_size": 32,
    "generator_widths": [64, 64, 32],
    "generator_convs": [4, 4, 4],
    "generator_conv_kernel": 5,
    "discriminator_widths": [64, 64, 64],
    "output": "linear",
}

HEALTHY: dict[str, dict[str, Any]] = {
    "a GAN": {"config": GAN, "settings": APART | {"generator_lr": 2e-3, "discriminator_lr": 2e-3}},
    "a GAN with the hinge loss": {
        "config": GAN,
        "settings": APART | {"generator_lr": 2e-3, "discriminator_lr": 2e-3, "loss": "hinge"},
    },
    "a VAE": OF_A_VAE | {"trainer": "vae", "settings": {"lr": 2e-3}},
    "an autoencoder": OF_A_VAE | {"trainer": "autoencoder", "config": VAE | {"posterior": "point"}},
}
SICK: dict[str, dict[str, Any]] = {
    "the discriminator wins: it learns a thousand times as fast": {
        "config": GAN,
        "settings": APART | {"generator_lr": 2e-5, "discriminator_lr": 2e-2},
    },
    "the generator wins: the discriminator hardly learns": {
        "config": GAN,
        "settings": APART | {"generator_lr": 2e-3, "discriminator_lr": 1e-6},
    },
    "posterior collapse: the KL outweighs the reconstruction": OF_A_VAE
    | {"trainer": "vae", "settings": {"lr": 2e-3, "beta": 1000.0}},
    "posterior collapse: the code costs more than it gives": OF_A_VAE
    | {"trainer": "autoencoder", "config": VAE | {"posterior": "point"}, "settings": {"sparsity": 1000.0}},
    "mode collapse: the generator learns too fast, on mixed batches and without a norm": {
        "config": BARE,
        "settings": {"generator_lr": 5e-2, "discriminator_lr": 2e-3, "beta1": 0.9},
        "doctor": {"discriminator_wins": 0},
    },
}


@pytest.fixture
def make(tiny_recipe: MakeRecipe) -> MakeRecipe:
    """A recipe of a doctor who stops the run, of 250 steps of 32."""

    def recipe(*, doctor: dict[str, Any] | None = None, **changes: Any) -> Recipe:
        values: dict[str, Any] = {
            "dataset": "shapes",
            "examples": 8_000,
            "batch_size": 32,
            "ema_half_life": 320.0,
            "log_every": 640,
            "sample_every": 2_000,
            "checkpoint_every": 1_280,
            "doctor": {"action": "stop", "samples": 64} | (doctor or {}),
        }
        return tiny_recipe(**values | changes)

    return recipe


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_run_is_silent(name: str, tmp_path: Path, make: MakeRecipe, tiny_train: Train) -> None:
    """A run that learns is trained to its end, nothing is told, and nothing is found."""
    told: list[str] = []
    tiny_train(make(**HEALTHY[name], doctor={"held_out_split": "test"}), tmp_path / "run", warn=told.append)
    assert [line for line in told if "TensorBoard" not in line] == []
    assert not (tmp_path / "run/doctor.jsonl").exists()


@pytest.mark.parametrize("name", SICK)
def test_a_disease_is_caught(name: str, tmp_path: Path, make: MakeRecipe, tiny_train: Train) -> None:
    """The recipe that gets it is stopped, by the name of that disease."""
    with pytest.raises(DiseaseError, match=name.partition(":")[0]) as caught:
        tiny_train(make(**SICK[name]), tmp_path / "run")
    assert caught.value.exit_code == 4
    assert "the doctor stopped the run at step" in str(caught.value)


def test_weights_that_explode_are_caught(tmp_path: Path, make: MakeRecipe, tiny_train: Train) -> None:
    """A deep network without a norm, at a learning rate of 1, is stopped; at the usual one it is not."""
    few: dict[str, Any] = {
        "config": DEEP,
        "examples": 32,
        "batch_size": 4,
        "log_every": 4,
        "doctor": {"generator_wins": 0},
    }
    tiny_train(make(**few, settings={"loss": "hinge"}), tmp_path / "usual")
    with pytest.raises(DiseaseError, match=r"is -?(inf|nan) at step \d+; lower the learning rates"):
        tiny_train(
            make(**few, settings={"loss": "hinge", "generator_lr": 1.0, "discriminator_lr": 1.0}), tmp_path / "run"
        )


@pytest.mark.slow
def test_overfitting_is_caught(tmp_path: Path, make: MakeRecipe, tiny_train: Train, registry: Registry) -> None:
    """A discriminator that sees 15 examples hundreds of times is stopped; the same one on 5,000 examples is not."""
    drawn = load_dataset("shapes", registry=registry, data_shape=(3, 8, 8)).data[:32]
    (tmp_path / "few").mkdir()
    for index, pixels in enumerate(drawn):
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(tmp_path / f"few/{index:02}.png")
    values: dict[str, Any] = {
        "config": GAN | {"discriminator_widths": [32, 64]},
        "settings": APART | {"generator_lr": 1e-3, "discriminator_lr": 2e-3, "flips": False},
        "batch_size": 8,
        "doctor": {"held_out": 0.5},
        "examples": 12_800,
    }
    tiny_train(make(**values), tmp_path / "all")
    with pytest.raises(DiseaseError, match="the discriminator overfits: r_v is"):
        tiny_train(make(**values | {"dataset": f"images:{tmp_path / 'few'}"}), tmp_path / "run")
