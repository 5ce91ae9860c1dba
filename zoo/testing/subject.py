"""The plugin under test, what a check may ask of it, and how a check says what it found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, TypeVar

from zoo.catalogue.contract.registry import KINDS, Registry
from zoo.catalogue.plugins.installed import installed
from zoo.catalogue.plugins.loading import Plugin, discover, load_plugins, owned_by
from zoo.configs import near
from zoo.errors import NotFoundError

__all__ = ["FailedCheck", "Item", "NotApplicable", "Subject", "fresh_process", "require"]

LIMIT = 120  # seconds that a fresh process has, which may have to import torch
S = TypeVar("S")


class FailedCheck(AssertionError):
    """What was promised is not so; the message says what."""


class NotApplicable(Exception):
    """A named condition, such as absent data, that leaves a check nothing to look at."""


def require(condition: object, message: str) -> None:
    """Raise FailedCheck with the message unless the condition is true."""
    if not condition:
        raise FailedCheck(message)


@dataclass(frozen=True, kw_only=True)
class Item:
    """What a check is run on: a spec under its full name, or (`spec` None, kind "plugin") the plugin itself."""

    kind: str
    name: str
    spec: Any = None

    def of(self, cls: type[S]) -> S:
        """The spec, known to be of that class."""
        assert isinstance(self.spec, cls)
        return self.spec


class Subject:
    """An installed plugin, by the name of its entry point. Raises NotFoundError where there is none.

    Its own code is imported here only after a process of its own has survived that.
    """

    def __init__(self, name: str) -> None:
        known = installed()
        self.name = name
        self.points = [point for point in known if point.namespace == name]
        if not self.points:
            hint = (
                near(name, sorted({point.namespace for point in known})) or "; `zoo plugins list` shows what there is"
            )
            raise NotFoundError(f"no plugin is named {name!r:.100}{hint}")
        self.point = self.points[0]

    @property
    def distribution(self) -> Distribution | None:
        """The installed distribution that the entry point came with."""
        try:
            return distribution(self.point.distribution)
        except PackageNotFoundError:
            return None

    @cached_property
    def plugin(self) -> Plugin:
        """The plugin as the zoo loads it, in this process."""
        (plugin,) = load_plugins({}, [self.point])
        return plugin

    @cached_property
    def registry(self) -> Registry:
        """The catalogue: this plugin, enabled, and all others as the environment has them."""
        disabled = ",".join([os.environ.get("ZOO_PLUGINS_DISABLE", ""), self.name])
        others = load_plugins({**os.environ, "ZOO_PLUGINS_DISABLE": disabled})
        plugins = [self.plugin, *(plugin for plugin in others if plugin.namespace != self.name)]
        return discover({"ZOO_PLUGIN_ERRORS": "ignore"}, plugins)

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """The plugin's specs under their full names, in the order it gives them."""
        return tuple(Item(kind=KINDS[type(one.spec)], name=one.name, spec=one.spec) for one in owned_by(self.plugin))

    @cache  # noqa: B019 - a subject lives as long as its report is made
    def probe(self, hash_seed: int) -> Mapping[str, Any]:
        """What a fresh process, with this plugin alone and that PYTHONHASHSEED, saw of it: see `zoo.testing.probe`."""
        answer, code, output = fresh_process("zoo.testing.probe", self.name, hash_seed=hash_seed)
        if answer is None:
            last = output.strip().splitlines()[-1:] or ["no output"]
            return {"stage": "imports", "error": f"importing it ended the process: {code} ({last[0]:.200})"}
        return {**answer, "output": output}


def fresh_process(module: str, *arguments: str, hash_seed: int = 0) -> tuple[Any, str, str]:
    """Run `python -m MODULE ARGUMENTS… ANSWER` with the same sys.path; ANSWER is a JSON file the module is to write.

    Gives what the file holds (None where there is no file), how the process ended, and all it printed.
    """
    with tempfile.TemporaryDirectory(prefix="zoo-check-") as folder:
        answer = Path(folder) / "answer.json"
        env = {key: value for key, value in os.environ.items() if not key.startswith("ZOO_PLUGIN")}
        paths = [os.path.abspath(path) for path in sys.path]
        env |= {"PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": str(hash_seed)}
        command = [sys.executable, "-P", "-m", module, *arguments, str(answer)]
        try:
            done = subprocess.run(command, env=env, cwd=folder, capture_output=True, timeout=LIMIT, check=False)
        except subprocess.TimeoutExpired:
            return None, f"it took more than {LIMIT} s", ""
        output = (done.stdout + done.stderr).decode("utf-8", "replace")
        found = json.loads(answer.read_text(encoding="utf-8")) if answer.is_file() else None
        return found, f"exit code {done.returncode}", output
