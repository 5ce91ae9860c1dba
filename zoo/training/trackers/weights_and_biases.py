"""Weights & Biases: a run there, of the project `genzoo` where WANDB_PROJECT names no other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import final

import wandb
from torch import Tensor

from zoo.training.attendant import Reading
from zoo.training.tracker import Tracked, Tracker

__all__ = ["WeightsAndBiases"]

NAME = "wandb"


@final
class WeightsAndBiases(Tracker):
    """Metrics by examples seen, the recipe as config, and samples as a page shows them; a run that goes on is the same
    run there.
    """

    def __init__(self, run: Tracked) -> None:
        self.html = run.html
        self.run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or "genzoo",
            name=run.folder.name or run.name,
            id=run.known_as(NAME),
            resume="allow",
            dir=str(run.folder),
            config=dict(run.recipe),
            settings=wandb.Settings(console="off"),  # standard output is the command's
        )
        run.call(NAME, self.run.id)
        self.run.define_metric("*", step_metric="examples")

    def reading(self, reading: Reading) -> None:
        """Metrics, and the pace."""
        pace = {"examples": reading.examples, "examples_per_second": reading.examples_per_second}
        self.run.log(pace | reading.metrics)

    def samples(self, x: Tensor, path: Path, examples: int) -> None:
        """The file of them as HTML: pictures, players, text."""
        self.run.log({"examples": examples, "samples": wandb.Html(self.html(path))})

    def close(self) -> None:
        """Send what is left."""
        self.run.finish()
