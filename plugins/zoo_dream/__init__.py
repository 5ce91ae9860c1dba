"""DeepDream: photos changed until a pretrained network sees more of what it saw in them. Specs only; no torch."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from zoo.api import API_VERSION, CommandSpec, PluginContext, hookimpl

if TYPE_CHECKING:
    from zoo_dream.dreaming import dream, zoom

__all__ = ["dream", "zoom"]

ZOO_API_VERSION = API_VERSION


@hookimpl
def zoo_commands(context: PluginContext) -> Iterable[CommandSpec]:
    """The verb `dream`."""
    return [
        CommandSpec(
            name="dream",
            summary="Change a photo until a network sees more of what it saw in it (DeepDream).",
            run="zoo_dream.command:run",
            arguments="zoo_dream.command:arguments",
        )
    ]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'zoo_dream' has no attribute {name!r}")
    return getattr(importlib.import_module("zoo_dream.dreaming"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
