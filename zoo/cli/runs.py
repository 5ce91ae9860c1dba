"""The verb `runs`: which runs there are and how they are doing, and all about one of them. No torch."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.cli.output import Verb, plain, show, takes_json
from zoo.errors import UsageError, ZooError

__all__ = ["add_runs_verb"]

SHOWN = 4  # metrics in a line of the table


def add_runs_verb(verb: Verb) -> None:
    """Add the verb to the parser."""
    command = verb(
        "runs", _runs, "List the runs in a folder, or show one: progress, recipe, checkpoints, what is next."
    )
    command.add_argument("action", choices=["list", "show"])
    command.add_argument("place", nargs="?", metavar="FOLDER", help="for list a folder of runs (default runs); a run")
    command.add_argument("--report", action="store_true", help="for show: write report.html into the run anew")
    takes_json(command)


def _runs(arguments: argparse.Namespace) -> None:
    if arguments.action == "list":
        if arguments.report:
            raise UsageError("--report is of one run: zoo runs show RUN --report")
        _list(Path(arguments.place or "runs"), arguments.json)
    elif not arguments.place:
        raise UsageError("zoo runs show RUN: name the run's folder; `zoo runs list` shows some")
    else:
        _show(Path(arguments.place), arguments)


def _list(folder: Path, as_json: bool) -> None:
    from zoo.catalogue.runs.summary import list_runs

    rows = list_runs(folder)
    if not rows and not as_json:
        print(f"{folder}: no runs in it yet")
    if not as_json:
        rows = [_line(row) for row in rows]
    show(rows, ("name", "recipe", "images", "state", "when", "last"), as_json)


def _line(row: dict[str, Any]) -> dict[str, Any]:
    """A run as a line of the table."""
    done = f"{row['images']:,}/{'?' if row['wanted'] is None else format(row['wanted'], ',')}"
    when = str(row["when"] or "")[:16].replace("T", " ")
    last = row["problem"] or _figures(dict(list(row["metrics"].items())[:SHOWN]))
    return {**row, "recipe": row["recipe"] or "?", "images": done, "when": when, "last": last}


def _figures(metrics: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())


def _units(trainer: str) -> Mapping[str, str]:
    """The units of a trainer's metrics, where its plugin is still there."""
    from zoo.catalogue.plugins.loading import default_registry

    try:
        return default_registry().trainer(trainer).units
    except ZooError:
        return {}


def _show(run: Path, arguments: argparse.Namespace) -> None:
    from zoo.catalogue.runs.folder import read_run
    from zoo.catalogue.runs.summary import details

    recorded = read_run(run)
    told = details(run, recorded)
    if arguments.report:
        from zoo.catalogue.runs.page import write_report

        told["report"] = str(write_report(run, recorded, told, _units(recorded.recipe.trainer)))
    if arguments.json:
        print(json.dumps([told], indent=1))
        return
    recipe, data = told["recipe"], told["data"]
    changed = told["changed"]
    lines = [
        ("name", told["name"]),
        ("state", told["state"] + (f": {told['problem']}" if told["problem"] else "")),
        ("images", f"{told['images']:,} of {told['wanted']:,}"),
        ("last", _figures(told["metrics"])),
        ("when", told["when"]),
        ("recipe", f"{recipe['name']}: {recipe['architecture']} by {recipe['trainer']}, seed {recipe['seed']}"),
        *(("changed", line) for line in (changed or (["nothing"] if changed is not None else []))),
        ("data", f"{data.get('name')}, {data.get('split')}, {data.get('count')} examples, sha256 {data.get('sha256')}"),
        ("versions", f"torch {told['torch']}, {told['threads']} threads"),
        *(("checkpoint", f"{one['images']:,} images, {one['state']}") for one in told["checkpoints"]),
        ("samples", f"{len(told['samples'])} grids, the last {told['samples'][-1]}" if told["samples"] else ""),
        ("report", told["report"]),
        *(("doctor", line) for line in told["findings"]),
        ("next", told["next"]),
    ]
    before = ""
    for key, value in lines:
        if value:
            print(f"{key + ':' if key != before else '':<14}{plain(str(value))}")
            before = key
