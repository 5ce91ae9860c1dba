"""What somebody asks to be trained -> a recipe, and the folder it goes to: the same for the command line and Python."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from zoo.catalogue.contract.data_references import as_reference
from zoo.catalogue.contract.facts import Choice, DataFacts
from zoo.catalogue.contract.references import resource
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.recipes.recipe import Recipe, Resolved, neutral, neutral_start, read_recipe, resolve, with_values
from zoo.catalogue.recipes.starters import check_given, run_name, start_recipe, unknown_start
from zoo.catalogue.runs.folder import RECIPE, read_run
from zoo.data.facts import data_facts
from zoo.errors import ConfigError, NotFoundError, UsageError
from zoo.files import check_text
from zoo.training.resuming import finish_early, refuse_second
from zoo.training.starting import networks_of, run_at

__all__ = ["Asked", "Order", "order"]

RUNS = Path("runs")  # where runs go that are given no folder


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What somebody asks to be trained."""

    what: str = ""  # a model, a TOML file, a run folder or an architecture; "": what `start` is
    data: str = ""  # what to learn from; "": what the recipe says
    start: str = ""  # a model or a run to begin with
    out: Path | None = None  # the run folder; None: runs/NAME
    resume: bool = False
    finish: bool = False  # resume, and end soon
    given: Mapping[str, Any] = field(default_factory=dict)  # values of the recipe, by the keys of `--set`


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be trained, and where."""

    resolved: Resolved
    out: Path
    resume: bool
    facts: DataFacts | None = None  # of the data, where a starter has chosen by them
    chosen: tuple[Choice, ...] = ()


def order(asked: Asked, registry: Registry) -> Order:
    """Settle what is asked for. What cannot be is refused before any data are looked at.

    Raises UsageError for what cannot be meant and for a second run in a folder, NotFoundError, ConfigError, and what
    looking at data and locating a model raise.
    """
    start = _as_start(asked.start, registry)
    asked = replace(asked, start=start, resume=asked.resume or asked.finish)
    if asked.finish and asked.given:
        raise UsageError("--finish takes a run as it is: leave --set and --examples out")
    of_architecture = ("architecture", asked.what) in registry.entries and ("model", asked.what) not in registry.entries
    if of_architecture or (start and not asked.what and run_at(start, registry) is None):
        return _of_data(asked, registry)
    recipe = _recipe_of(asked.what or start, registry)
    changes = dict(asked.given) | _given(start_from=start, dataset=asked.data)
    recipe = with_values(recipe, changes)  # a path is understood as data where the recipe is resolved
    return _ordered(asked, recipe, _folder(asked, recipe, registry), registry)


def _given(**values: str) -> dict[str, str]:
    """Those that are given."""
    return {key: value for key, value in values.items() if value}


def _ordered(asked: Asked, recipe: Recipe, out: Path, registry: Registry, **chosen: Any) -> Order:
    if not asked.resume:
        refuse_second(out)
    if asked.finish:
        recipe = finish_early(out, registry)
    return Order(resolved=resolve(recipe, registry), out=out, resume=asked.resume, **chosen)


def _as_start(name: str, registry: Registry) -> str:
    """A model's name or path; a run's folder is told from a name of the catalogue: `runs/mine` -> `./runs/mine`."""
    if not name or ("model", name) in registry.entries or name.startswith((".", "/", "~", "hf://")):
        return name
    return f"./{name}" if run_at(name, registry) is not None else name


def _recipe_of(name: str, registry: Registry) -> Recipe:
    """The recipe a name of the catalogue, a TOML file or a run folder stands for."""
    if not name:
        raise UsageError("name what to train: a model of `zoo list`, a TOML file, a run folder, or an architecture")
    if name.endswith(".toml"):
        if not Path(name).is_file():
            raise NotFoundError(f"there is no recipe file {name}")
        return read_recipe(Path(name))
    if ("model", name) not in registry.entries:
        if (found := run_at(name, registry)) is not None:
            return read_run(found[0]).recipe
        raise unknown_start(name, registry)
    spec = registry.model(name)
    if spec.recipe is None:
        raise NotFoundError(f"model {name} has no recipe")
    return read_recipe(resource(spec.recipe, name))


def _folder(asked: Asked, recipe: Recipe, registry: Registry) -> Path:
    """Where the run of a recipe is, or will be."""
    if asked.out is not None:
        check_text(asked.out)
        return asked.out
    if not asked.what and (found := run_at(asked.start, registry)) is not None:
        return found[0].with_name(f"{found[0].resolve().name}-2")  # always the same, so that it can be resumed
    if asked.resume and (Path(asked.what) / RECIPE).is_file():
        return Path(asked.what)
    return _in_runs(recipe.name)


def _in_runs(name: str) -> Path:
    if not re.fullmatch(r"\w[^/\\:*?\"<>|\x00-\x1f]*", name):
        raise UsageError(f"the recipe's name {name!r:.80} cannot name a folder; give one with --out")
    return RUNS / name


# --- an architecture or a model, and data --------------------------------------------------------------------------


def _of_data(asked: Asked, registry: Registry) -> Order:
    """An architecture, or a model to begin with, on data: what its starter chooses, or what the run there has."""
    check_given(asked.given)
    architecture, config = networks_of(asked.start, registry) if asked.start else (asked.what, {})
    if asked.what and architecture != asked.what:
        raise ConfigError(f"{asked.start} is a {architecture}, not a {asked.what}; leave {asked.what} out")
    there = asked.resume and asked.out is not None and (asked.out / RECIPE).is_file()
    if not asked.data and not there:
        raise UsageError(_no_data(asked, architecture, registry))
    spec = registry.architecture(architecture)
    reference = as_reference(asked.data, registry, spec.modality) if asked.data else ""
    begun = run_name(_short(asked.start) if asked.start else architecture, reference) if reference else ""
    name = str(asked.given.get("name", begun))
    out = asked.out or _in_runs(name)
    check_text(out)
    if asked.resume and (out / RECIPE).is_file() and (recipe := read_run(out).recipe).architecture == architecture:
        changes = dict(asked.given) | _given(start_from=asked.start, dataset=reference)
        return _ordered(asked, with_values(recipe, changes), out, registry)
    if not asked.resume:
        refuse_second(out)
    given = {f"config.{key}": value for key, value in config.items()} | dict(asked.given)
    facts = data_facts(reference, registry=registry, split=str(given.get("split", "train")), given=given)
    recipe, chosen = start_recipe(architecture, reference, facts, registry)
    if asked.start:
        summary = f"{neutral_start(asked.start)} trained on with {neutral(reference)}, {facts.count:,} examples."
        recipe = replace(recipe, name=name, summary=summary, start_from=asked.start)
    return _ordered(asked, recipe, out, registry, facts=facts, chosen=tuple(chosen))


def _short(start: str) -> str:
    """A model's name without where it is: `hf://org/frogs@main` -> `frogs`."""
    path = start.removeprefix("hf://").partition("@")[0]
    return os.path.basename(os.path.abspath(os.path.expanduser(path)))


def _no_data(asked: Asked, architecture: str, registry: Registry) -> str:
    advice = "give --data ./my-photos, or a dataset of `zoo list --datasets`"
    if asked.start:
        return f"{asked.start} is to learn more, and needs something to learn from: {advice}"
    like = ", ".join(o.name for o in registry.list("model") if getattr(o.spec, "architecture", "") == architecture)
    more = f"; or train {like}" if like else ""
    return f"{architecture} is an architecture, and needs something to learn from: {advice}{more}"
