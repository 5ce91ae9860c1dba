"""The training verbs: train, and export, which makes a run's newest checkpoint a weights folder."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.lines import advice, columns, say
from zoo.cli.output import complain, plain
from zoo.cli.progress import TrainingBar, stop_signals
from zoo.errors import UsageError
from zoo.files import check_text

if TYPE_CHECKING:
    from zoo.catalogue.recipes.recipe import Recipe, Resolved

__all__ = ["export", "export_arguments", "train", "train_arguments"]


def train_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo train` takes."""
    text = "a model of `zoo list`, a TOML file, a run folder, or an architecture (then with --data)"
    command.add_argument("recipe", help=text)
    command.add_argument("--data", help="what to learn from: ./photos (a folder or tar), or a dataset: 'cifar10[cat]'")
    command.add_argument("--out", metavar="DIR", help="the run folder (default runs/NAME)")
    command.add_argument("--examples", type=int, help="how many examples to see")
    keys = "batch_size=64, config.KEY=…, settings.KEY=…"
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=keys)
    command.add_argument("--threads", type=int, help="processor threads (default: PyTorch's choice)")
    command.add_argument("--device", default="auto", help="cpu, cuda, cuda:1 … (default: a GPU where there is one)")
    command.add_argument("--resume", action="store_true", help="go on with the run in the folder")
    finish = "go on with it, but let its rates fall from here on, and end when they have fallen"
    command.add_argument("--finish", action="store_true", help=finish)


def _recipe_of(name: str) -> Recipe:
    """The recipe a name of the catalogue, a TOML file or a run folder stands for."""
    from zoo.catalogue.contract.references import resource
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.recipes.recipe import read_recipe
    from zoo.catalogue.recipes.starters import unknown_start
    from zoo.catalogue.runs.folder import RECIPE, read_run
    from zoo.errors import NotFoundError

    if name.endswith(".toml"):
        if not Path(name).is_file():
            raise NotFoundError(f"there is no recipe file {name}")
        return read_recipe(Path(name))
    registry = default_registry()
    if ("model", name) not in registry.entries:
        if (Path(name) / RECIPE).is_file():
            return read_run(Path(name)).recipe
        raise unknown_start(name, registry)
    spec = registry.model(name)
    if spec.recipe is None:
        raise NotFoundError(f"model {name} has no recipe")
    return read_recipe(resource(spec.recipe, name))


def _is_architecture(name: str) -> bool:
    """Whether it is the name of an architecture, and of no model."""
    from zoo.catalogue.plugins.loading import default_registry

    entries = default_registry().entries
    return ("architecture", name) in entries and ("model", name) not in entries


def _started(arguments: argparse.Namespace, given: dict[str, Any]) -> tuple[Recipe, list[str]]:
    """The recipe that an architecture's starter makes for the data, and a line for each thing it chose."""
    from zoo.catalogue.contract.data_references import as_reference
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.recipes.starters import check_given, start_recipe
    from zoo.data.facts import data_facts

    name, registry = arguments.recipe, default_registry()
    check_given(given)
    if not arguments.data:
        like = ", ".join(o.name for o in registry.list("model") if getattr(o.spec, "architecture", "") == name)
        advice = f"give --data ./my-photos, or a dataset of `zoo list --datasets`{f'; or train {like}' if like else ''}"
        raise UsageError(f"{name} is an architecture, and needs something to learn from: {advice}")
    reference = as_reference(arguments.data, registry, registry.architecture(name).modality)
    facts = data_facts(reference, registry=registry, split=str(given.get("split", "train")), given=given)
    recipe, chosen = start_recipe(name, reference, facts, registry)
    width = max(len(f"{choice.key} = {choice.value}") for choice in chosen)
    return recipe, [
        f"{plain(reference)}: {facts.count:,} examples, typically {' x '.join(map(str, facts.shape))}",
        f"what {name} begins with on these; --set KEY=VALUE changes it:",
        *(f"    {plain(f'{choice.key} = {choice.value}'):<{width}}  {plain(choice.why)}" for choice in chosen),
    ]


def _resumed(arguments: argparse.Namespace, given: dict[str, Any]) -> Recipe | None:
    """The recipe of the run that is to go on, where it is one of this architecture and this data."""
    from zoo.catalogue.contract.data_references import as_reference
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.recipes.recipe import with_values
    from zoo.catalogue.recipes.starters import run_name
    from zoo.catalogue.runs.folder import RECIPE, read_run

    registry = default_registry()
    modality = registry.architecture(arguments.recipe).modality
    reference = None if arguments.data is None else as_reference(arguments.data, registry, modality)
    if not arguments.resume or not (arguments.out or reference):
        return None
    folder = Path(arguments.out or Path("runs") / run_name(arguments.recipe, reference or ""))
    if not (folder / RECIPE).is_file():
        return None
    recipe = read_run(folder).recipe
    if recipe.architecture != arguments.recipe:
        return None
    return with_values(recipe, given | ({"dataset": reference} if reference else {}))


def _recipe(arguments: argparse.Namespace) -> tuple[Recipe, list[str]]:
    """What is to be trained, with what the user has set; and lines to be printed first."""
    from dataclasses import replace

    from zoo.catalogue.recipes.recipe import parse_changes, with_values

    given = parse_changes(arguments.set) | ({} if arguments.examples is None else {"examples": arguments.examples})
    if _is_architecture(arguments.recipe):
        resumed = _resumed(arguments, given)
        return (resumed, []) if resumed else _started(arguments, given)
    recipe = with_values(_recipe_of(arguments.recipe), given)
    if arguments.data is None:
        return recipe, []
    return replace(recipe, dataset=arguments.data), []  # a path is understood where the recipe is resolved


def _run_folder(arguments: argparse.Namespace, recipe: Recipe) -> Path:
    """Where the run is, or will be."""
    from zoo.catalogue.runs.folder import RECIPE

    if arguments.out:
        check_text(arguments.out)
        return Path(arguments.out)
    if arguments.resume and (Path(arguments.recipe) / RECIPE).is_file():
        return Path(arguments.recipe)
    if not re.fullmatch(r"\w[^/\\:*?\"<>|\x00-\x1f]*", recipe.name):
        raise UsageError(f"the recipe's name {recipe.name!r:.80} cannot name a folder; give one with --out")
    return Path("runs") / recipe.name


def _ordered(arguments: argparse.Namespace) -> tuple[Resolved, Path, list[str]]:
    """What is to be trained, and where; and lines to be printed first. What cannot be is refused before one is."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.recipes.recipe import resolve
    from zoo.training.resuming import finish_early, refuse_second

    arguments.resume |= arguments.finish
    recipe, lines = _recipe(arguments)
    out = _run_folder(arguments, recipe)
    if not arguments.resume:
        refuse_second(out)
    if arguments.finish:
        if arguments.set or arguments.examples is not None:
            raise UsageError("--finish takes a run as it is: leave --set and --examples out")
        recipe = finish_early(out, default_registry())
    return resolve(recipe, default_registry()), out, lines  # a value out of range is said before the rest


def train(arguments: argparse.Namespace) -> int:
    """Train, or go on; 130 for a run that was stopped and saved."""
    with TrainingBar(hidden=os.environ.get("RANK", "0") != "0") as bar:
        return _train(arguments, bar)


def _train(arguments: argparse.Namespace, bar: TrainingBar) -> int:
    import torch

    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.runs.folder import CHECKPOINTS, checkpoints
    from zoo.catalogue.runs.summary import export_words
    from zoo.training import train as training
    from zoo.training.attendant import Attendant
    from zoo.training.machine.allocator import keep_freed_memory
    from zoo.training.machine.processes import open_processes

    bar.doing("looking at the data", 0)
    resolved, out, lines = _ordered(arguments)
    recipe = resolved.recipe
    if arguments.threads is not None:
        if not 1 <= arguments.threads <= 1024:
            raise UsageError(f"--threads is {arguments.threads}; it must be a whole number from 1 to 1024")
        torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    processes = open_processes(arguments.device)
    done = [int(path.name) for path in checkpoints(out / CHECKPOINTS)] if arguments.resume else []
    bar.begin(recipe.examples, done=max(done, default=0), better=resolved.trainer.better)
    if processes.first and lines:
        with bar.aside():
            say("\n".join(lines), indent=6 * " ")

    def warn(line: str) -> None:
        with bar.aside():
            complain(line)

    with contextlib.closing(processes), processes.silent(), stop_signals() as stopped:
        training.train(
            resolved,
            out,
            registry=default_registry(),
            resume=arguments.resume,
            attendant=Attendant(report=bar.report, warn=warn, doing=bar.doing, stop=stopped),
            processes=processes,
        )
    if not processes.first:
        return 130 if stopped() else 0
    bar.end()
    if stopped():
        complain("stopped and saved; go on with", ["zoo", *arguments.argv, *([] if arguments.resume else ["--resume"])])
        return 130
    say(f"{out}: trained; look at {out / 'samples'}")
    print(advice("then", export_words(out, recipe.name), columns(sys.stdout)))
    return 0


def export_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo export` takes."""
    command.add_argument("run_folder", metavar="RUN")
    command.add_argument("-o", "--output", required=True, metavar="FOLDER")
    command.add_argument(
        "--at", type=int, metavar="EXAMPLES", help="an earlier checkpoint; `zoo runs show RUN` names them"
    )


def export(arguments: argparse.Namespace) -> None:
    """Write a run's newest checkpoint, or an earlier one, as a weights folder, and print its pins."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.training import export as exporting

    run, output = Path(arguments.run_folder), Path(arguments.output)
    digests = exporting.export(run, output, default_registry(), at=arguments.at, warn=complain)
    print(f"{arguments.output}: written; load it with zoo.load({str(Path(arguments.output).resolve())!r}). Its pins:")
    for file, digest in digests.items():
        print(f'    "{file}": "{digest}",')
