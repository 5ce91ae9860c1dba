"""The verb `compare`: what models are recorded to have, side by side, ranked where it can be."""

from __future__ import annotations

import argparse
import json

from zoo.cli.examples import located
from zoo.cli.lines import say
from zoo.cli.output import table, takes_json, takes_offline

__all__ = ["compare", "compare_arguments"]


def compare_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo compare` takes."""
    from zoo.catalogue.weights.measured import CRITERIA

    command.add_argument("names", nargs="+", metavar="MODEL")
    takes_offline(command)
    text = "one order of all, the best first, by this figure; refused where the figures do not compare"
    command.add_argument("--by", choices=CRITERIA, default="", help=text)
    command.add_argument("--features", metavar="NAME", default="", help="the figures by this network, or by pixels")
    takes_json(command)


def compare(arguments: argparse.Namespace) -> None:
    """Show what models are recorded to have."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.measured import CRITERIA, ranked, recorded

    registry = default_registry()
    rows = ranked([recorded(located(name), registry, arguments.features) for name in arguments.names], arguments.by)
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    shown = [
        row
        | {key: f"{row[key]:.4f}" for key in CRITERIA}
        | {
            "rank": "contaminated" if row["contaminated"] else row["rank"] or "-",
            "by": row["network"],
            "samples": f"{row['samples']:,}",
        }
        for row in rows
    ]
    table(shown, ("name", "data", "by", "samples", *CRITERIA, "rank"))
    say(
        f"rank: by {arguments.by or CRITERIA[0]}, among figures of one network, the same data and as many samples. "
        "Distances: lower is better. Precision and recall: higher is better."
    )
    if any(row["contaminated"] for row in rows):
        say("contaminated: trained against this network or a sister; the figures do not say how good the model is.")
