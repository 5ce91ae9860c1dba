"""Going on with a run: what must be as it was, and what has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zoo.catalogue.contract.references import resource
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.contract.specs import ModelSpec
from zoo.catalogue.recipes.recipe import DoctorSettings, Recipe, read_recipe, resolve
from zoo.catalogue.runs.folder import CHECKPOINTS, Recorded, checkpoints
from zoo.configs import as_data
from zoo.errors import ConfigError, ZooError
from zoo.training.checkpoint import load_newest
from zoo.training.run import Run
from zoo.training.state import TrainState

__all__ = ["changed_from_catalogue", "resume_run"]


def changed_from_catalogue(recipe: Recipe, registry: Registry) -> tuple[str, ...] | None:
    """How a recipe differs from the catalogue's of that name; None where there is none, or it cannot be read."""
    entries = registry.entries.get(("model", recipe.name), ())
    references = [one.spec.recipe for one in entries if isinstance(one.spec, ModelSpec) and one.spec.recipe]
    if len(entries) != 1 or not references:
        return None
    try:
        known = resolve(read_recipe(resource(references[0], recipe.name)), registry).recipe
    except ZooError:
        return None
    return tuple(_changes(as_data(known), as_data(recipe)))


def resume_run(run: Run, before: Recorded, state: TrainState, warn: Callable[[str], None]) -> None:
    """Restore the newest whole checkpoint of the folder's run. Raises ConfigError where it is another run."""
    recipe, facts = run.recorded.recipe, run.recorded.facts
    changed = _changes(_fixed(before.recipe), _fixed(recipe)) + _changes(before.facts, facts)
    if changed:
        raise ConfigError(f"{run.folder} holds another run ({'; '.join(changed):.400}); resume it unchanged")
    if not checkpoints(run.folder / CHECKPOINTS):
        warn(f"{run.folder} has no checkpoint yet; starting at its beginning")
        return
    tensors, numbers, refused = load_newest(run.folder / CHECKPOINTS)
    for line in refused:
        warn(f"checkpoint {line}; using the one before it")
    if numbers["examples"] - recipe.batch_size >= recipe.examples:
        seen = f"{numbers['examples']:,} examples"
        raise ConfigError(f"{run.folder} has seen {seen} already, more than {recipe.examples:,}; ask for no fewer")
    state.restore(tensors, numbers)


def _fixed(recipe: Recipe) -> dict[str, Any]:
    """What must not change in the middle of a run: how often it reports may, what the doctor watches for, and how
    long it goes on, unless the learning rate depends on it.
    """
    free = {"summary", "log_every", "sample_every", "checkpoint_every", "doctor"}
    free |= set() if recipe.settings.get("anneal") else {"examples"}
    fixed = {key: value for key, value in as_data(recipe).items() if key not in free}
    doctor = as_data(DoctorSettings()) | recipe.doctor  # a run of before the doctor has none
    return fixed | {"doctor": {key: doctor[key] for key in ("held_out", "held_out_split")}}


def _changes(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    """What differs, one text a key: 'settings.beta1: 0.5 -> 0.9'."""
    changed = []
    for key in {**old, **new}:
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            changed += _changes(before, after, f"{prefix}{key}.")
        elif before != after:
            changed.append(f"{prefix}{key}: {before!r} -> {after!r}")
    return changed
