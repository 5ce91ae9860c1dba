"""The training verbs: train, and export, which makes a run's newest checkpoint a weights folder."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli_output import Verb, complain
from zoo.errors import UsageError
from zoo.progress import TrainingBar, stop_signals

if TYPE_CHECKING:
    from zoo.recipes import Recipe

__all__ = ["add_training_verbs"]


def add_training_verbs(verb: Verb) -> None:
    """Add the verbs to the parser."""
    command = verb("train", _train, "Train a recipe: a model of `zoo list` or a TOML file.")
    command.add_argument("recipe")
    command.add_argument("--data", help="another dataset: 'cifar10[cat]', 'images:./photos'")
    command.add_argument("--out", metavar="DIR", help="the run folder (default runs/NAME)")
    command.add_argument("--images", type=int, help="how many images to see")
    keys = "batch_size=64, config.KEY=…, settings.KEY=…"
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=keys)
    command.add_argument("--threads", type=int, help="processor threads (default: PyTorch's choice)")
    command.add_argument("--resume", action="store_true", help="go on with the run in the folder")
    command = verb("export", _export, "Write a run's newest checkpoint as a weights folder.")
    command.add_argument("run_folder", metavar="RUN")
    command.add_argument("-o", "--output", required=True, metavar="FOLDER")


def _recipe_of(name: str) -> Recipe:
    """The recipe a name of the catalogue or a TOML file stands for."""
    from zoo.errors import NotFoundError
    from zoo.plugins import default_registry
    from zoo.recipes import read_recipe
    from zoo.specs import resource

    if name.endswith(".toml"):
        if not Path(name).is_file():
            raise NotFoundError(f"there is no recipe file {name}")
        return read_recipe(Path(name))
    spec = default_registry().model(name)
    if spec.recipe is None:
        raise NotFoundError(f"model {name} has no recipe")
    return read_recipe(resource(spec.recipe, name))


def _train(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    import torch

    from zoo.plugins import default_registry
    from zoo.recipes import override
    from zoo.training.run import train

    images = [] if arguments.images is None else [f"images={arguments.images}"]
    recipe = override(_recipe_of(arguments.recipe), [*arguments.set, *images])
    recipe = recipe if arguments.data is None else replace(recipe, dataset=arguments.data)
    if not arguments.out and not re.fullmatch(r"\w[\w. -]*", recipe.name):
        raise UsageError(f"the recipe's name {recipe.name!r:.80} cannot name a folder; give one with --out")
    out = Path(arguments.out or Path("runs") / recipe.name)
    if arguments.threads is not None:
        if not 1 <= arguments.threads <= 1024:
            raise UsageError(f"--threads is {arguments.threads}; it must be a whole number from 1 to 1024")
        torch.set_num_threads(arguments.threads)
    with stop_signals() as stopped, TrainingBar(recipe.images) as report:
        train(
            recipe,
            out,
            registry=default_registry(),
            resume=arguments.resume,
            report=report,
            warn=complain,
            stop=stopped,
        )
    if stopped():
        again = ["zoo", *arguments.argv, *([] if arguments.resume else ["--resume"])]
        complain(f"stopped and saved; go on with: {shlex.join(again)}")
        return 130
    then = shlex.join(["zoo", "export", str(out), "-o", f"./{recipe.name}"])
    print(f"{out}: trained; look at {out / 'samples'}, then: {then}")
    return 0


def _export(arguments: argparse.Namespace) -> None:
    from zoo.plugins import default_registry
    from zoo.training.export import export

    digests = export(Path(arguments.run_folder), Path(arguments.output), default_registry(), warn=complain)
    print(f"{arguments.output}: written; load it with zoo.load({str(Path(arguments.output).resolve())!r}). Its pins:")
    for file, digest in digests.items():
        print(f'    "{file}": "{digest}",')
