"""The verb `runs`: which runs there are and how they are doing, and all about one of them. No torch."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.lines import say
from zoo.cli.output import actions, plain, show, takes_json
from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.catalogue.runs.folder import Recorded

__all__ = ["runs_arguments"]

SHOWN = 4  # metrics in a line of the table


def runs_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo runs` takes."""
    action = actions(command)
    added = action("list", _list, "List the runs in a folder.")
    added.add_argument("folder", nargs="?", type=Path, default=Path("runs"), metavar="FOLDER", help="(default runs)")
    takes_json(added)
    added = action("show", _show, "Show one run: progress, recipe, checkpoints, what is next.")
    added.add_argument("run", type=Path, metavar="RUN", help="its folder; `zoo runs list` shows some")
    added.add_argument("--page", action="store_true", help="write report.html into the run anew")
    takes_json(added)


def _list(arguments: argparse.Namespace) -> None:
    from zoo.catalogue.runs.summary import list_runs

    rows = list_runs(arguments.folder)
    if not rows and not arguments.json:
        print(f"{arguments.folder}: no runs in it yet")
    if not arguments.json:
        rows = [_line(row) for row in rows]
    show(rows, ("name", "recipe", "examples", "state", "when", "last"), arguments.json)


def _line(row: dict[str, Any]) -> dict[str, Any]:
    """A run as a line of the table."""
    done = f"{row['examples']:,}/{'?' if row['wanted'] is None else format(row['wanted'], ',')}"
    when = str(row["when"] or "")[:16].replace("T", " ")
    last = row["problem"] or _figures(dict(list(row["metrics"].items())[:SHOWN]))
    return {**row, "recipe": row["recipe"] or "?", "examples": done, "when": when, "last": last}


def _figures(metrics: dict[str, float], better: Mapping[str, str] | None = None) -> str:
    """Metrics by name, and which way is better of those of which that is known."""
    ways = {name: f" ({way} is better)" for name, way in (better or {}).items()}
    return "  ".join(f"{name} {value:.4g}{ways.get(name, '')}" for name, value in metrics.items())


def _better(trainer: str) -> Mapping[str, str]:
    """Which way a trainer's metrics are better, where its plugin is still there."""
    from zoo.catalogue.plugins.loading import default_registry

    with contextlib.suppress(ZooError):
        return default_registry().trainer(trainer).better
    return {}


def _page(run: Path, recorded: Recorded, told: dict[str, Any]) -> Path:
    """Write the page, with the units of the metrics and with samples shown where their plugins are still there."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.runs.page import write_page

    registry, recipe = default_registry(), recorded.recipe
    units: Mapping[str, str] = {}
    modality = None
    with contextlib.suppress(ZooError):
        units = registry.trainer(recipe.trainer).units
    with contextlib.suppress(ZooError):
        modality = registry.modality_of(recipe.architecture)
    return write_page(run, recorded, told, units, modality)


def _beginning(start: dict[str, Any] | None) -> str:
    """The model or run that the weights were taken from, or nothing."""
    if start is None:
        return ""
    revision = f", commit {start['revision']}" if "revision" in start else ""
    return f"{start['name']}{revision}, sha256 {start['sha256']}"


def _show(arguments: argparse.Namespace) -> None:
    from zoo.catalogue.runs.folder import read_run
    from zoo.catalogue.runs.summary import details

    recorded = read_run(arguments.run)
    told = details(arguments.run, recorded)
    if arguments.page:
        told["page"] = str(_page(arguments.run, recorded, told))
    if arguments.json:
        print(json.dumps([told], indent=1))
        return
    recipe, data = told["recipe"], told["data"]
    changed = told["changed"]
    lines = [
        ("name", told["name"]),
        ("state", told["state"] + (f": {told['problem']}" if told["problem"] else "")),
        ("examples", f"{told['examples']:,} of {told['wanted']:,}"),
        ("last", _figures(told["metrics"], _better(recipe["trainer"]))),
        ("when", told["when"]),
        ("recipe", f"{recipe['name']}: {recipe['architecture']} by {recipe['trainer']}, seed {recipe['seed']}"),
        ("began with", _beginning(recorded.facts.get("from"))),
        *(("changed", line) for line in (changed or (["nothing"] if changed is not None else []))),
        ("data", f"{data.get('name')}, {data.get('split')}, {data.get('count')} examples, sha256 {data.get('sha256')}"),
        ("versions", f"torch {told['torch']}, {told['threads']} threads"),
        *(("checkpoint", f"{one['examples']:,} examples, {one['state']}") for one in told["checkpoints"]),
        ("samples", f"{len(told['samples'])} grids, the last {told['samples'][-1]}" if told["samples"] else ""),
        ("page", told["page"]),
        *(("doctor", line) for line in told["findings"]),
        ("next", told["next"]),
    ]
    before = ""
    for key, value in lines:
        if value:
            start = f"{key + ':' if key != before else '':<14}"
            if key == "next":  # a command, to be pasted as it is
                print(start + value)
            else:
                say(start + plain(str(value)), indent=14 * " ")
            before = key
