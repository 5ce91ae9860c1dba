"""The command line: finds the verb, gives it its words, and makes every failure one line and an exit code."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from zoo.catalogue.contract.references import import_reference
from zoo.catalogue.contract.specs import CommandSpec
from zoo.catalogue.plugins.blame import plugin_errors
from zoo.cli.output import complain, hub_prepared
from zoo.cli.process import flush_output, owned_process
from zoo.cli.verbs import VERBS
from zoo.errors import UsageError, ZooError
from zoo.version import __version__

__all__ = ["join_negatives", "main"]

EPILOGUE = """exit codes: 0 well, 2 usage, 3 not found, 4 bad data, config or weights, 5 network, 6 integrity,
7 storage, 8 plugin, 130 interrupted.  A model is a name of `zoo list`, hf://org/repo[@revision], or a
folder (./folder)."""
NEGATIVES = re.compile(r"-[\d.][\d.,e+-]*")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the return value is the exit code.

    Without `argv` the words are the program's own, and the process is the command's. With it a program calls: what is
    changed of the process, warnings that are printed as lines, is put back; in a thread nothing is changed at all.
    """
    with owned_process(program=argv is None):
        try:
            code = _run(sys.argv[1:] if argv is None else list(argv))
            flush_output()
            return code
        except ZooError as error:
            complain(str(error))
            return error.exit_code
        except KeyboardInterrupt as error:
            complain(" ".join(["interrupted", *getattr(error, "__notes__", ())]))
            return 130
        except BrokenPipeError:  # a caller's stream: who reads it, `head` say, has seen enough
            return 0
        except OSError as error:  # standard output, on a full disk say; all else comes as a ZooError
            complain(f"cannot write: {error}; check the path, its rights and the free space")
            return 7
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "allocate memory" not in str(error):
                raise
            complain("out of memory; ask for fewer samples, a smaller batch or a smaller config")
            return 7


def _run(words: list[str]) -> int:
    if not words or words[0].startswith("-"):
        _before_a_verb(words)
        return 0
    name, rest = words[0], words[1:]
    spec = next((verb for verb in VERBS if verb.name == name), None) or _plugin_verb(name)
    parser = _Parser(prog=f"zoo {name}", description=spec.summary)
    if spec.arguments:
        import_reference(spec.arguments, f"command {name}", spec.install_hint)(parser)
    try:
        arguments = parser.parse_args(join_negatives(rest))
    except SystemExit as ended:
        if ended.code:
            raise
        return 0  # --help, which has said all
    vars(arguments).setdefault("argv", words)
    with hub_prepared(arguments) as print_notes, plugin_errors():
        code: int = import_reference(spec.run, f"command {name}", spec.install_hint)(arguments) or 0
        if code == 0:
            print_notes()
    return code


def _plugin_verb(name: str) -> CommandSpec:
    """A verb that a plugin adds. Raises UsageError for a bare word that is none, and what the registry raises."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.configs import near

    registry = default_registry()
    if ("command", name) not in registry.entries and "/" not in name:
        known = [*(verb.name for verb in VERBS), *(owned.name for owned in registry.list("command"))]
        raise UsageError(f"no command is named {name!r:.80}{near(name, known) or '; there are ' + ', '.join(known)}")
    return registry.command(name)


def join_negatives(argv: Sequence[str]) -> list[str]:
    """`--strength -2,-1` as `--strength=-2,-1`: argparse takes a list that begins with a minus for an option."""
    words: list[str] = []
    for word in argv:
        if words and words[-1].startswith("--") and "=" not in words[-1] and NEGATIVES.fullmatch(word):
            words[-1] += f"={word}"
        else:
            words.append(word)
    return words


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise UsageError(f"{message}; see `{self.prog} --help`")


class _Front(_Parser):
    """`zoo` itself. Its help names every verb: the plugins are asked for theirs when it is printed."""

    def format_help(self) -> str:
        """The text of `zoo --help`."""
        for title, verbs in _groups():
            group = self.add_argument_group(title)
            for name, summary in verbs:
                group.add_argument(name, nargs="?", help=summary.replace("%", "%%"))
        return super().format_help()


def _before_a_verb(words: Sequence[str]) -> None:
    """`zoo` without a verb: print the help or the version. Raises UsageError for everything else."""
    front = _Front(prog="zoo", usage="zoo [-h] [--version] COMMAND ...", description="A zoo of generative models.")
    front.epilog = EPILOGUE
    front.add_argument("--version", action="version", version=__version__, help="print the version")
    try:
        front.parse_known_args(words)
    except SystemExit:  # it has said all
        return
    front.error("the following arguments are required: COMMAND")


def _groups() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Who brings verbs, and the names and summaries of these: first the zoo's, its own plugins' among them."""
    from itertools import groupby

    from zoo.catalogue.plugins.loading import default_registry

    ours = [(verb.name, verb.summary) for verb in VERBS]
    try:
        owned = default_registry().list("command")
    except ZooError as error:  # the user's configuration, say: the help is printed all the same
        complain(str(error))
        owned = []
    yield "commands", ours + [(one.name, one.spec.summary) for one in owned if "/" not in one.name]
    theirs = sorted((one for one in owned if "/" in one.name), key=lambda one: one.owner)
    for owner, verbs in groupby(theirs, key=lambda one: one.owner):
        yield f"commands of {owner}", [(one.name, one.spec.summary) for one in verbs]
