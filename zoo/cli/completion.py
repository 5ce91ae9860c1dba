"""The verb `completion`: what a shell completes, from the verbs' own parsers, plugins' verbs among them.

The script is written by shtab. Models are asked for when they are completed, so a new plugin's are among them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from zoo.errors import NotFoundError, UsageError, ZooError

if TYPE_CHECKING:
    from zoo.catalogue.contract.specs import CommandSpec

__all__ = ["completion", "completion_arguments"]

SHELLS = ("bash", "zsh", "fish", "powershell", "tcsh")
MODELS = ("name", "names", "model", "recipe", "start")  # what arguments are called that take a model
NOT_MODELS = ("plugins", "completion", "help")  # verbs whose names are others
FILES = ("FILE", "PHOTO")  # how such arguments call themselves in the help
FOLDERS = ("FOLDER", "DIR", "RUN")
HOW = {
    "bash": 'eval "$(zoo completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(zoo completion zsh)" in ~/.zshrc, after compinit',
    "fish": "zoo completion fish > ~/.config/fish/completions/zoo.fish",
    "powershell": "zoo completion powershell | Out-String | Invoke-Expression in $PROFILE",
    "tcsh": "zoo completion tcsh > ~/.zoo.tcsh, and source it in ~/.tcshrc",
}


def completion_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo completion` takes."""
    ways = "; ".join(f"{shell}: {way}" for shell, way in HOW.items())
    command.epilog = f"How it is switched on: {ways}."
    command.add_argument("shell", nargs="?", choices=SHELLS, help="which shell (needs genzoo[completion])")
    command.add_argument("--models", action="store_true", help="print what is completed where a model is asked for")


def completion(arguments: argparse.Namespace) -> None:
    """Print a completion script. Raises NotFoundError where shtab is missing."""
    if arguments.models:
        print("\n".join(_models()))
        return
    if arguments.shell is None:
        raise UsageError(f"which shell? {', '.join(SHELLS)}: zoo completion bash")
    shtab = _shtab()
    print(shtab.complete(_root(shtab), arguments.shell))


def _shtab() -> ModuleType:
    try:
        import shtab
    except ImportError as error:
        raise NotFoundError("`zoo completion` needs shtab: pip install 'genzoo[completion]'") from error
    found: ModuleType = shtab
    return found


def _models() -> Iterator[str]:
    """The models of the catalogue, and the weights folders that lie here."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.folder import MODEL

    yield from (owned.name for owned in default_registry().list("model"))
    yield from sorted(f"./{path.parent}" for path in Path().glob(f"*/{MODEL}") if path.parent.name.isprintable())


def _verbs() -> Iterator[tuple[str, CommandSpec]]:
    """The zoo's verbs and the plugins', each by its full name."""
    from zoo.catalogue.contract.specs import CommandSpec
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.cli.verbs import VERBS

    yield from ((verb.name, verb) for verb in VERBS)
    for owned in default_registry().list("command"):
        if isinstance(owned.spec, CommandSpec):
            yield owned.name, owned.spec


def _root(shtab: ModuleType) -> argparse.ArgumentParser:
    """One parser of all verbs; of a plugin's verb that cannot be imported the name alone."""
    from zoo.catalogue.contract.references import import_reference

    root = argparse.ArgumentParser(prog="zoo")
    root.add_argument("--version", action="store_true", help="print the version")
    under = root.add_subparsers(metavar="COMMAND")
    for name, spec in _verbs():
        parser = under.add_parser(name, help=spec.summary.replace("%", "%%"))
        try:
            if spec.arguments:
                import_reference(spec.arguments, f"command {name}", spec.install_hint)(parser)
        except ZooError as error:
            sys.stderr.write(f"zoo: {error}\n")
        _marked(parser, name, shtab)
    return root


def _marked(parser: argparse.ArgumentParser, verb: str, shtab: ModuleType) -> None:
    """Say of each argument of a parser, and of those below it, what is completed there."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in set(action.choices.values()):
                _marked(below, verb, shtab)
            continue
        action.help = action.help and " ".join(action.help.split())
        if action.choices is None and action.nargs != 0 and (what := _completed(action, verb, shtab)):
            action.complete = what  # type: ignore[attr-defined]


def _completed(action: argparse.Action, verb: str, shtab: ModuleType) -> Any:
    if action.dest in MODELS and action.metavar not in FOLDERS and verb not in NOT_MODELS:
        return shtab.cmd("zoo completion --models")
    if action.metavar in FILES:
        return shtab.FILE
    return shtab.DIRECTORY if action.metavar in FOLDERS else None
