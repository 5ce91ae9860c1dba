"""What a run of the conformance kit says: a row for each check of each spec, and the counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["LEVELS", "OUTCOMES", "VERSION", "CheckResult", "Outcome", "Verdict"]

VERSION = 5  # of the check set: raised when a check is added, removed or made stricter
LEVELS = (
    *("package", "discovery", "build", "behaviour", "weights", "datasets"),
    *("modalities", "families", "features", "trainers", "commands"),
)
Outcome = Literal["passed", "failed", "not applicable", "expected failure", "unexpected pass"]
OUTCOMES: tuple[Outcome, ...] = ("passed", "failed", "not applicable", "expected failure", "unexpected pass")


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """One check of one spec."""

    check: str  # "build.bad-config-refused"
    spec: str  # full name, "acme/tiny-gan"; of a check of the whole plugin the plugin's
    kind: str  # "plugin", "architecture", "dataset", "model", "trainer", "command", "feature", "family", "modality", …
    outcome: Outcome  # how it ended
    detail: str = ""  # why it failed, is expected to, or does not apply
    seconds: float = 0.0  # wall time, for information only

    @property
    def level(self) -> str:
        """Which of LEVELS the check is of."""
        return self.check.partition(".")[0]

    @property
    def ok(self) -> bool:
        """Whether this row is as it should be: an expected failure is, an unexpected pass is not."""
        return self.outcome not in ("failed", "unexpected pass")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """All rows of one plugin. `blocked` counts checks that were not run because one they need had failed."""

    plugin: str  # its entry point's name
    rows: tuple[CheckResult, ...]  # one for each check of each spec
    blocked: int = 0  # checks that were not run, since one they need had failed
    version: int = VERSION  # of the check set

    @property
    def ok(self) -> bool:
        """Whether something ran and every row is as it should be."""
        return bool(self.rows) and all(row.ok for row in self.rows)

    @property
    def counts(self) -> dict[str, int]:
        """How many checks were `run`, how many rows have each outcome, and how many were `blocked`."""
        by_outcome = Counter(row.outcome for row in self.rows)
        run = len(self.rows) - by_outcome["not applicable"]
        return {"run": run, **{name: by_outcome[name] for name in OUTCOMES}, "blocked": self.blocked}

    def to_json(self) -> dict[str, Any]:
        """The verdict as JSON-able data, `name` first."""
        rows = [{**asdict(row), "level": row.level} for row in self.rows]
        facts = {"name": self.plugin, "ok": self.ok, "version": self.version, "counts": self.counts}
        return {**facts, "rows": rows}
