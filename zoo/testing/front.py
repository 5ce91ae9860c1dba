"""The pytest front: `test_conformance = conformance("acme")`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["conformance"]


def conformance(name: str, *, expected_failures: Mapping[str, str] | None = None) -> Callable[..., None]:
    """A test function with one case for each spec of the installed plugin `name` and each check that concerns it.

    Assign it to a name that pytest collects: `test_conformance = conformance("acme")`. `expected_failures` maps "CHECK"
    or "CHECK SPEC" to a reason; such a case must fail. What does not apply is skipped with its reason. The plugin is
    loaded here, in a process of its own first. Raises NotFoundError for a name that no entry point has, UsageError for
    a key that names no check.
    """
    import pytest

    from zoo.testing.engine import Session
    from zoo.testing.subject import Subject

    session = Session(Subject(name), expected_failures or {})
    cases = [pytest.param(check, item, id=f"{item.name}-{check.id}") for check, item in session.pairs()]

    @pytest.mark.parametrize(("check", "item"), cases)
    def test(check: Any, item: Any) -> None:
        row = session.row(check, item)
        if row is None:
            pytest.skip(f"not run: a check that it needs has failed ({', '.join(check.needs)})")
        if row.outcome == "not applicable":
            pytest.skip(row.detail)
        if row.outcome == "expected failure":
            pytest.xfail(row.detail)
        if not row.ok:
            pytest.fail(f"{row.check} of {row.kind} {row.spec}: {row.detail}", pytrace=False)

    test.__doc__ = f"The plugin {name} keeps what the conformance kit asks of it."
    case: Callable[..., None] = test
    return case
