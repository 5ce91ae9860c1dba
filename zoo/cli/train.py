"""The verb train."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.lines import advice, columns, say
from zoo.cli.output import complain, plain
from zoo.cli.progress import TrainingBar, stop_signals
from zoo.cli.trackers import trackers_of
from zoo.errors import UsageError

if TYPE_CHECKING:
    from zoo.training.asked import Order
    from zoo.training.machine.processes import Processes

__all__ = ["train", "train_arguments"]


def train_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo train` takes."""
    text = "a model of `zoo list`, a TOML file, a run folder, or an architecture (then with --data)"
    command.add_argument("recipe", nargs="?", help=text)
    begin = (
        "begin with the weights of a model (a name, ./folder, hf://org/repo), or go on from a run: RUN, RUN@EXAMPLES"
    )
    command.add_argument("--from", dest="start", metavar="MODEL_OR_RUN", help=begin)
    command.add_argument("--data", help="what to learn from: ./photos (a folder or tar), or a dataset: 'cifar10[cat]'")
    command.add_argument("--out", metavar="DIR", help="the run folder (default runs/NAME)")
    command.add_argument("--examples", type=int, help="how many examples to see")
    keys = "batch_size=64, config.KEY=…, settings.KEY=…"
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=keys)
    command.add_argument("--threads", type=int, help="processor threads (default: PyTorch's choice)")
    command.add_argument("--device", default="auto", help="cpu, cuda, cuda:1 … (default: a GPU where there is one)")
    same = "on a GPU: the same bytes each time, slower (deterministic = true in a recipe); a CPU's always are"
    command.add_argument("--deterministic", action="store_true", help=same)
    log = "who is told of it: tensorboard, wandb, mlflow or a plugin's, or none (default: tensorboard where installed)"
    command.add_argument("--log", metavar="NAME[,NAME]", help=log)
    command.add_argument("--resume", action="store_true", help="go on with the run in the folder")
    finish = "go on with it, but let its rates fall from here on, and end when they have fallen"
    command.add_argument("--finish", action="store_true", help=finish)


def _order(arguments: argparse.Namespace) -> Order:
    """What is to be trained, and where."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.recipes.recipe import parse_changes
    from zoo.training.asked import Asked, order

    for option, value in (("--data", arguments.data), ("--from", arguments.start), ("--out", arguments.out)):
        if value == "":
            raise UsageError(f"{option} is empty; say what is meant, or leave it out")
    flags = {} if arguments.examples is None else {"examples": arguments.examples}
    flags |= {"deterministic": True} if arguments.deterministic else {}
    asked = Asked(
        what=arguments.recipe or "",
        data=arguments.data or "",
        start=arguments.start or "",
        out=Path(arguments.out) if arguments.out else None,
        resume=arguments.resume,
        finish=arguments.finish,
        given=parse_changes(arguments.set) | flags,
    )
    return order(asked, default_registry())


def _told(order: Order) -> list[str]:
    """The lines of what a starter has chosen by the data."""
    recipe, facts = order.resolved.recipe, order.facts
    if facts is None:
        return []
    width = max(len(f"{choice.key} = {choice.value}") for choice in order.chosen)
    return [
        f"{plain(recipe.dataset)}: {facts.count:,} examples, typically {' x '.join(map(str, facts.shape))}",
        f"what {recipe.start_from or recipe.architecture} begins with on these; --set KEY=VALUE changes it:",
        *(f"    {plain(f'{one.key} = {one.value}'):<{width}}  {plain(one.why)}" for one in order.chosen),
    ]


def train(arguments: argparse.Namespace) -> int:
    """Train, or go on; 130 for a run that was stopped and saved."""
    with TrainingBar(hidden=os.environ.get("RANK", "0") != "0") as bar, _threads_kept():
        return _train(arguments, bar)


@contextlib.contextmanager
def _threads_kept() -> Iterator[None]:
    """torch has afterwards as many threads as before: a program may have called."""
    import torch

    before = torch.get_num_threads()
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


def _train(arguments: argparse.Namespace, bar: TrainingBar) -> int:
    import torch

    from zoo.training.machine.allocator import keep_freed_memory
    from zoo.training.machine.determinism import fixed_workspaces
    from zoo.training.machine.processes import open_processes

    if arguments.threads is not None:
        if not 1 <= arguments.threads <= 1024:
            raise UsageError(f"--threads is {arguments.threads}; it must be a whole number from 1 to 1024")
        torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    with (
        fixed_workspaces(),  # the recipe, which may ask for it, is read when CUDA may have started
        contextlib.closing(open_processes(arguments.device)) as processes,
        processes.silent(),
    ):
        bar.doing("looking at the data", 0)
        return _carry_out(_order(arguments), arguments, bar, processes)


def _carry_out(order: Order, arguments: argparse.Namespace, bar: TrainingBar, processes: Processes) -> int:
    """Train what was ordered, and say how it went and what comes next."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.runs.folder import CHECKPOINTS, checkpoints
    from zoo.catalogue.runs.summary import export_words
    from zoo.training import train as training
    from zoo.training.attendant import Attendant

    resolved, out, recipe = order.resolved, order.out, order.resolved.recipe
    done = [int(path.name) for path in checkpoints(out / CHECKPOINTS)] if order.resume else []
    bar.begin(recipe.examples, done=max(done, default=0), better=resolved.trainer.better)
    if processes.first and (lines := _told(order)):
        with bar.aside():
            say("\n".join(lines), indent=6 * " ")

    def warn(line: str) -> None:
        with bar.aside():
            complain(line)

    with stop_signals() as stopped:
        training.train(
            resolved,
            out,
            registry=default_registry(),
            resume=order.resume,
            attendant=Attendant(
                report=bar.report, warn=warn, doing=bar.doing, stop=stopped, log=trackers_of(arguments.log)
            ),
            processes=processes,
        )
    if not processes.first:
        return 130 if stopped() else 0
    bar.end()
    if stopped():
        complain("stopped and saved; go on with", ["zoo", *arguments.argv, *([] if order.resume else ["--resume"])])
        return 130
    say(f"{out}: trained; look at {out / 'samples'}")
    print(advice("then", export_words(out, recipe.name), columns(sys.stdout)))
    return 0
