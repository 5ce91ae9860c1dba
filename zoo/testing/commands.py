"""Level `commands`: the verbs a plugin adds to the command line."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable
from typing import Any

from zoo.catalogue.contract.references import import_reference
from zoo.catalogue.contract.specs import CommandSpec
from zoo.testing.subject import Item, Subject, require

__all__ = ["arguments", "no_arguments", "runs"]


def runs(subject: Subject, item: Item) -> None:
    """What it runs can be imported, and takes the parsed arguments."""
    spec = item.of(CommandSpec)
    _takes(import_reference(spec.run, item.name), argparse.Namespace(), f"{spec.run} does not take one Namespace")


def no_arguments(item: Item) -> str:
    """What spares a verb that takes nothing from the check of its parser."""
    return "" if item.of(CommandSpec).arguments else "it takes no arguments"


def arguments(subject: Subject, item: Item) -> None:
    """Its parser can be built, and its help printed."""
    spec = item.of(CommandSpec)
    add = import_reference(spec.arguments, item.name)
    parser = argparse.ArgumentParser(prog=f"zoo {item.name}", description=spec.summary)
    _takes(add, parser, f"{spec.arguments} does not take one ArgumentParser")
    add(parser)
    parser.format_help()


def _takes(function: Callable[..., Any], argument: object, otherwise: str) -> None:
    require(callable(function), f"{function!r:.80} cannot be called")
    try:
        inspect.signature(function).bind(argument)
    except TypeError:
        fits = False
    else:
        fits = True
    require(fits, otherwise)
