"""The table of checks. A check is one function of (subject, item); the first line of its docstring is its sentence."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from zoo.testing import discovery, package
from zoo.testing.subject import Item, Subject

__all__ = ["TABLE", "Check", "as_markdown"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing a plugin owes."""

    id: str  # "LEVEL.NAME"
    kinds: tuple[str, ...]  # what it is run on: "plugin" once, or every spec of these kinds
    function: Callable[[Subject, Item], None]  # raises FailedCheck, NotApplicable, or whatever the plugin raises
    needs: tuple[str, ...] = ()  # checks of the same item without which it says nothing
    gate: bool = False  # of the plugin: where it fails, no spec can be looked at
    spares: Callable[[Item], str] = lambda item: ""  # the reason why it does not apply, by what the spec declares

    @property
    def level(self) -> str:
        """Which level it is of."""
        return self.id.partition(".")[0]

    @property
    def sentence(self) -> str:
        """What must be so."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]


PLUGIN = ("plugin",)
SPECS = ("architecture", "dataset", "model", "trainer", "command")

TABLE: tuple[Check, ...] = (
    Check(id="package.record", kinds=PLUGIN, function=package.record),
    Check(id="package.entry-point", kinds=PLUGIN, function=package.entry_point, gate=True),
    Check(id="package.namespace", kinds=PLUGIN, function=package.namespace),
    Check(id="package.licence", kinds=PLUGIN, function=package.licence),
    Check(id="package.requires-zoo", kinds=PLUGIN, function=package.requires_zoo),
    Check(id="discovery.imports", kinds=PLUGIN, function=discovery.imports, gate=True, needs=("package.entry-point",)),
    Check(id="discovery.hooks", kinds=PLUGIN, function=discovery.hooks, gate=True, needs=("discovery.imports",)),
    Check(id="discovery.specs", kinds=PLUGIN, function=discovery.specs, gate=True, needs=("discovery.hooks",)),
    Check(id="discovery.light", kinds=PLUGIN, function=discovery.light, needs=("discovery.imports",)),
    Check(id="discovery.silent", kinds=PLUGIN, function=discovery.silent, needs=("discovery.imports",)),
    Check(id="discovery.same-twice", kinds=PLUGIN, function=discovery.same_twice, needs=("discovery.specs",)),
    Check(id="discovery.plain-data", kinds=SPECS, function=discovery.plain_data),
    Check(id="discovery.summary", kinds=SPECS, function=discovery.summary),
)


def as_markdown() -> str:
    """The table as Markdown: what `docs/conformance.md` holds."""
    lines = ["| check | of | what must be so |", "| --- | --- | --- |"]
    for check in TABLE:
        kinds = "every spec" if check.kinds == SPECS else ", ".join(check.kinds)
        lines.append(f"| `{check.id}` | {kinds} | {check.sentence} |")
    return "\n".join(lines) + "\n"
