"""A run -> a weights folder: what `load` reads, what `verify` replays, what a person looks at."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.recipes.recipe import DoctorSettings, neutral
from zoo.catalogue.weights.card import write_card
from zoo.catalogue.weights.folder import CONFIG, FILES, GOLDEN, MODEL
from zoo.configs import as_data
from zoo.files import new_folder, sha256_of
from zoo.nn.golden import golden_samples
from zoo.nn.models import Model
from zoo.nn.sampling import in_rows
from zoo.nn.serialization import save
from zoo.training.checkpoint import load_newest
from zoo.training.run import Run, averaged_model
from zoo.training.state import TrainState, first_state
from zoo.version import __version__

__all__ = ["export", "pins"]

SAMPLES, SAMPLES_SEED = 64, 0


def export(
    run_folder: Path, out: Path, registry: Registry, *, warn: Callable[[str], None] = lambda line: None
) -> dict[str, str]:
    """Write the newest whole checkpoint of a run as a weights folder, complete or not at all.

    Returns file name -> sha256 of the pinned files; `warn` is called with a line for each damaged checkpoint that was
    passed over. Raises NotFoundError where there is no run or checkpoint, IntegrityError where all are damaged,
    StorageError where `out` cannot be written or is not empty.
    """
    run = Run.open(run_folder, registry)
    tensors, numbers, refused = load_newest(run.folder / "checkpoints")
    for line in refused:
        warn(f"checkpoint {line}; using the one before it")
    with torch.random.fork_rng(devices=[]):  # restoring sets the global random state
        state = first_state(run.resolved, about=run.recorded.facts["data"].get("about"))
        state.restore(tensors, numbers)
    family = run.family()
    model = averaged_model(state, family)
    labels, columns = in_rows(SAMPLES, range(model.num_classes or 0))
    x = model.sample(SAMPLES, seed=SAMPLES_SEED, labels=labels)
    with new_folder(out) as aside:
        text = json.dumps(_config(run, state, model, x), indent=1) + "\n"
        (aside / CONFIG).write_text(text, encoding="utf-8")
        save(aside / MODEL, _named({name: model.get_submodule(name) for name in family.published}))
        for name, file in family.beside.items():
            save(aside / file, _named({name: state.trainer.parts[name]}))
        save(aside / GOLDEN, golden_samples(model))
        shown = aside / f"samples{run.resolved.modality.suffixes[0]}"
        state.trainer.modality.write(x, shown, columns=columns)
        write_card(aside, registry)
        return pins(aside)


def pins(folder: Path) -> dict[str, str]:
    """What a WeightsSpec pins of a folder: file name -> sha256."""
    return {name: sha256_of(folder / name) for name in FILES if (folder / name).is_file()}


def _named(parts: dict[str, nn.Module]) -> dict[str, Tensor]:
    return {f"{name}.{key}": tensor for name, part in parts.items() for key, tensor in part.state_dict().items()}


def _config(run: Run, state: TrainState, model: Model, x: Tensor) -> dict[str, Any]:
    """config.json of a model that gives samples such as x; tokens have no range."""
    trained, facts = run.recorded.recipe, run.recorded.facts
    recipe = as_data(trained)
    config = recipe.pop("config")
    recipe["dataset"] = neutral(trained.dataset)  # what is published names no place on this computer
    usual = as_data(DoctorSettings())
    doctor = {key: value for key, value in recipe.pop("doctor").items() if value != usual.get(key)}
    recipe |= {"doctor": doctor} if doctor else {}  # a model is told of a doctor that was not the usual one
    data = facts["data"] | {"name": neutral(facts["data"]["name"])}
    data |= {"shape": list(model.data_shape)} | ({"range": list(model.value_range)} if x.is_floating_point() else {})
    training = {"recipe": recipe, "examples": state.examples} | {key: facts[key] for key in ("torch", "threads")}
    return {
        "format": 1,
        "architecture": trained.architecture,
        "config": config,
        "data": data,
        "training": training,
        "zoo": __version__,
    }
