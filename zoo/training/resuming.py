"""Going on with a run: what must be as it was, and what has changed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoo.catalogue.contract.references import resource
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.contract.specs import ModelSpec
from zoo.catalogue.recipes.recipe import DoctorSettings, Recipe, read_recipe, resolve
from zoo.catalogue.runs.folder import CHECKPOINTS, RECIPE, Recorded, checkpoints, free_beside, hold, is_held, read_run
from zoo.catalogue.runs.summary import export_words
from zoo.configs import as_data
from zoo.errors import ConfigError, UsageError, ZooError
from zoo.training.checkpoint import load_newest
from zoo.training.run import Run
from zoo.training.state import TrainState

__all__ = ["changed_from_catalogue", "finish_early", "refuse_early", "refuse_second", "resume_run"]

ANNEAL = 0.2  # share of a run over which its rates fall where it is finished early and its recipe has them stay
SHOWN = 3  # differences in a message
FLAGS = {"examples": "--examples", "dataset": "--data"}
OF_ITSELF = ("name", "architecture", "trainer", "start_from")  # keys of which another value is another undertaking


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
    return tuple(map(_told, _changes(as_data(known), as_data(recipe))))


def refuse_second(out: Path) -> None:
    """Raise UsageError for a new run where there is one."""
    if (out / RECIPE).exists() or checkpoints(out / CHECKPOINTS):
        raise UsageError(f"{out} holds a run already; add --resume to go on, or name another folder")


def refuse_early(out: Path, before: Recorded | None, recipe: Recipe) -> None:
    """Refuse, before any data are loaded, what cannot be: a new run where there is one, or another one's resumption.

    `before` is the run that is to go on. Raises UsageError, ConfigError.
    """
    if before is None:
        if not is_held(out):  # that it is, is said by whoever takes the lock
            refuse_second(out)
        return
    old, new = _fixed(before.recipe), _fixed(recipe)
    if ":" in old["dataset"] and ":" in new["dataset"]:  # where data lie is free: their sha256 says which they are
        new["dataset"] = old["dataset"]
    if changed := list(_changes(old, new)):
        raise _another(out, changed, changed)


def resume_run(run: Run, before: Recorded, state: TrainState, warn: Callable[[str], None]) -> None:
    """Restore the newest whole checkpoint of the folder's run. Raises ConfigError where it is another run."""
    recipe, facts = run.recorded.recipe, run.recorded.facts
    old, new = before.facts["data"], facts["data"]
    same = old.get("sha256") == new["sha256"]
    if same or ":" in str(old.get("name")):  # a path says where the data lie, and not which they are
        old = old | {"name": new["name"]}
    if changed := list(_changes(before.facts | {"data": old}, facts)):
        asked = () if same else [("dataset", before.recipe.dataset, recipe.dataset)]
        raise _another(run.folder, changed, asked)
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


def finish_early(out: Path, registry: Registry) -> Recipe:
    """Let a run end soon: from its newest checkpoint on its rates fall as they would have at its end. Gives its recipe.

    Length and `anneal` of the recipe in the folder become those of the run that would have come here too, so to resume
    it is enough from then on. A run whose rates are falling stays as it is. Raises ConfigError where they cannot fall,
    UsageError where they have fallen, what `read_run` raises, and NotFoundError without a checkpoint.
    """
    read_run(out)  # where there is none, no folder is made
    seen = load_newest(out / CHECKPOINTS)[1]["examples"]
    with hold(out):
        run = Run.open(out, registry)
        recipe = run.recorded.recipe
        if "anneal" not in recipe.settings:
            raise ConfigError(f"{out}: the rates of its trainer, {recipe.trainer}, cannot fall: it has no anneal")
        share = recipe.settings["anneal"]
        length = max(recipe.batch_size, round((share or ANNEAL) * recipe.examples))
        if share and seen >= recipe.examples:
            export = shlex.join(export_words(out, recipe.name))
            raise UsageError(f"{out} is finished, and its rates have fallen; export it: {export}")
        if share and seen >= recipe.examples - length:
            return recipe
        settings = recipe.settings | {"anneal": length / (seen + length)}
        shorter = replace(recipe, examples=seen + length, settings=settings)
        replace(run, recorded=replace(run.recorded, recipe=shorter)).write()
    return shorter


def _fixed(recipe: Recipe) -> dict[str, Any]:
    """What must not change in the middle of a run: how often it reports and saves may, what the doctor watches for,
    which prior is fitted on export, whether steps are replayed, and how long it goes on, unless the learning rate
    depends on it.
    """
    free = {"summary", "log_every", "sample_every", "checkpoint_every", "keep", "doctor"} | {
        "default_prior",
        "components",
        "stored",
        "sampling",
    }
    free |= {"graphs"} if recipe.settings.get("anneal") else {"graphs", "examples"}
    fixed = {key: value for key, value in as_data(recipe).items() if key not in free}
    doctor = as_data(DoctorSettings()) | recipe.doctor  # a run of before the doctor has none
    return fixed | {"doctor": {key: doctor[key] for key in ("held_out", "held_out_split")}}


Change = tuple[str, Any, Any]  # the key, with that of its table before it: "settings.beta1"; what it was, and is


def _changes(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> Iterator[Change]:
    """What differs, key by key."""
    for key in {**old, **new}:
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _changes(before, after, f"{prefix}{key}.")
        elif before != after:
            yield f"{prefix}{key}", before, after


def _told(change: Change) -> str:
    key, before, after = change
    return f"{key}: {before!r} -> {after!r}"


def _another(out: Path, changed: list[Change], asked: Iterable[Change] = ()) -> ConfigError:
    """The refusal to resume a run otherwise, with the command that goes on from it in a folder of its own.

    `asked` is what of it a command can ask for.
    """
    more = f"; and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
    falls = ": its learning rate falls towards its end" if [key for key, *_ in changed] == ["examples"] else ""
    shown = "; ".join(map(_told, changed[:SHOWN])) + more + falls
    words = ["zoo", "train", "--from", str(out), "--out", str(free_beside(out))]
    for key, _, after in asked:
        if key in OF_ITSELF or key.startswith("config."):  # nothing of it can be taken
            return ConfigError(f"{out} holds another run ({shown}); resume it unchanged, or name another folder")
        words += [FLAGS[key], str(after)] if key in FLAGS else ["--set", f"{key}={json.dumps(after)}"]
    way = shlex.join(words)
    return ConfigError(f"{out} holds another run ({shown}); resume it unchanged, or go on from it as you ask: {way}")
