"""The command line: one function per verb, thin; what it needs is imported inside it."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from zoo.cli.concept import add_fit_verbs
from zoo.cli.edit import add_latent_verbs, join_negatives
from zoo.cli.examples import asked_labels, check_size, takes_picture
from zoo.cli.hub import hub_verbs, prepare_hub, search
from zoo.cli.measure import add_measure_verbs
from zoo.cli.output import Verb, complain, plain, show, takes_json, takes_offline
from zoo.cli.plugins import plugin_verbs
from zoo.cli.progress import drop_output
from zoo.cli.runs import add_runs_verb
from zoo.cli.train import add_training_verbs
from zoo.cli.walk import add_walk_verbs
from zoo.errors import UsageError, ZooError
from zoo.version import __version__

__all__ = ["main"]

EPILOGUE = """exit codes: 0 well, 2 usage, 3 not found, 4 bad data, config or weights, 5 network, 6 integrity,
7 storage, 8 plugin, 130 interrupted.  A model is a name of `zoo list`, hf://org/repo[@revision], or a
folder (./folder)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the return value is the exit code."""
    _prepare_output()
    try:
        code = _run(argv)
        sys.stdout.flush()
        return code
    except ZooError as error:
        complain(str(error))
        return error.exit_code
    except KeyboardInterrupt as error:
        complain(" ".join(["interrupted", *getattr(error, "__notes__", ())]))
        return 130
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        drop_output()
        return 0
    except OSError as error:  # standard output, on a full disk say; all else comes as a ZooError
        drop_output()
        complain(f"cannot write: {error}; check the path, its rights and the free space")
        return 7
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "allocate memory" not in str(error):
            raise
        complain("out of memory; ask for fewer samples, a smaller batch or a smaller config")
        return 7


def _run(argv: Sequence[str] | None) -> int:
    words = sys.argv[1:] if argv is None else list(argv)
    parser, verbs = _parser()
    if words and not words[0].startswith("-") and words[0] not in verbs:
        return _plugin_command(words[0], words[1:], verbs)
    try:
        arguments = parser.parse_args(join_negatives(words))
    except SystemExit:  # --help or --version, which have said all
        return 0
    print_notes = prepare_hub(arguments)
    arguments.argv = words
    code: int = arguments.run(arguments) or 0
    if code == 0:
        print_notes()
    return code


def _plugin_command(name: str, words: list[str], verbs: Sequence[str]) -> int:
    """Run a plugin's command: `zoo NAMESPACE/NAME …`."""
    from zoo.catalogue.contract.references import import_reference
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.configs import near

    registry = default_registry()
    if ("command", name) not in registry.entries and "/" not in name:
        known = [*verbs, *(owned.name for owned in registry.list("command"))]
        raise UsageError(f"no command is named {name!r:.80}{near(name, known) or '; there are ' + ', '.join(known)}")
    spec = registry.command(name)
    run = import_reference(spec.run, f"command {name}", spec.install_hint)
    code: int | None = run(words)
    return code or 0


def _prepare_output() -> None:
    """Print names that the terminal's encoding lacks with backslashes, and warnings as lines."""
    import warnings

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")

    def show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
        complain(f"warning: {message}")

    warnings.showwarning = show_warning


# --- the catalogue -------------------------------------------------------------------------------------------------


def _list(arguments: argparse.Namespace) -> None:
    if arguments.hub:
        search(arguments)
        return
    from zoo.catalogue.contract.registry import PLURALS
    from zoo.catalogue.contract.specs import ModelSpec, to_json
    from zoo.catalogue.plugins.loading import default_registry

    kind = next((kind for kind, plural in PLURALS.items() if getattr(arguments, plural)), "model")
    rows = []
    for owned in default_registry().list(kind, arguments.pattern):
        row = {"name": owned.name} | to_json(owned.spec) | {"name": owned.name, "owner": owned.owner}
        if isinstance(owned.spec, ModelSpec):
            weights = owned.spec.weights
            row["available"] = "recipe" if weights is None else "bundled" if weights.bundled else "hub"
        rows.append(row)
    if not rows and arguments.pattern != "*":
        complain(f"no {kind} matches {arguments.pattern!r}")
    columns = {
        "model": ("name", "available", "architecture", "dataset", "summary"),
        "dataset": ("name", "licence", "summary"),
        **dict.fromkeys(("command", "family", "modality"), ("name", "summary")),
        "feature": ("name", "modality", "licence", "summary"),
    }
    show(rows, columns.get(kind, ("name", "family", "summary")), arguments.json)


def _info(arguments: argparse.Namespace) -> None:
    from zoo.catalogue.questions import info

    data = info(arguments.name)
    if arguments.json:
        print(json.dumps([data], indent=1))
        return
    for key, value in data.items():
        text = value if isinstance(value, str) else json.dumps(value)
        if text not in ("", "null", "{}", "[]"):
            print(f"{key + ':':<16}{plain(text)}")


# --- models --------------------------------------------------------------------------------------------------------


def _sample(arguments: argparse.Namespace) -> None:
    from zoo.images.sheet import check_picture_path, grid, save_picture
    from zoo.nn.pretrained import load

    out = check_picture_path(Path(arguments.output))
    model = load(arguments.name)
    check_size(arguments.n, model.data_shape, arguments.scale)
    labels, columns = asked_labels(model, arguments.label, arguments.n)
    images = model.sample(
        arguments.n, seed=arguments.seed, labels=labels, truncation=arguments.truncation, prior=arguments.prior
    )
    save_picture(grid(images, columns=arguments.columns or columns, scale=arguments.scale), out)
    of = f" ({', '.join(arguments.label)})" if arguments.label else ""
    print(f"{out}: {arguments.n} samples of {arguments.name}{of}, seed {arguments.seed}")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise UsageError(f"{message}; see `{self.prog} --help`")


def _parser() -> tuple[argparse.ArgumentParser, list[str]]:
    """The parser, and the verbs it knows."""
    parser = _Parser(prog="zoo", description="A zoo of generative models.", epilog=EPILOGUE)
    parser.add_argument("--version", action="version", version=__version__, help="print the version")
    verbs = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)

    def verb(name: str, run: Callable[[argparse.Namespace], int | None], text: str) -> argparse.ArgumentParser:
        command = verbs.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    _catalogue_verbs(verb)
    _model_verbs(verb)
    hub_verbs(verb)
    plugin_verbs(verb)
    add_training_verbs(verb)
    add_runs_verb(verb)
    add_walk_verbs(verb)
    add_latent_verbs(verb)
    add_measure_verbs(verb)
    add_fit_verbs(verb)
    return parser, list(verbs.choices)


def _catalogue_verbs(verb: Verb) -> None:
    from zoo.catalogue.contract.registry import PLURALS

    command = verb("list", _list, "List models, or what else the catalogue holds.")
    command.add_argument("pattern", nargs="?", default="*", help="wildcards: 'dcgan-*'")
    kinds = command.add_mutually_exclusive_group()
    for kind in PLURALS.values():
        kinds.add_argument(f"--{kind}", action="store_true")
    kinds.add_argument("--hub", action="store_true", help="models on the Hub, in the zoo's format, by anybody")
    takes_json(command)
    command = verb("info", _info, "Show what the catalogue knows of a name.")
    command.add_argument("name")
    takes_json(command)


def _model_verbs(verb: Verb) -> None:
    command = verb("sample", _sample, "Write a grid of samples.")
    command.add_argument("name")
    takes_offline(command)
    command.add_argument("-n", type=int, default=64, help="how many (default 64)")
    command.add_argument(
        "--label", action="append", metavar="CLASS", help="name or number, of a model with classes; again for more rows"
    )
    command.add_argument("--columns", type=int, help="pictures a row (default: the square root, or a row a class)")
    command.add_argument("--prior", choices=["normal", "uniform", "mixture"], help="see `zoo mixture fit`")
    command.add_argument("--truncation", type=float, help="keep latent coordinates within this distance of 0")
    takes_picture(command)
