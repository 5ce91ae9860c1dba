"""What a card says of a model of tokens: what it copies, and which rules it keeps."""

from __future__ import annotations

from typing import Any

__all__ = ["what_it_writes", "written_rows"]


def what_it_writes(model: str, report: dict[str, Any]) -> list[str]:
    """The Markdown lines of the `written` part of evaluation.json; `model` is as the command takes it."""
    return [
        "## What it writes",
        "",
        f"| share of | {report['samples']:,} samples | test examples |",
        "| --- | --- | --- |",
        *(f"| {' | '.join(row)} |" for row in written_rows(report)),
        "",
        f"Computed by `zoo eval {model} --samples {report['samples']}` (seed 0).",
        "",
    ]


def written_rows(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Share of what, in samples and in test examples, empty where it is not known."""
    of_test = report["rules_of_test"] or {}
    pieces = f"pieces of {report['piece']} characters that stand in the training examples"
    rows = [(pieces, report["copied"], report["copied_of_test"])]
    rows += [(rule, share, of_test.get(rule)) for rule, share in report["rules"].items()]
    if report["wrong"] is not None:
        rows.append(("characters that come back as others, encoded and decoded", None, report["wrong"]))
    return [(what, _share(mine), _share(real)) for what, mine, real in rows]


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
