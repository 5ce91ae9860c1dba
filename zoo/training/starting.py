"""What a run begins with where its weights are not random: those of a model, or all that another run is."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.recipes.recipe import Resolved
from zoo.catalogue.runs.folder import CHECKPOINTS, RECIPE, Recorded, checkpoints
from zoo.catalogue.weights.locate import locate
from zoo.configs import as_data
from zoo.data.loading import Data
from zoo.errors import ConfigError
from zoo.files import sha256_of
from zoo.nn.build import decode_config
from zoo.nn.families import load_family
from zoo.nn.models import Model
from zoo.nn.pretrained import load_folder
from zoo.nn.torch_state import own_random
from zoo.training.checkpoint import TENSORS, load_at, load_newest
from zoo.training.run import Run
from zoo.training.state import TrainState, first_state

__all__ = ["FROM", "Start", "find_start", "licences", "networks_of", "run_at", "taken"]

FROM = "from"  # the key of the facts under which it stands


@dataclass(frozen=True, kw_only=True)
class Start(ABC):
    """What a run begins with."""

    facts: dict[str, Any]  # name and sha256 of what is taken, and what else is known of it
    about: dict[str, Any]  # what travels with the weights of the data they are of
    classes: tuple[str, ...]

    def take(self, state: TrainState, resolved: Resolved, examples: Data) -> list[str]:
        """Give it all to a state before its first step; gives a line for each thing that is not taken.

        Raises ConfigError where the data are described otherwise, so that the weights would mean something else.
        """
        if self.about != dict(examples.about):
            keys = {key for key in {**self.about, **examples.about} if self.about.get(key) != examples.about.get(key)}
            name, key = self.facts["name"], min(keys)
            raise ConfigError(f"{name} learned from data with another {key} than {examples.name} has; it cannot begin")
        lines = self._take(state, resolved, examples)
        if resolved.recipe.examples <= state.examples:
            seen, more = f"{state.examples:,} examples", 2 * state.examples
            raise ConfigError(f"{self.facts['name']} has seen {seen} already; ask for more: --examples {more}")
        if self.classes and examples.classes != self.classes:
            was, now = (", ".join(names)[:80] for names in (self.classes, examples.classes))
            lines.append(f"its classes were {was}; they begin as {now}")
        if state.doctor is not None:
            state.doctor.heard = state.examples  # what was before is not its patient's
        return lines

    @abstractmethod
    def _take(self, state: TrainState, resolved: Resolved, examples: Data) -> list[str]: ...


def run_at(name: str, registry: Registry) -> tuple[Path, int | None] | None:
    """The run folder that a text names, and the examples of `RUN@EXAMPLES`; None where it names none, or a model."""
    if ("model", name) in registry.entries:
        return None
    found = re.fullmatch(r"(.+)@(\d{1,12})", name)
    for path, at in ((name, None), (found[1], int(found[2])) if found else (name, None)):
        folder = Path(path).expanduser()
        if (folder / RECIPE).is_file():
            return folder, at
    return None


def find_start(out: Path, resolved: Resolved, registry: Registry) -> Start | None:
    """What `start_from` of a recipe names, loaded and compared with what the recipe asks for.

    None where it names nothing, and for a run in `out` that has a checkpoint, which holds what was taken. Raises what
    locating and loading a model raises, what opening a run does, and ConfigError, naming the first difference, where it
    is of another architecture, or of another config and not only what matches is asked for.
    """
    name = resolved.recipe.start_from
    if not name or checkpoints(out / CHECKPOINTS):
        return None
    if (found := run_at(name, registry)) is not None:
        return _of_run(name, *found, resolved, registry)
    folder = locate(name, registry)
    data = folder.config()
    _check_same(name, *_networks(name, data, registry), resolved, matching=resolved.recipe.start_matching)
    family = load_family(resolved.family)
    model = load_folder(folder, registry, discriminator=any(map(folder.has, family.beside.values())))
    facts = {"name": name, "sha256": folder.model_sha256()} | ({"revision": folder.commit} if folder.commit else {})
    seen = data["training"].get("examples")  # of another library's model nobody knows
    facts |= {} if seen is None else {"examples": seen}
    return _Weights(
        facts=facts | licences(data["training"].get("recipe"), data["data"]),
        about=data["data"].get("about", {}),
        classes=model.classes,
        model=model,
        matching=resolved.recipe.start_matching,
    )


def networks_of(name: str, registry: Registry) -> tuple[str, dict[str, Any]]:
    """The architecture and the config of a model or a run, every default written out. Raises as `find_start`."""
    if (found := run_at(name, registry)) is not None:
        resolved = Run.open(found[0], registry).resolved
        return resolved.recipe.architecture, as_data(resolved.config)
    return _networks(name, locate(name, registry).config(), registry)


def _networks(name: str, data: dict[str, Any], registry: Registry) -> tuple[str, dict[str, Any]]:
    spec = registry.architecture(data["architecture"])
    return data["architecture"], as_data(decode_config(spec, data["config"], f"{name}: config"))


def taken(start: Start | None, before: Recorded | None) -> dict[str, Any]:
    """The facts of what a run began with: of what it takes now, or of the run that goes on."""
    facts = start.facts if start else before.facts.get(FROM) if before else None
    return {} if facts is None else {FROM: facts}


def licences(recipe: object, data: dict[str, Any]) -> dict[str, Any]:
    """Under which licences the weights and the data are that they learned from."""
    licence = recipe.get("licence") if isinstance(recipe, dict) else None
    return {"licence": licence or "", "data": {key: data.get(key, "") for key in ("name", "licence")}}


def _check_same(
    name: str, architecture: str, config: dict[str, Any], resolved: Resolved, *, matching: bool = False
) -> None:
    """Raise ConfigError, naming the first difference, unless both have the same networks, or the same architecture
    where what is `matching` is enough.
    """
    if architecture != resolved.recipe.architecture:
        way = f"leave the recipe out: zoo train --from {name} --data …"
        raise ConfigError(f"{name} is a {architecture}, the recipe asks for {resolved.recipe.architecture}; {way}")
    for key, wanted in as_data(resolved.config).items():
        if config[key] != wanted and not matching:
            way = f"set config.{key}={config[key]!r}, or start_matching=true for the weights of a model that fit"
            raise ConfigError(f"config.{key} is {config[key]!r} in {name}, and {wanted!r} in the recipe; {way}")


@dataclass(frozen=True, kw_only=True)
class _Weights(Start):
    """The weights of a model; all else begins anew."""

    model: Model
    matching: bool  # whether those are enough whose names and shapes match

    def _take(self, state: TrainState, resolved: Resolved, examples: Data) -> list[str]:
        trainer, mine = state.trainer, dict(self.model.named_children())
        if "range" in self.model.info["data"] and self.model.value_range != trainer.value_range:
            pair = f"{self.model.value_range}, the trainer's {trainer.value_range}"
            raise ConfigError(f"{self.facts['name']}: its networks' data are in {pair}; it cannot begin")
        averages = {name: ema.module for name, ema in state.emas.items()}
        lines = []
        for name, part in trainer.parts.items():
            if name not in mine:
                lines.append(f"{self.facts['name']} has no {name}: it begins with random weights")
                continue
            given = mine[name].state_dict()
            fitting = _fitting(given, part) if self.matching else given
            for one in (part, averages.get(name, part)):
                one.load_state_dict(fitting, strict=not self.matching)
            if anew := [key for key in part.state_dict() if key not in fitting]:
                lines.append(f"of {name} these begin with random weights: {', '.join(anew)}")
        return lines


def _fitting(given: dict[str, torch.Tensor], part: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Those of the tensors that `part` has under the same name, in the same shape."""
    own = part.state_dict()
    return {key: value for key, value in given.items() if key in own and own[key].shape == value.shape}


# --- a run ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Checkpoint(Start):
    """A checkpoint: of the same data the run goes on from there, on other data it begins with its networks."""

    run: Run
    tensors: dict[str, torch.Tensor]
    numbers: dict[str, Any]

    def _take(self, state: TrainState, resolved: Resolved, examples: Data) -> list[str]:
        lines, name = [], self.facts["name"]
        state.restore_networks(self.tensors)
        with own_random():
            before = first_state(self.run.resolved, about=self.about)
        if _optimizers(before) == _optimizers(state):
            state.restore_optimizers(self.tensors)
        else:
            lines.append(f"the optimizers of {name} are of another kind: they begin anew")
        if self.run.recorded.facts["data"]["sha256"] != examples.sha256:
            return [*lines, f"{name} learned from other data: its networks are taken, and the count begins at 0"]
        state.restore_counts(self.numbers)
        if self.run.recorded.recipe.batch_size != resolved.recipe.batch_size:
            state.steps = state.examples // resolved.recipe.batch_size  # as if it had been so from the beginning
        processes, facts = state.trainer.processes, self.run.recorded.facts
        if (facts.get("processes", 1), facts.get("device", "cpu")) == (processes.count, processes.device.type):
            state.restore_random(self.tensors)
        else:
            lines.append(f"{name} ran on another machine: its random numbers begin anew")
        return lines


def _optimizers(state: TrainState) -> dict[str, Any]:
    """The kind of each optimizer, and the shapes of what it moves."""
    return {
        name: (type(one), [tuple(p.shape) for group in one.param_groups for p in group["params"]])
        for name, one in state.trainer.optimizers.items()
    }


def _of_run(name: str, folder: Path, at: int | None, resolved: Resolved, registry: Registry) -> Start:
    run = Run.open(folder, registry)
    _check_same(name, run.recorded.recipe.architecture, as_data(run.resolved.config), resolved)
    saved = folder / CHECKPOINTS
    tensors, numbers = load_newest(saved)[:2] if at is None else load_at(saved, at)
    data, seen = run.recorded.facts["data"], numbers["examples"]
    facts = {"name": name, "sha256": sha256_of(saved / f"{seen:012d}" / TENSORS), "examples": seen}
    return _Checkpoint(
        facts=facts | licences(as_data(run.recorded.recipe), data),
        about=data.get("about", {}),
        classes=tuple(data.get("classes", ())),
        run=run,
        tensors=tensors,
        numbers=numbers,
    )
