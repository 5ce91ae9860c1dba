"""A run: trained into its folder, or opened from there. What the folder holds stands in `zoo.catalogue.runs.folder`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from zoo.catalogue.contract.references import import_reference
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.recipes.recipe import Recipe, resolve
from zoo.catalogue.runs.folder import RECIPE, Recorded, read_run
from zoo.data.batches import Batches
from zoo.data.loading import Data
from zoo.errors import ConfigError
from zoo.files import new_file
from zoo.nn.build import initialise_parts
from zoo.nn.families import Family, family_of
from zoo.nn.models import Model
from zoo.training.machine.onednn import OneDNNLinear
from zoo.training.machine.processes import ALONE, Processes
from zoo.training.state import TrainState

__all__ = ["Run", "averaged_model"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run folder, opened."""

    folder: Path
    recipe: Recipe
    facts: dict[str, Any]  # data: name, split, count, sha256;  torch, threads
    changed: tuple[str, ...] | None = None  # how the recipe differs from the catalogue's of that name

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Read a run folder. Raises NotFoundError when it is none, ConfigError when its recipe is damaged."""
        recorded = read_run(folder)
        return cls(folder=folder, recipe=recorded.recipe, facts=recorded.facts, changed=recorded.changed)

    def write(self) -> None:
        """Write recipe.json."""
        data = Recorded(recipe=self.recipe, facts=self.facts, changed=self.changed).to_json()
        with new_file(self.folder / RECIPE) as aside:
            aside.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    def family(self, registry: Registry) -> Family:
        """The family of the architecture that is trained. Raises NotFoundError, ConfigError."""
        return family_of(registry.architecture(self.recipe.architecture).family, f"recipe {self.recipe.name}")

    def state(self, registry: Registry, examples: Data | None = None, processes: Processes = ALONE) -> TrainState:
        """Build the run's state as it is before the first step; without examples it can be restored but not stepped."""
        _, config, settings = resolve(self.recipe, registry)
        recipe = self.recipe
        if recipe.batch_size % (recipe.accumulate * processes.count):
            whom = f"{processes.count} processes with {recipe.accumulate} pieces each"
            raise ConfigError(f"a batch of {recipe.batch_size} has no equal shares for {whom}; change batch_size")
        parts = initialise_parts(registry.architecture(recipe.architecture), config, seed=recipe.seed)
        if recipe.shared_batch_norm:
            processes.share_batch_norm(parts)
        for part in parts.values():
            OneDNNLinear.replace_in(part)
            part.to(processes.device)
        random = torch.Generator().manual_seed(recipe.seed)
        spec = registry.trainer(recipe.trainer)
        make = import_reference(spec.trainer, f"trainer {recipe.trainer}", spec.install_hint)
        trainer = make(parts, settings, random)
        trainer.join(processes, accumulate=recipe.accumulate)
        empty = torch.zeros(recipe.batch_size, 1, dtype=torch.uint8)
        data = empty if examples is None else examples.data
        labels = None if examples is None else examples.labels
        batches = Batches(
            data,
            labels,
            batch_size=recipe.batch_size,
            seed=recipe.seed,
            rank=processes.rank,
            count=processes.count,
        )
        return TrainState(trainer, batches, random, ema_half_life=recipe.ema_half_life)


def averaged_model(state: TrainState, family: Family) -> Model:
    """The model a run publishes: the averages of its family's published parts, in eval mode."""
    return family.container({name: state.emas[name].module for name in family.published})
