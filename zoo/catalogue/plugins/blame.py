"""Whose code was running when something failed that nobody foresaw."""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Iterator

from zoo.catalogue.plugins.installed import installed
from zoo.errors import PluginError, ZooError

__all__ = ["plugin_errors"]


@contextlib.contextmanager
def plugin_errors() -> Iterator[None]:
    """Turn what is raised in here into a PluginError that names the plugin whose code was running, where one was.

    The one that is nearest to where it was raised. A reader that has gone and memory that is used up are nobody's
    fault; with ZOO_PLUGIN_ERRORS=raise an author sees everything as it is.
    """
    try:
        yield
    except (ZooError, BrokenPipeError, MemoryError):
        raise
    except Exception as error:
        told = "" if os.environ.get("ZOO_PLUGIN_ERRORS") == "raise" else _told(error)
        if not told or "allocate memory" in str(error):
            raise
        raise PluginError(told) from error


def _told(error: Exception) -> str:
    owners = {one.value.partition(":")[0].partition(".")[0]: one for one in installed() if not one.ours}
    told = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__"))
        if owner := owners.get(module.partition(".")[0]):
            what = f"{type(error).__name__}: {error!s:.300}"
            look = f"`zoo plugins check {owner.namespace}` looks closer, ZOO_PLUGIN_ERRORS=raise shows the way there"
            told = f"plugin {owner.owner} failed in {module}, line {line} ({what}); {look}"
    return told
