"""A mutant: a reference plugin with one thing broken, and the check that must notice."""

from __future__ import annotations

from dataclasses import dataclass

from testing.mutants.damage import Damage
from testing.mutants.workshop import Change, nothing

Edit = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One thing broken."""

    fails: str  # the id of the check
    name: str
    says: str  # a part of the detail
    edits: tuple[Edit, ...] = ()
    weights: Damage = nothing
    pinned: Damage = nothing
    installed: Damage = nothing
    plugin: str = "acme"  # the reference, by its entry point

    @property
    def change(self) -> Change:
        """What is done to the reference."""
        damage = {"weights": self.weights, "pinned": self.pinned, "installed": self.installed}
        return Change(plugin=self.plugin, edits=self.edits, **damage)
