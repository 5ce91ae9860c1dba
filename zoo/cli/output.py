"""What the verbs of the command line share: tables, one-line messages, common options."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Verb", "complain", "plain", "show", "table", "takes_json", "takes_offline"]

Verb = Callable[[str, Callable[[argparse.Namespace], int | None], str], argparse.ArgumentParser]


def plain(text: str) -> str:
    """A text on one line, without what steers a terminal: names and causes come from others' files."""
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def complain(message: str) -> None:
    """Print one line on standard error."""
    print("zoo:", plain(message), file=sys.stderr)


def table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    """Print rows in aligned columns."""
    cells = [[plain(str(row.get(column, ""))) for column in columns] for row in rows]
    widths = [max([len(c), *(len(line[i]) for line in cells)]) for i, c in enumerate(columns)]
    for line in ([c.upper() for c in columns], *cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


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
