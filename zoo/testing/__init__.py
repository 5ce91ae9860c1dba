"""The conformance kit: what a plugin owes, checked. `docs/conformance.md` is its page.

engine.check_plugin("acme")                      a Verdict, for the command line and for programs
test_conformance = conformance("acme")           one pytest test for each spec and check, by the same engine
"""

from __future__ import annotations

from zoo.testing.front import conformance
from zoo.testing.verdict import LEVELS, VERSION, CheckResult, Outcome, Verdict

__all__ = ["LEVELS", "VERSION", "CheckResult", "Outcome", "Verdict", "conformance"]


def __dir__() -> list[str]:
    return sorted(__all__)
