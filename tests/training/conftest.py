"""Tiny recipes, trainers and runs: pictures of 8 pixels, a few hundred weights, batches of 4."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.recipes.recipe import Recipe, resolve
from zoo.configs import decode
from zoo.images.modality import Images
from zoo.nn.build import decode_config, initialise_parts
from zoo.training.attendant import Attendant
from zoo.training.run import Run
from zoo.training.train import train
from zoo.training.trainers.adversarial import AdversarialSettings, AdversarialTrainer

CONFIG: dict[str, Any] = {"image_size": 8, "latent_size": 4, "generator_widths": [4], "discriminator_widths": [4, 4]}


@pytest.fixture(scope="session")
def registry() -> Registry:
    """What is installed."""
    return default_registry()


@pytest.fixture(scope="session")
def make_trainer(registry: Registry) -> Callable[..., AdversarialTrainer]:
    """An adversarial trainer of a tiny GAN: `make_trainer(loss="hinge", config={"prior": "uniform"})`."""

    def make(*, config: dict[str, Any] | None = None, seed: int = 0, **settings: Any) -> AdversarialTrainer:
        spec = registry.architecture("dcgan")
        decoded = decode_config(spec, CONFIG | (config or {}), "test")
        parts = initialise_parts(spec, decoded, seed=seed, memory_format=torch.channels_last)
        random = torch.Generator().manual_seed(seed)
        trainer = AdversarialTrainer(parts, decode(AdversarialSettings, settings, "settings"), random)
        trainer.modality, trainer.memory_format = Images(), torch.channels_last
        return trainer

    return make


@pytest.fixture(scope="session")
def tiny_recipe() -> Callable[..., Recipe]:
    """A recipe of eight steps of 4: a log line every 2, a checkpoint and a sample every 4."""

    def make(**changes: Any) -> Recipe:
        values: dict[str, Any] = {
            "name": "tiny",
            "summary": "Shapes of 8 pixels.",
            "architecture": "dcgan",
            "dataset": "shapes[circle]",
            "trainer": "adversarial",
            "licence": "Apache-2.0",
            "examples": 32,
            "batch_size": 4,
            "ema_half_life": 8.0,
            "log_every": 8,
            "sample_every": 16,
            "checkpoint_every": 16,
            "config": CONFIG,
        }
        return decode(Recipe, values | changes, "test")

    return make


@pytest.fixture
def tiny_train(registry: Registry) -> Callable[..., Run]:
    """`train` with the installed registry; `report`, `warn`, `doing`, `stop` and `log` are its attendant's."""

    def run(recipe: Recipe, out: Path, **more: Any) -> Run:
        attends = {name: more.pop(name) for name in ("report", "warn", "doing", "stop", "log") if name in more}
        return train(resolve(recipe, registry), out, registry=registry, attendant=Attendant(**attends), **more)

    return run


@pytest.fixture(autouse=True)
def _no_tensorboard(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorBoard is not there, but in tests that ask for the fixture `tensorboard`."""
    if "tensorboard" not in request.fixturenames:
        monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
        monkeypatch.delitem(sys.modules, "zoo.training.trackers.tensorboard", raising=False)  # it may hold it already


@pytest.fixture
def tensorboard() -> None:
    """TensorBoard, where it is installed."""
    pytest.importorskip("tensorboard")


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], dict[str, str]]:
    """Every file below a folder and the sha256 of its content, the lock left out."""

    def look(folder: Path) -> dict[str, str]:
        files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
        return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    return look
