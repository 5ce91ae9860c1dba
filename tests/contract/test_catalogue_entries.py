"""The installed catalogue as a whole. What each entry owes is checked by the conformance kit, beside this file."""

from __future__ import annotations

import pytest

import zoo
from zoo.catalogue.contract.registry import KINDS
from zoo.catalogue.plugins.loading import default_registry

REGISTRY = default_registry()
ENTRIES = list(REGISTRY.entries)


def test_every_name_has_one_owner() -> None:
    """No name of the installed catalogue is claimed twice, and nothing failed to load."""
    assert [key for key, claims in REGISTRY.entries.items() if len(claims) != 1] == []
    assert dict(REGISTRY.failures) == {}
    assert {"architecture", "dataset", "model", "trainer"} <= {kind for kind, _ in ENTRIES}


@pytest.mark.parametrize(("kind", "name"), [entry for entry in ENTRIES if entry[0] != "command"])
def test_every_entry_describes_itself(kind: str, name: str) -> None:
    """`info` knows an entry under its own kind, or what is looked up before it under the same name."""
    facts = zoo.info(name)
    assert facts["name"] == name
    kinds = list(KINDS.values())
    assert kinds.index(facts["kind"]) <= kinds.index(kind)
