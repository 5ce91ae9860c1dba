"""Every check is failed by a plugin that is broken in just that way, and passed by the one it was made from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from testing.mutants.mutant import Mutant
from testing.mutants.table import IMMUTABLE, MUTANTS
from testing.mutants.workshop import REFERENCES, Change

from zoo.testing.engine import Session, check_plugin
from zoo.testing.subject import Item, Subject
from zoo.testing.table import TABLE
from zoo.testing.verdict import LEVELS

every_mutant = pytest.mark.parametrize("mutant", [pytest.param(m, id=f"{m.fails}-{m.name}") for m in MUTANTS])


def failed(report: Any) -> dict[str, str]:
    """The ids of the checks that failed, and why."""
    return {row.check: row.detail for row in report.rows if not row.ok}


def test_every_check_has_a_mutant() -> None:
    """No check stands in the table that no broken plugin fails, but those that are declared, with the reason."""
    ids = {check.id for check in TABLE}
    made = {mutant.fails for mutant in MUTANTS}
    assert made <= ids
    assert ids - made == set(IMMUTABLE)
    assert all(IMMUTABLE.values())
    assert len({(mutant.fails, mutant.name) for mutant in MUTANTS}) == len(MUTANTS)


def test_the_references_pass_everything(acme: Callable[..., Any]) -> None:
    """The plugins that the mutants are made from pass every check, each at least once, whatever they declare."""
    reports = []
    for plugin in REFERENCES:
        acme(Change(plugin=plugin))
        reports.append(report := check_plugin(plugin))
        assert failed(report) == {}
        assert report.ok
        assert report.blocked == 0
    rows = [row for report in reports for row in report.rows]
    assert {row.check for row in rows if row.outcome == "passed"} == {check.id for check in TABLE}
    assert {row.level for row in rows} == set(LEVELS)


@every_mutant
def test_a_mutant_fails_its_own_check(acme: Callable[..., Any], mutant: Mutant) -> None:
    """A mutant fails the check that is meant for it, and none that this one needs; the detail says what is wrong."""
    acme(mutant.change)
    session = Session(Subject(mutant.plugin), {})
    check = session.table[mutant.fails]
    items = [Item(kind="plugin", name=mutant.plugin)] if check.kinds == ("plugin",) else session.subject.items
    rows = [row for item in items if item.kind in check.kinds if (row := session.row(check, item))]
    assert not session.blocked
    found = [row.detail for row in rows if not row.ok]
    assert found
    assert all(mutant.says in detail for detail in found), found


@pytest.mark.slow
@every_mutant
def test_a_mutant_fails_no_other_check(acme: Callable[..., Any], mutant: Mutant) -> None:
    """On all levels together a mutant fails the check that is meant for it, and no other."""
    acme(mutant.change)
    found = failed(check_plugin(mutant.plugin))
    assert list(found) == [mutant.fails], found
