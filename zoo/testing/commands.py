"""Level `commands`: the verbs a plugin adds to the command line."""

from __future__ import annotations

import inspect

from zoo.catalogue.contract.references import import_reference
from zoo.catalogue.contract.specs import CommandSpec
from zoo.testing.subject import Item, Subject, require

__all__ = ["runs"]


def runs(subject: Subject, item: Item) -> None:
    """What it runs can be imported, and takes the list of arguments."""
    spec = item.of(CommandSpec)
    run = import_reference(spec.run, item.name)
    require(callable(run), f"{spec.run} cannot be called")
    try:
        inspect.signature(run).bind([])
    except TypeError:
        fits = False
    else:
        fits = True
    require(fits, f"{spec.run} does not take one list of arguments")
