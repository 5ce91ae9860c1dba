"""The engine: which checks run, what their outcomes are called, and what the counts say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from testing.mutants.table import MUTANTS
from testing.mutants.workshop import Change

from zoo.errors import NotFoundError, UsageError
from zoo.testing.engine import NOTHING_RAN, Session, check_plugin
from zoo.testing.subject import Item, NotApplicable, Subject, require
from zoo.testing.table import TABLE, Check, as_markdown
from zoo.testing.verdict import LEVELS, VERSION, CheckResult, Verdict

DOCUMENT = Path(__file__).parents[2] / "docs" / "conformance.md"


def passes(subject: Subject, item: Item) -> None:
    """It passes."""


def fails(subject: Subject, item: Item) -> None:
    """It fails."""
    require(1 == 2, "one is\nnot two")


def absent(subject: Subject, item: Item) -> None:
    """There is nothing to look at."""
    raise NotApplicable("nothing there")


def crashes(subject: Subject, item: Item) -> None:
    """It raises what it likes."""
    raise SystemExit(3)


def table(**functions: Any) -> tuple[Check, ...]:
    """Checks of every dataset: build.NAME for each function."""
    return tuple(Check(id=f"build.{key}", kinds=("dataset",), function=value) for key, value in functions.items())


def rows(session: Session) -> list[CheckResult]:
    """Of all pairs, in order."""
    return [row for check, item in session.pairs() if (row := session.row(check, item))]


@pytest.fixture
def subject(acme: Callable[[Change], Any]) -> Subject:
    """The reference plugin."""
    acme(Change())
    return Subject("acme")


def test_the_table_is_whole() -> None:
    """Ids are unique, of a known level and say what they check; what a check needs stands above it."""
    ids = [check.id for check in TABLE]
    assert len(set(ids)) == len(ids)
    for index, check in enumerate(TABLE):
        assert check.level in LEVELS
        assert check.sentence.endswith(".")
        assert set(check.needs) <= set(ids[:index])
        assert not check.gate or check.kinds == ("plugin",)


def test_the_document_holds_the_table() -> None:
    """docs/conformance.md lists every check with its sentence, as the code has them, and the version of the set."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert as_markdown() in text, "write the table anew: python -c 'from zoo.testing import table; …as_markdown()'"
    assert f"version {VERSION}" in text
    assert all(f"`{level}`" in text for level in LEVELS)


def test_an_unknown_name_or_level_is_named_with_what_is_near(subject: Subject) -> None:
    """A plugin that is not installed is NotFoundError, a level or check that does not exist UsageError."""
    with pytest.raises(NotFoundError, match="'acmee'; did you mean 'acme'"):
        check_plugin("acmee")
    with pytest.raises(UsageError, match="'biuld'; did you mean 'build'"):
        check_plugin("acme", levels=["biuld"])
    with pytest.raises(UsageError, match=r"did you mean 'datasets\.splits'"):
        check_plugin("acme", expected_failures={"datasets.split acme/dots": "none"})


def test_outcomes_and_counts(subject: Subject) -> None:
    """A failure, an exit, a pass and what does not apply are each a row and a count; a failure needs one line."""
    session = Session(subject, {}, table(one=passes, two=fails, three=absent, four=crashes))
    found = rows(session)
    assert [row.outcome for row in found] == ["passed", "failed", "not applicable", "failed"]
    assert [row.detail for row in found] == ["", "one is not two", "nothing there", "SystemExit: 3"]
    report = Verdict(plugin="acme", rows=tuple(found))
    assert report.counts == {
        "run": 3,
        "passed": 1,
        "failed": 2,
        "not applicable": 1,
        "expected failure": 0,
        "unexpected pass": 0,
        "blocked": 0,
    }
    assert not report.ok


def test_an_expected_failure_has_a_reason_and_an_unexpected_pass_fails(subject: Subject) -> None:
    """By check, or by check and spec: what fails is expected, with its reason; what passes is a failure."""
    for key in ("build.two", "build.two acme/dots"):
        session = Session(subject, {key: "not yet"}, table(one=passes, two=fails))
        found = rows(session)
        assert [row.outcome for row in found] == ["passed", "expected failure"]
        assert found[1].detail == "not yet (one is not two)"
        assert Verdict(plugin="acme", rows=tuple(found)).ok
    session = Session(subject, {"build.one": "not yet"}, table(one=passes))
    (row,) = rows(session)
    assert row.outcome == "unexpected pass"
    assert "not yet" in row.detail
    assert not row.ok


def test_a_check_is_not_run_when_one_that_it_needs_has_failed(subject: Subject) -> None:
    """It has no row, and is counted as blocked; so is what needs that one."""
    first, second, third = table(one=fails, two=passes, three=passes)
    second = Check(id=second.id, kinds=second.kinds, function=passes, needs=(first.id,))
    third = Check(id=third.id, kinds=third.kinds, function=passes, needs=(second.id,))
    session = Session(subject, {}, (first, second, third))
    assert [row.check for row in rows(session)] == ["build.one"]
    assert session.blocked == 2


def test_a_spec_that_no_check_has_looked_at_is_a_failure(subject: Subject) -> None:
    """Each spec of the plugin has a row that ran, or a failed one that says that none did."""
    session = Session(subject, {}, table(one=passes))
    found = rows(session)
    unseen = session.unseen(found)
    assert {(row.kind, row.spec) for row in unseen} == {(i.kind, i.name) for i in subject.items if i.kind != "dataset"}
    assert {row.check for row in unseen} == {NOTHING_RAN}
    assert not Verdict(plugin="acme", rows=(*found, *unseen)).ok


def test_a_report_without_rows_is_not_ok() -> None:
    """Nothing that ran is no success."""
    assert not Verdict(plugin="acme", rows=()).ok


def test_a_report_is_json(subject: Subject) -> None:
    """to_json gives name first, the verdict, the version of the check set, the counts, and every row with its level."""
    told: list[str] = []
    report = check_plugin("acme", levels=["package", "commands"], progress=told.append)
    data = json.loads(json.dumps(report.to_json()))
    assert list(data) == ["name", "ok", "version", "counts", "rows"]
    assert (data["name"], data["ok"], data["version"]) == ("acme", True, VERSION)
    assert data["counts"]["run"] == len(data["rows"]) == len(told) == 7
    assert {row["level"] for row in data["rows"]} == {"package", "commands"}
    assert told[-1] == "commands.arguments acme/hello"


def test_a_plugin_that_cannot_be_loaded_gives_rows_and_no_exception(acme: Callable[[Change], Any]) -> None:
    """What ends its process at import ends only that process: the rest is not run, and the report says why."""
    (mutant,) = (mutant for mutant in MUTANTS if mutant.name == "ends-the-process")
    acme(mutant.change)
    report = check_plugin("acme")
    assert [row.check for row in report.rows if not row.ok] == ["discovery.imports"]
    assert {row.kind for row in report.rows} == {"plugin"}
    assert report.blocked == 6
