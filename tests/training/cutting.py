"""What the tests of runs share: kinds of runs, ways to cut them, and what they have come to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from zoo.catalogue.recipes.recipe import Recipe
from zoo.catalogue.runs.folder import checkpoints
from zoo.training.attendant import Reading
from zoo.training.run import Run
from zoo.training.trainers.adversarial import AdversarialTrainer

MakeRecipe = Callable[..., Recipe]
Train = Callable[..., Run]
Contents = Callable[[Path], dict[str, str]]

# Two kinds of run: as the recipes are, and with everything that keeps a state or draws a number.
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "all": {
        "config": {
            "image_size": 8,
            "latent_size": 4,
            "prior": "uniform",
            "generator_widths": [4],
            "discriminator_widths": [4, 4],
            "discriminator_norm": "spectral",
            "dropout": 0.4,
        },
        "settings": {
            "optimizer": "rmsprop",
            "label_noise": 0.1,
            "decay": 0.01,
            "anneal": 0.5,
            "clip_norm": 1.0,
            "mix_batches": False,
            "augment": ["color", "translation", "cutout"],
        },
    },
}


class Cut(Exception):
    """Stands for whatever ends a process."""


def after(steps: int) -> Callable[[], bool]:
    """A `stop` that is true from the given step on."""
    left = [steps]

    def stop() -> bool:
        left[0] -= 1
        return left[0] <= 0

    return stop


def cut_at(examples: int) -> Callable[[Reading], None]:
    """A `report` that ends the run when so many examples have been seen."""

    def report(progress: Reading) -> None:
        if progress.examples == examples:
            raise Cut

    return report


def newest(out: Path) -> Path:
    return checkpoints(out / "checkpoints")[-1]


def result(out: Path, contents: Contents) -> dict[str, str]:
    """What a run has come to: its last state, its last picture."""
    return contents(newest(out)) | {name: d for name, d in contents(out / "samples").items() if "32" in name}


def metrics(out: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "examples_per_second"} for line in lines]


def poison(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """From its step `at` on (1, 2, …) the generator holds a NaN."""
    step, count = AdversarialTrainer.step, [0]

    def poisoned(self: AdversarialTrainer, *batch: Any) -> Any:
        count[0] += 1
        if count[0] >= at:
            with torch.no_grad():
                next(self.generator.parameters()).fill_(float("nan"))
        return step(self, *batch)

    monkeypatch.setattr(AdversarialTrainer, "step", poisoned)
