"""What a card says of a model of tokens: what it copies, and which rules it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.catalogue.weights.metrics import TITLES
from zoo.catalogue.weights.records import records_of, versions_of

__all__ = ["what_it_writes", "written_rows"]


def what_it_writes(evaluation: Mapping[str, Any]) -> list[str]:
    """The Markdown lines of the records of a model of tokens."""
    first = next(one for one in records_of(evaluation) if one["metric"] == "copied")
    seeds = ", ".join(map(str, first["seeds"]))
    return [
        "## What it writes",
        "",
        f"| share of | {first['n_fake']:,} samples of each seed ({seeds}) | test examples |",
        "| --- | --- | --- |",
        *(f"| {' | '.join(row)} |" for row in written_rows(evaluation)),
        "",
        f"± is the standard deviation over the seeds. Computed by `{first['command']}` ({versions_of(first)}).",
        "",
    ]


def written_rows(evaluation: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Share of what, in samples and in test examples, empty where it is not known."""
    known, rules = {one["metric"]: one for one in records_of(evaluation)}, evaluation["written"]["rules"]
    rows = []
    for metric in ("copied", *rules):
        record = known[metric]
        spread = "" if record["spread"] is None else f" ± {record['spread']:.1%}"
        rows.append((TITLES.get(metric, metric), f"{record['value']:.1%}{spread}", _share(record["floor"])))
    if "wrong" in known:
        rows.append((TITLES["wrong"], "", _share(known["wrong"]["value"])))
    return rows


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
