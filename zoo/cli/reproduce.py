"""The verb `reproduce`: train a model again by its own recipe, measure it, and say whether its figures hold."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.examples import examples_for, loaded, located, own_data, takes_device
from zoo.cli.lines import say
from zoo.cli.output import complain, table, takes_json, takes_offline
from zoo.cli.progress import Bar, TrainingBar, stop_signals
from zoo.errors import UsageError, WeightsError

if TYPE_CHECKING:
    from zoo.catalogue.recipes.recipe import Recipe, Resolved
    from zoo.catalogue.weights.folder import Folder
    from zoo.evaluation import records as measured
    from zoo.evaluation.model import Asked
    from zoo.nn.models import Model

__all__ = ["reproduce", "reproduce_arguments"]

MOST_SEEDS = 20
LIKELY = ("likelihood", "bits")  # the metrics that `zoo likelihood` measures
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
    text = "the weights or the run that it began with, where the name in its recipe does not give them (any more)"
    command.add_argument("--from", dest="start", metavar="START", default="", help=text)
    text = "train so many times, each with the next seed, so that the spread is one of trainings (default 1)"
    command.add_argument("--seeds", type=int, default=1, metavar="N", help=text)
    text = "the run folder (default runs/NAME-again); of further seeds the same with -seed-N behind it"
    command.add_argument("--out", metavar="DIR", help=text)
    command.add_argument("--resume", action="store_true", help="go on with the run in the folder")
    takes_json(command)


def reproduce(arguments: argparse.Namespace) -> int | None:
    """Train again, measure again, compare."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.recipes.recipe import resolve, with_values
    from zoo.catalogue.weights.reproduced import agreements

    folder = located(arguments.name)
    published = _published(folder, arguments.features)
    if not 1 <= arguments.seeds <= MOST_SEEDS:
        raise UsageError(f"--seeds is {arguments.seeds}; it must be a whole number from 1 to {MOST_SEEDS}")
    recipe, whole = _recipe(folder, arguments)
    again = []
    for seed in range(recipe.seed, recipe.seed + arguments.seeds):
        out = Path(arguments.out or f"runs/{recipe.name}-again")
        out = out if seed == recipe.seed else out.with_name(f"{out.name}-seed-{seed}")
        resolved = resolve(with_values(recipe, {"seed": seed}), default_registry())
        _check_start(folder, resolved, out)
        if not _trained(resolved, out, arguments):
            more = [] if arguments.resume else ["--resume"]
            complain("stopped and saved; go on with", ["zoo", *arguments.argv, *more])
            return 130
        again.append(_measured(out, published, arguments))
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
            "verdict": one.verdict.partition(":")[0],
        }
        for one in found
    ]
    table(rows, ("figure", "published", "again", "allowed", "verdict"))
    say(_conclusion([one.verdict for one in found], recipe.examples, whole, folder.name, arguments.seeds))
    return None


def _conclusion(verdicts: Sequence[str], examples: int, whole: int, name: str, trainings: int) -> str:
    from zoo.catalogue.weights.reproduced import meaning

    held = verdicts.count("within")
    count = f"{held} of {len(verdicts)} published figures lie {meaning('within', trainings)}"
    if examples < whole:
        return (
            f"{count}. This was a short run, {examples:,} of {whole:,} examples: it shows that {name} can be trained "
            "again, and says nothing of whether its figures hold"
        )
    compared = [verdict for verdict in verdicts if verdict == "within" or verdict.startswith("outside")]
    left = len(verdicts) - len(compared)
    rest = f" ({left} of them could not be compared)" if left else ""
    return f"{count}{rest}. {name} is {'reproduced' if held == len(compared) > 0 else 'not reproduced'} in this sense"


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
    if arguments.start:
        if not recipe.start_from:
            raise UsageError(f"{folder.name} began with random weights; leave --from out")
        changes["start_from"] = arguments.start
    return with_values(recipe, changes), whole


def _check_start(folder: Folder, resolved: Resolved, out: Path) -> None:
    """Raise WeightsError where a run in `out` would begin with other weights than the model of the folder did."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.training.starting import FROM, find_start

    began, start = folder.config()["training"].get(FROM), find_start(out, resolved, default_registry())
    if began is None or start is None or start.facts["sha256"] == began["sha256"]:
        return
    name, now = resolved.recipe.start_from, start.facts["sha256"]
    raise WeightsError(
        f"{folder.name} began with weights of sha256 {began['sha256']:.12}, and {name} has {now:.12}; "
        "say where the first are with --from FOLDER"
    )


def _trained(resolved: Resolved, out: Path, arguments: argparse.Namespace) -> bool:
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

    registry = default_registry()
    drawn = [one for one in published if one["metric"] not in LIKELY and "concept" not in one["settings"]]
    likely = [one for one in published if one["metric"] == LIKELY[0]]
    with tempfile.TemporaryDirectory() as place, Bar(quiet=arguments.json) as advance:
        exporting.export(run, Path(place) / "again", registry, warn=complain)
        model = loaded(located(str(Path(place) / "again")), arguments.device)
        found = [one for told in likely for one in _likelihood(model, told, arguments.data, advance)]
        if drawn:
            of_tokens = modality_of(model).vocabulary is not None and not any(one["features"] for one in drawn)
            evaluate = evaluate_written if of_tokens else evaluate_model
            found += evaluate(model, registry, _asked(drawn, arguments.data), progress=advance).records
        return [one.to_json() for one in found]


def _likelihood(
    model: Model, published: Record, data: str | None, progress: Callable[[int, int], None]
) -> list[measured.Record]:
    """The likelihood of a model, as the published one was measured."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.evaluation.likelihoods import AskedLikelihood, likelihood_records

    split = published["reference"]["split"] or AskedLikelihood.split
    examples = examples_for(model, own_data(model, data), split)
    there, count = len(examples.data), published["n_real"]
    asked = AskedLikelihood(
        data=data,
        split=split,
        examples=count if count < there else None,
        samples=published["settings"].get("latents", AskedLikelihood.samples),
        seeds=tuple(published["seeds"] or AskedLikelihood.seeds),
    )
    if model.folder is None:
        raise WeightsError("the model that was trained again was not loaded from a folder")
    return likelihood_records(model, model.folder, examples, asked, default_registry(), progress=progress)


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
