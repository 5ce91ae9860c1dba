"""Run as `python -m zoo.testing.probe NAME ANSWER`: list a plugin's specs in this fresh process, and say what it saw.

ANSWER becomes a JSON file: `stage` and `error` where something failed ("imports", "hooks" or "specs"), `heavy` (heavy
packages that were imported), and `first` and `second`, the specs of two calls as plain data. Standard output and error
are left to the plugin: whatever stands there is its own.
"""

from __future__ import annotations

import inspect
import json
import sys
from dataclasses import asdict
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from zoo.catalogue.plugins.installed import GROUP, Installed, installed
from zoo.catalogue.plugins.loading import HOOKS, load_plugins

__all__ = ["probe"]

HEAVY = ("torch", "torchvision", "numpy", "huggingface_hub")


def probe(found: Installed) -> dict[str, Any]:
    """Import the plugin, look at its hooks, and call them twice."""
    try:
        module = EntryPoint(found.namespace, found.value, GROUP).load()
    except BaseException as error:  # noqa: BLE001 - SystemExit too: it is what is to be told
        return {"stage": "imports", "error": f"{type(error).__name__}: {error}"}
    loads = [load_plugins({}, [found])[0] for _ in range(2)]
    heavy = [name for name in HEAVY if name in sys.modules]
    if failure := next((plugin.error for plugin in loads if plugin.error), ""):
        return {"stage": _stage(module, failure), "error": failure, "heavy": heavy}
    first, second = ([_plain(spec) for spec in plugin.specs] for plugin in loads)
    return {"stage": "", "error": "", "heavy": heavy, "first": first, "second": second}


def _stage(module: object, error: str) -> str:
    """Where loading failed: at the API version, at a hook that is none or takes other arguments, or at its specs."""
    hooks = [name for name in dir(module) if name.startswith("zoo_")]
    if "plugin API" in error:
        return "imports"
    return "hooks" if any(name not in HOOKS or not _legal(getattr(module, name)) for name in hooks) else "specs"


def _legal(hook: object) -> bool:
    """Whether it is a function, marked by @hookimpl, of (context) or nothing, and no wrapper."""
    options = getattr(hook, "zoo_impl", None) if inspect.isroutine(hook) else None
    if not options or options.get("wrapper") or options.get("hookwrapper"):
        return False
    arguments = inspect.signature(hook).parameters.values()  # type: ignore[arg-type]
    return all(argument.name == "context" and argument.default is argument.empty for argument in arguments)


def _plain(spec: Any) -> dict[str, Any]:
    """The spec as JSON-able data, whatever it holds, dictionaries in their order."""
    data: dict[str, Any] = json.loads(json.dumps(asdict(spec), default=lambda value: f"<{type(value).__name__}>"))
    return {"type": type(spec).__name__, **data}


if __name__ == "__main__":
    (first, *_) = [one for one in installed() if one.namespace == sys.argv[1]]
    Path(sys.argv[2]).write_text(json.dumps(probe(first)), encoding="utf-8")
