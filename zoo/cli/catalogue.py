"""The verbs that ask the catalogue: list, info."""

from __future__ import annotations

import argparse
import json

from zoo.cli.output import complain, plain, show, takes_json

__all__ = ["info", "info_arguments", "list_arguments", "list_names"]


def list_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo list` takes."""
    from zoo.catalogue.contract.registry import PLURALS

    command.add_argument("pattern", nargs="?", default="*", help="wildcards: 'dcgan-*'")
    kinds = command.add_mutually_exclusive_group()
    for kind in PLURALS.values():
        kinds.add_argument(f"--{kind}", action="store_true")
    kinds.add_argument("--hub", action="store_true", help="models on the Hub, in the zoo's format, by anybody")
    takes_json(command)


def list_names(arguments: argparse.Namespace) -> None:
    """Print the names of a kind, and what is known of each."""
    if arguments.hub:
        from zoo.cli.hub import search

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


def info_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo info` takes."""
    command.add_argument("name")
    takes_json(command)


def info(arguments: argparse.Namespace) -> None:
    """Print what is known of a name."""
    from zoo.catalogue.questions import info as known

    data = known(arguments.name)
    if arguments.json:
        print(json.dumps([data], indent=1))
        return
    for key, value in data.items():
        text = value if isinstance(value, str) else json.dumps(value)
        if text not in ("", "null", "{}", "[]"):
            print(f"{key + ':':<16}{plain(text)}")
