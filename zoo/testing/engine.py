"""Runs the table of checks over one plugin: the one engine behind `zoo plugins check` and pytest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

import torch

from zoo.configs import near
from zoo.errors import UsageError, ZooError
from zoo.testing.subject import Item, NotApplicable, Subject
from zoo.testing.table import TABLE, Check
from zoo.testing.verdict import LEVELS, CheckResult, Outcome, Verdict

__all__ = ["Session", "check_plugin"]

NOTHING_RAN = "discovery.something-ran"  # the row of a spec that no check has looked at


def check_plugin(
    name: str,
    *,
    levels: Sequence[str] | None = None,
    progress: Callable[[str], None] | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> Verdict:
    """Check an installed plugin, named by its entry point, on all levels or some.

    `progress` is called with a line before each check. `expected_failures` maps "CHECK" or "CHECK SPEC" to the reason
    why it fails; a pass is then a failure. A plugin that cannot be loaded gives failed rows. Raises NotFoundError for
    a name that no entry point has, UsageError for an unknown level or a key that names no check.
    """
    for level in levels or ():
        if level not in LEVELS:
            raise UsageError(f"no level is named {level!r}{near(level, LEVELS)}; there are {', '.join(LEVELS)}")
    session = Session(Subject(name), expected_failures or {})
    rows = []
    for check, item in session.pairs(levels):
        if progress is not None:
            progress(f"{check.id} {item.name}")
        if row := session.row(check, item):
            rows.append(row)
    rows += [] if levels else session.unseen(rows)
    return Verdict(plugin=name, rows=tuple(rows), blocked=session.blocked)


class Session:
    """One plugin's checks, each evaluated once, when it is first asked for."""

    def __init__(self, subject: Subject, expected_failures: Mapping[str, str], table: Sequence[Check] = TABLE) -> None:
        self.subject, self.table, self.expected = subject, {check.id: check for check in table}, expected_failures
        for key in expected_failures:
            if key.partition(" ")[0] not in self.table:
                raise UsageError(f"expected failure {key!r}: no check is named so{near(key, self.table)}")
        self._rows: dict[tuple[str, str, str], CheckResult | None] = {}

    def pairs(self, levels: Sequence[str] | None = None) -> Iterator[tuple[Check, Item]]:
        """Every check and what it is to look at, the plugin first; no specs where it cannot be loaded."""
        whole = Item(kind="plugin", name=self.subject.name)
        wanted = [check for check in self.table.values() if levels is None or check.level in levels]
        yield from ((check, whole) for check in wanted if "plugin" in check.kinds)
        if all(self._passed(check, whole) for check in self.table.values() if check.gate):
            for item in self.subject.items:
                yield from ((check, item) for check in wanted if item.kind in check.kinds)

    @property
    def blocked(self) -> int:
        """How many checks were not run because one they need has failed."""
        return sum(row is None for row in self._rows.values())

    def row(self, check: Check, item: Item) -> CheckResult | None:
        """The row of a check; None where one that it needs has failed."""
        key = check.id, item.kind, item.name
        if key not in self._rows:
            needed = [self.table[id] for id in check.needs if item.kind in self.table[id].kinds]
            blocked = not all(self._passed(other, item) for other in needed)
            self._rows[key] = None if blocked else self._evaluate(check, item)
        return self._rows[key]

    def _passed(self, check: Check, item: Item) -> bool:
        row = self.row(check, item)
        return row is not None and row.outcome in ("passed", "not applicable", "unexpected pass")

    def _evaluate(self, check: Check, item: Item) -> CheckResult:
        since = time.perf_counter()
        outcome, detail = _run(check, self.subject, item)
        reason = self.expected.get(f"{check.id} {item.name}") or self.expected.get(check.id)
        shown: Outcome = outcome
        if reason and outcome == "failed":
            shown, detail = "expected failure", f"{reason} ({detail})"
        elif reason and outcome == "passed":
            shown, detail = "unexpected pass", f"it passes, and was expected to fail: {reason}"
        seconds = round(time.perf_counter() - since, 3)
        return CheckResult(
            check=check.id, spec=item.name, kind=item.kind, outcome=shown, detail=detail, seconds=seconds
        )

    def unseen(self, rows: Sequence[CheckResult]) -> list[CheckResult]:
        """A failed row for each spec that no check has looked at."""
        seen = {(row.kind, row.spec) for row in rows if row.outcome != "not applicable"}
        if not any(kind != "plugin" for kind, _ in seen):
            return []  # it did not load, and a row says so
        return [
            CheckResult(check=NOTHING_RAN, spec=item.name, kind=item.kind, outcome="failed", detail="no check ran")
            for item in self.subject.items
            if (item.kind, item.name) not in seen
        ]


def _run(check: Check, subject: Subject, item: Item) -> tuple[Literal["passed", "failed", "not applicable"], str]:
    """The outcome of one check and why; the global random state is left as it was."""
    try:
        if reason := check.spares(item):
            return "not applicable", reason
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            check.function(subject, item)
    except NotApplicable as reason:
        return "not applicable", str(reason)
    except (AssertionError, ZooError) as error:
        return "failed", " ".join(str(error).split())[:1000]
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's code may raise anything
        return "failed", " ".join(f"{type(error).__name__}: {error}".split())[:1000]
    return "passed", ""
