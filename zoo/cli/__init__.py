"""The command line: a file a verb family; `zoo.cli.main` is where it starts.

This file is a door too, for the verbs of plugins. A name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.cli.destination import check_output
    from zoo.cli.examples import device_of, takes_device
    from zoo.cli.lines import say
    from zoo.cli.output import complain, table
    from zoo.cli.progress import Bar, progress_to

__all__ = ["Bar", "check_output", "complain", "device_of", "progress_to", "say", "table", "takes_device"]

_HOMES = {
    **dict.fromkeys(("Bar", "progress_to"), "progress"),
    **dict.fromkeys(("complain", "table"), "output"),
    **dict.fromkeys(("device_of", "takes_device"), "examples"),
    "check_output": "destination",
    "say": "lines",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'zoo.cli' has no attribute {name!r}")
    return getattr(importlib.import_module(f"zoo.cli.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
