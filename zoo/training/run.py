"""A run: trained into its folder, or opened from there. What the folder holds stands in `zoo.catalogue.runs.folder`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.recipes.recipe import Resolved, resolve
from zoo.catalogue.runs.folder import RECIPE, Recorded, read_run
from zoo.files import new_file
from zoo.nn.families import Family, load_family
from zoo.nn.models import Model
from zoo.training.state import TrainState

__all__ = ["Run", "averaged_model"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run folder, opened."""

    folder: Path
    recorded: Recorded  # what recipe.json says
    resolved: Resolved  # what that means here

    @classmethod
    def open(cls, folder: Path, registry: Registry) -> Run:
        """Read a run folder. Raises what `read_run` and `resolve` raise."""
        recorded = read_run(folder)
        return cls(folder=folder, recorded=recorded, resolved=resolve(recorded.recipe, registry))

    def write(self) -> None:
        """Write recipe.json."""
        with new_file(self.folder / RECIPE) as aside:
            aside.write_text(json.dumps(self.recorded.to_json(), indent=1) + "\n", encoding="utf-8")

    def family(self) -> Family:
        """The family of the architecture that is trained. Raises PluginError."""
        return load_family(self.resolved.family)


def averaged_model(state: TrainState, family: Family) -> Model:
    """The model a run publishes: the averages of its family's published parts, in eval mode."""
    return family.container({name: state.emas[name].module for name in family.published}, state.extras)
