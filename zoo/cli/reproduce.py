"""The verb `reproduce`: train a model again by its own recipe, measure it, and say whether its figures hold."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.examples import loaded, located, takes_device
from zoo.cli.lines import say
from zoo.cli.output import complain, table, takes_json, takes_offline
from zoo.cli.progress import Bar, TrainingBar, stop_signals
from zoo.errors import UsageError, WeightsError

if TYPE_CHECKING:
    from zoo.catalogue.recipes.recipe import Recipe
    from zoo.catalogue.weights.folder import Folder
    from zoo.evaluation.model import Asked

__all__ = ["reproduce", "reproduce_arguments"]

Record = dict[str, Any]


def reproduce_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo reproduce` takes."""
    command.add_argument("name", help="a name, ./folder or hf://org/repo with a recipe and published figures")
    takes_offline(command)
    takes_device(command)
    text = "stop after so many examples: a short run, whose figures say whether it works and not whether they hold"
    command.add_argument("--images", type=int, metavar="N", help=text)
    command.add_argument("--data", help="where the examples are that it was trained on, where the name does not say")
    command.add_argument("--features", metavar="NAMES", default="", help="judges (default: the one that leads)")
    command.add_argument("--out", metavar="DIR", help="the run folder (default runs/NAME-again)")
    command.add_argument("--resume", action="store_true", help="go on with the run in the folder")
    takes_json(command)


def reproduce(arguments: argparse.Namespace) -> int | None:
    """Train again, measure again, compare."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.recipes.recipe import resolve
    from zoo.catalogue.weights.reproduced import agreements

    folder = located(arguments.name)
    published = _published(folder, arguments.features)
    recipe, whole = _recipe(folder, arguments)
    out = Path(arguments.out or f"runs/{recipe.name}-again")
    resolved = resolve(recipe, default_registry())
    if not _trained(resolved, out, arguments):
        complain("stopped and saved; go on with", ["zoo", *arguments.argv, *([] if arguments.resume else ["--resume"])])
        return 130
    again = _measured(out, published, arguments)
    found = agreements(published, again)
    if arguments.json:
        about = {"examples": recipe.examples, "of": whole}
        print(json.dumps([one.to_json() | about for one in found], indent=1))
        return None
    from zoo.catalogue.weights.card_figures import told, with_spread

    rows = [
        {
            "figure": one.key,
            "published": with_spread(one.published),
            "again": "" if one.again is None else with_spread(one.again),
            "allowed": "" if one.allowed is None else f"± {told(one.allowed)}",
            "verdict": one.verdict,
        }
        for one in found
    ]
    table(rows, ("figure", "published", "again", "allowed", "verdict"))
    say(_conclusion([one.verdict for one in found], recipe.examples, whole, folder.name))
    return None


def _conclusion(verdicts: Sequence[str], examples: int, whole: int, name: str) -> str:
    held = verdicts.count("within")
    count = f"{held} of {len(verdicts)} published figures lie within the spread"
    if examples < whole:
        return (
            f"{count}. This was a short run, {examples:,} of {whole:,} examples: it shows that {name} can be trained "
            "again, and says nothing of whether its figures hold"
        )
    return f"{count}: {name} is {'reproduced' if held == len(verdicts) else 'not reproduced'}"


def _published(folder: Folder, features: str) -> list[Record]:
    """The records that stand for the model, or those by the `features` that were asked for."""
    from zoo.catalogue.weights.records import current, features_of, leading, records_of

    told = current(folder.evaluation())
    rows = leading(told)
    if features:
        names = features.split(",")
        rows = [one for one in records_of(told) if features_of(one) in names and not one["group"] and not one["prior"]]
    if rows:
        return rows
    advice = f"`zoo eval {folder.name} --write` makes some"
    raise UsageError(f"{folder.name} has no published figures to compare with; {advice}")


def _recipe(folder: Folder, arguments: argparse.Namespace) -> tuple[Recipe, int]:
    """The recipe in the folder, with the examples that are asked for, and how many it has itself."""
    from zoo.catalogue.contract.data_references import as_reference
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.recipes.recipe import Recipe, with_values
    from zoo.configs import decode

    config = folder.config()
    told = config["training"].get("recipe")
    if not isinstance(told, dict):
        raise WeightsError(f"{folder.name}: its config.json holds no recipe; it cannot be trained again")
    recipe = decode(Recipe, told | {"config": config["config"]}, f"the recipe of {folder.name}")
    changes: dict[str, Any] = {"examples": config["training"].get("examples", recipe.examples)}
    whole = int(changes["examples"])
    if arguments.images is not None:
        if not recipe.batch_size <= arguments.images <= whole:
            wanted = f"from one batch, {recipe.batch_size}, to all, {whole:,}"
            raise UsageError(f"--images is {arguments.images}; it must be a whole number {wanted}")
        changes["examples"] = arguments.images
    if arguments.data:
        registry = default_registry()
        modality = registry.architecture(config["architecture"]).modality
        changes["dataset"] = as_reference(arguments.data, registry, modality)
    return with_values(recipe, changes), whole


def _trained(resolved: Any, out: Path, arguments: argparse.Namespace) -> bool:
    """Train into the run folder; whether it came to the end."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.nn.devices import find_device
    from zoo.training import train as training
    from zoo.training.attendant import Attendant
    from zoo.training.machine.processes import open_processes

    find_device(arguments.device)
    with TrainingBar(hidden=arguments.json or os.environ.get("RANK", "0") != "0") as bar, stop_signals() as stopped:
        bar.begin(resolved.recipe.examples, done=0, better=resolved.trainer.better)

        def warn(line: str) -> None:
            with bar.aside():
                complain(line)

        with contextlib.closing(open_processes(arguments.device)) as processes, processes.silent():
            training.train(
                resolved,
                out,
                registry=default_registry(),
                resume=arguments.resume,
                attendant=Attendant(report=bar.report, warn=warn, doing=bar.doing, stop=stopped),
                processes=processes,
            )
        if stopped():
            return False
        bar.end()
    return True


def _measured(run: Path, published: Sequence[Record], arguments: argparse.Namespace) -> list[Record]:
    """The same figures of the model in a run folder."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.data.modality import modality_of
    from zoo.evaluation.model import evaluate_model
    from zoo.evaluation.written import evaluate_written
    from zoo.training import export as exporting

    registry, asked = default_registry(), _asked(published, arguments.data)
    with tempfile.TemporaryDirectory() as place, Bar(quiet=arguments.json) as advance:
        exporting.export(run, Path(place) / "again", registry, warn=complain)
        model = loaded(located(str(Path(place) / "again")), arguments.device)
        if modality_of(model).vocabulary is not None and not any(one["features"] for one in published):
            return [one.to_json() for one in evaluate_written(model, registry, asked, progress=advance).records]
        return [one.to_json() for one in evaluate_model(model, registry, asked, progress=advance).records]


def _asked(published: Sequence[Record], data: str | None) -> Asked:
    """What was asked for when the published figures were measured."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.records import features_of
    from zoo.evaluation.model import Asked

    known = {owned.name for owned in default_registry().list("metric")}
    drawn = [one for one in published if one["n_fake"]] or list(published)
    seen = [one for one in drawn if one["features"]]
    return Asked(
        samples=max(one["n_fake"] or one["n_real"] for one in drawn),
        seeds=tuple(drawn[0]["seeds"]),
        real=max((one["n_real"] for one in seen), default=drawn[0]["n_real"]),
        data=data,
        features=tuple(dict.fromkeys(map(features_of, seen))),
        metrics=tuple(dict.fromkeys(one["metric"] for one in published if one["metric"] in known)),
    )
