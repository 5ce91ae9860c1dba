"""A run -> a weights folder: a checkpoint's averaged model, with all that the run knows of how it came about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.recipes.recipe import DoctorSettings, neutral, neutral_start
from zoo.catalogue.runs.folder import CHECKPOINTS
from zoo.catalogue.weights.folder import FILES, HALF, MODEL, STORED, Folder
from zoo.configs import as_data
from zoo.files import new_folder, refuse_full, sha256_of
from zoo.nn.extras import Extras
from zoo.nn.families import Family
from zoo.nn.models import Model
from zoo.nn.pretrained import given_by
from zoo.nn.torch_state import own_random
from zoo.training.checkpoint import load_at, load_newest
from zoo.training.priors import fit_default_prior
from zoo.training.run import Run, averaged_model
from zoo.training.saving import described, digest_of, drawn_from, keep_stored, write_folder
from zoo.training.starting import FROM
from zoo.training.state import TrainState, first_state
from zoo.version import __version__

__all__ = ["export", "pins", "trained_model"]


def export(
    run_folder: Path,
    out: Path,
    registry: Registry,
    *,
    at: int | None = None,
    warn: Callable[[str], None] = lambda line: None,
) -> dict[str, str]:
    """Write a run's newest whole checkpoint, or the one `at` so many examples, as a weights folder, or nothing.

    Returns file name -> sha256 of the pinned files; `warn` is called with a line for each damaged checkpoint that was
    passed over. Raises NotFoundError where there is no run or checkpoint, IntegrityError where all are damaged,
    StorageError where `out` cannot be written or is not empty, and what `fit_default_prior` raises.
    """
    refuse_full(out)
    model, others, config, family = _opened(run_folder, registry, at, warn)
    with new_folder(out) as aside:
        write_folder(aside, model, others, config, family=family, registry=registry)
        return pins(aside)


def trained_model(run_folder: Path, registry: Registry) -> Model:
    """The averaged model of a run's newest checkpoint, with the parts that have files of their own, in eval mode.

    It says of itself what it will say when it is exported and loaded. Raises what `export` raises.
    """
    model, others, config, family = _opened(run_folder, registry, None, lambda line: None)
    where, digest = f"./{run_folder.resolve().name}", digest_of(model, family, config.get(STORED, ""))
    folder = Folder(name=where, path=run_folder, origin=str(run_folder), seen={MODEL: digest})
    extras = Extras(
        value_range=model.value_range,
        info=config,
        origin=str(run_folder),
        folder=folder,
        classes=tuple(config["data"].get("classes", ())),
        modality=model.modality,
        given=given_by(registry.modality(model.modality), config["data"].get("about")),
        memory_format=model.memory_format,
        mixture=model.mixture,
        default_prior=model.default_prior,
        sampling=model.sampling,
    )
    mine = {name: model.get_submodule(name) for name in family.published}
    return family.container({name: part.requires_grad_(False) for name, part in (mine | others).items()}, extras)


Opened = tuple[Model, dict[str, nn.Module], dict[str, Any], Family]


def _opened(run_folder: Path, registry: Registry, at: int | None, warn: Callable[[str], None]) -> Opened:
    """The averaged model of a checkpoint, the parts that have files of their own, config.json, and the family."""
    run = Run.open(run_folder, registry)
    tensors, numbers = _chosen(run.folder / CHECKPOINTS, at, warn)
    with own_random():  # restoring sets the global random state
        state = first_state(run.resolved, about=run.recorded.facts["data"].get("about"))
        state.restore(tensors, numbers)
    family = run.family()
    parts = state.trainer.parts
    model, others = averaged_model(state, family), {name: parts[name] for name in family.beside if name in parts}
    keep_stored([model, *others.values()], run.recorded.recipe.stored)
    fit_default_prior(model, run, registry)
    return model, others, _config(run, state, model, registry), family


def _chosen(saved: Path, at: int | None, warn: Callable[[str], None]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The checkpoint that was asked for, or the newest whole one."""
    if at is not None:
        return load_at(saved, at)
    tensors, numbers, refused = load_newest(saved)
    for line in refused:
        warn(f"checkpoint {line}; using the one before it")
    return tensors, numbers


def pins(folder: Path) -> dict[str, str]:
    """What a WeightsSpec pins of a folder: file name -> sha256."""
    return {name: sha256_of(folder / name) for name in FILES if (folder / name).is_file()}


def _config(run: Run, state: TrainState, model: Model, registry: Registry) -> dict[str, Any]:
    """config.json of a run's model."""
    trained, facts = run.recorded.recipe, run.recorded.facts
    recipe = as_data(trained)
    config = recipe.pop("config")
    recipe["dataset"] = neutral(trained.dataset)  # what is published names no place on this computer
    usual = as_data(DoctorSettings())
    doctor = {key: value for key, value in recipe.pop("doctor").items() if value != usual.get(key)}
    if not trained.default_prior:
        del recipe["default_prior"], recipe["components"]
    if trained.stored != HALF:
        del recipe["stored"]
    if not trained.sampling:
        del recipe["sampling"]
    recipe |= {"doctor": doctor} if doctor else {}  # a model is told of a doctor that was not the usual one
    data = facts["data"] | {"name": neutral(facts["data"]["name"])}
    data |= described(model)
    machine = {key: facts[key] for key in ("torch", "threads", "precision") if key in facts}
    training = {"recipe": recipe, "examples": state.examples} | machine
    if against := state.trainer.trained_against:  # no distance by these networks says how good the model is
        training["trained_against"] = {name: registry.features(name).sha256 for name in against}
    if trained.start_from:
        recipe["start_from"] = neutral_start(trained.start_from)
        data_of = facts[FROM]["data"]
        published = {"name": recipe["start_from"], "data": data_of | {"name": neutral(data_of["name"])}}
        training[FROM] = facts[FROM] | published
    stored = {STORED: HALF} if trained.stored == HALF else {}
    return (
        {
            "format": 1,
            "architecture": trained.architecture,
            "config": config,
            "data": data,
            "training": training,
            "zoo": __version__,
        }
        | drawn_from(model)
        | stored
    )
