"""The verb `compare`: what models are recorded to have, side by side with their samples, ranked where it can be."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.catalogue.weights.records import SAYS_LITTLE, not_recorded
from zoo.cli.examples import loaded, located, takes_device
from zoo.cli.lines import say
from zoo.cli.output import table, takes_json, takes_offline
from zoo.errors import UsageError

if TYPE_CHECKING:
    from zoo.catalogue.weights.folder import Folder

__all__ = ["compare", "compare_arguments"]

SHOWN, MOST = 8, 64  # samples of each model, by default and at most
PAGE = ".html"
Row = dict[str, Any]


def compare_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo compare` takes."""
    command.add_argument("names", nargs="+", metavar="MODEL", help="names, ./folders, hf://org/repo")
    takes_offline(command)
    takes_device(command)
    text = "one order of all, the best first, by this metric; refused where the figures do not compare"
    command.add_argument("--by", metavar="METRIC", default="", help=text)
    command.add_argument("--features", metavar="NAME", default="", help="the figures by this network, or by pixels")
    text = "their samples too: a row a model of one sheet, or a page with the figures (page.html)"
    command.add_argument("-o", "--output", metavar="FILE", help=text)
    command.add_argument("-n", type=int, default=SHOWN, help=f"samples of each model, with -o (default {SHOWN})")
    command.add_argument("--seed", type=int, default=0, help="of the samples: whole number from 0 (default 0)")
    takes_json(command)


def compare(arguments: argparse.Namespace) -> None:
    """Show what models are recorded to have, and their samples."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.measured import check_comparable, compared, recorded

    if not 1 <= arguments.n <= MOST:
        raise UsageError(f"-n is {arguments.n}; it must be a whole number from 1 to {MOST}")
    registry = default_registry()
    folders = [located(name) for name in dict.fromkeys(arguments.names)]
    found = [row for folder in folders for row in recorded(folder, registry, arguments.features)]
    rows = check_comparable(found, arguments.by) if arguments.by else compared(found)
    if arguments.output is not None:
        _draw(folders, rows, arguments)
    if arguments.json:
        print(json.dumps([{"name": row["name"]} | row for row in rows], indent=1))
        return
    shown = [_shown(row) for row in rows]
    table(shown, tuple(shown[0]))
    say(
        "rank: among figures of one network or judge, the same reference, settings and counts; values within one "
        "spread of another share a rank. floor: what as many held-out real examples have."
    )
    lacking = {row["name"]: not_recorded(row) for row in rows if not_recorded(row)}
    for name, fields in lacking.items():
        say(f"not recorded of some figures of {name}, which are of an older zoo: {', '.join(fields)}.")
    for why in dict.fromkeys(row["why"] for row in rows if row["why"]):
        say(f"not ranked: {why}.")
    if any(row["contaminated"] for row in rows):
        say(f"contaminated: {SAYS_LITTLE}.")


def _shown(row: Row) -> dict[str, str]:
    from zoo.catalogue.weights.card_figures import told, with_spread

    return {
        "figure": row["key"],
        "name": row["name"],
        "value": with_spread(row),
        "floor": "" if row["floor"] is None else told(row["floor"]),
        "better": row["better"],
        "rank": "contaminated" if row["contaminated"] else str(row["rank"] or "-"),
    }


def _draw(folders: Sequence[Folder], rows: Sequence[Row], arguments: argparse.Namespace) -> None:
    """Samples of each model, by the same seed: a row each of one sheet, or on a page beside the figures."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.cli.destination import check_output
    from zoo.data.modality import modality_of

    registry, out = default_registry(), Path(arguments.output)
    models = [loaded(folder, arguments.device) for folder in folders]
    suffixes = registry.modality(models[0].modality).suffixes
    check_output(out, (PAGE, *suffixes))
    drawn = [model.sample(arguments.n, seed=arguments.seed).cpu() for model in models]
    if out.suffix.lower() == PAGE:
        from zoo.cli.comparison_page import write_comparison

        write_comparison(out, list(zip(folders, models, drawn, strict=True)), [_shown(row) for row in rows])
    elif len({x.shape[1:] for x in drawn}) > 1 or len({model.modality for model in models}) > 1:
        raise UsageError(f"{out}: these models' samples are of different shapes; no sheet holds them: end in .html")
    else:
        import torch

        modality_of(models[0]).write(torch.cat(drawn), out, columns=arguments.n, scale=3)
    if not arguments.json:
        print(f"{out}: {arguments.n} samples each of {', '.join(folder.name for folder in folders)}, in this order")
