"""What the verbs of the command line share: tables, one-line messages, common options, verbs of verbs."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from zoo.cli.lines import advice, columns, wrapped
from zoo.errors import ZooError
from zoo.settings import OFFLINE

__all__ = [
    "AddAction",
    "act",
    "actions",
    "complain",
    "each",
    "hub_prepared",
    "plain",
    "show",
    "table",
    "takes_json",
    "takes_offline",
]

Action = Callable[[argparse.Namespace], int | None]
AddAction = Callable[[str, Action, str], argparse.ArgumentParser]  # name, what it runs, one line


def plain(text: str) -> str:
    """A text on one line, without what steers a terminal: names and causes come from others' files."""
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def complain(message: str, then: Sequence[str] = ()) -> None:
    """Print `message`, one line, on standard error, wrapped where that is a terminal; `then` are the words of the
    command that comes next.
    """
    if sys.stderr is None:  # print would take standard output
        return
    text, width = f"zoo: {plain(message)}", columns(sys.stderr)
    print(advice(text, then, width) if then else wrapped(text, width, indent="     "), file=sys.stderr)


def table(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
    """Print rows in aligned columns of these names; a line that is wider than the terminal is wrapped."""
    cells = [[plain(str(row.get(name, ""))) for name in names] for row in rows]
    widths = [max([len(name), *(len(line[i]) for line in cells)]) for i, name in enumerate(names)]
    for line in ([name.upper() for name in names], *cells):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        print(wrapped(text, columns(sys.stdout), indent="    "))


def show(rows: Sequence[dict[str, Any]], columns: Sequence[str], as_json: bool) -> None:
    """Print rows as a table, or as a list of objects."""
    if as_json:
        print(json.dumps(list(rows), indent=1))
    elif rows:
        table(rows, columns)


def takes_json(command: argparse.ArgumentParser) -> None:
    """Add --json."""
    command.add_argument("--json", action="store_true", help="print a list of objects")


def takes_offline(command: argparse.ArgumentParser) -> None:
    """Add --offline."""
    command.add_argument("--offline", action="store_true", help="ask no network, as ZOO_OFFLINE=1 does")


@contextlib.contextmanager
def hub_prepared(arguments: argparse.Namespace) -> Iterator[Callable[[], None]]:
    """For a verb that may ask the Hub: apply --offline, and note what is said of commits.

    Gives the function that prints the notes: a command that fails prints its one line and no more.
    """
    if "offline" not in arguments:
        yield lambda: None
        return
    import logging

    notes: list[str] = []
    here = threading.get_ident()

    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == here:  # another thread may run a command of its own
                notes.append(record.getMessage())

    def print_notes() -> None:
        for note in notes:
            complain(note)

    logger, handler = logging.getLogger("zoo"), Notes(level=logging.INFO)
    level, offline = logger.level, OFFLINE.set(arguments.offline or OFFLINE.get())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield print_notes
    finally:
        OFFLINE.reset(offline)
        logger.removeHandler(handler)
        logger.setLevel(level)


def each(
    names: Iterable[str], work: Callable[[str], dict[str, Any]], *, keep: bool
) -> tuple[list[dict[str, Any]], int]:
    """The rows of all names and the exit code of the first that failed; each failure is one line on standard error.

    With `keep` a failed one has a row too.
    """
    rows, code = [], 0
    for name in names:
        try:
            rows.append(work(name))
        except ZooError as error:
            complain(str(error) if name in str(error) else f"{name}: {error}")
            code = code or error.exit_code
            if keep:
                message = " ".join(str(error).split())
                rows.append({"name": name, "ok": False, "exit_code": error.exit_code, "error": message})
    return rows, code


def actions(command: argparse.ArgumentParser) -> AddAction:
    """For a verb of verbs: the function that adds one, and gives its parser."""
    under = command.add_subparsers(metavar="ACTION", required=True)

    def action(name: str, run: Action, text: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = under.add_parser(name, help=text, description=text)
        added.set_defaults(action=run)
        return added

    return action


def act(arguments: argparse.Namespace) -> int | None:
    """Run the action that was chosen: what a verb of verbs runs."""
    code: int | None = arguments.action(arguments)
    return code
