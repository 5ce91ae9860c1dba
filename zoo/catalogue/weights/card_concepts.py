"""What a card says of concepts: what judges of real examples say of edited ones, at each strength."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoo.catalogue.weights.records import NOT_RECORDED, versions_of

__all__ = ["COLUMNS", "about", "computed_by", "concepts", "strengths"]

COLUMNS = (
    "strength",
    "{factor} gained",
    "{other} changed",
    "{factor} lost",
    "{other} changed back",
    "inside",
    "outside",
)
SHARES = ("concept_gained", "concept_gained_drift", "concept_lost", "concept_lost_drift")
OUTSIDE = "concept_outside"
Record = Mapping[str, Any]


def concepts(records: Sequence[Record], data: str) -> list[str]:
    """The Markdown lines of the records of concepts, of a model of the dataset `data`."""
    lines = []
    own = [one for one in records if one["settings"].get("concept")]
    for name in dict.fromkeys(one["settings"]["concept"] for one in own):
        lines += _concept([one for one in own if one["settings"]["concept"] == name], data)
    return lines


def _concept(records: Sequence[Record], data: str) -> list[str]:
    first = records[0]
    settings, reference = first["settings"], first["reference"]
    words = {"factor": f"`{settings['factor']}`", "other": f"`{settings['keep']}`"}
    of = "" if reference["name"] in (None, data) else f" of `{reference['name']}`, other data than it was trained on"
    moved = "Values move by root mean squares, of 1, inside and outside of the region (left, top, right, bottom)."
    if not settings["region"]:
        moved = "Values move by root mean squares, of 1; without a region all of them count as outside."
    return [
        f"## Concept `{settings['concept']}`",
        "",
        f"{about(records)} They are the labelled examples of the split `{reference['split'] or NOT_RECORDED}`{of}, "
        "which nothing was fitted to; strengths are in standard deviations.",
        "",
        f"| {' | '.join(column.format(**words) for column in COLUMNS)} |",
        f"|{' --- |' * len(COLUMNS)}",
        *(f"| {' | '.join(row)} |" for row in strengths(records)),
        "",
        f"{moved} {computed_by(first)}",
        "",
    ]


def computed_by(record: Record) -> str:
    """By which command, with which versions, and on what."""
    command = f"by `{record['command']}`" if record["command"] else f"by a command that is {NOT_RECORDED}"
    return f"Computed {command} ({versions_of(record)})."


def strengths(records: Sequence[Record]) -> list[tuple[str, ...]]:
    """A row of each strength, as COLUMNS has it, and the floors below where they are known."""
    of = {(one["metric"], one["settings"]["strength"]): one for one in records}
    rows = []
    for strength in sorted({one["settings"]["strength"] for one in records}):
        shares = [_share(of[metric, strength]) if (metric, strength) in of else "" for metric in SHARES]
        moved = of.get((OUTSIDE, strength))
        ends = ("", "") if moved is None else (f"{moved['details']['inside']:.4f}", f"{moved['value']:.4f}")
        rows.append((f"{strength:g}", *shares, *ends))
    floors = {one["metric"]: one["floor"] for one in records if one["floor"] is not None}
    if floors:
        rows.append(("real", *(f"{floors[metric]:.1%}" if metric in floors else "" for metric in SHARES), "", ""))
    return rows


def _share(record: Record) -> str:
    return f"{record['value']:.1%}" + ("" if record["spread"] is None else f" ± {record['spread']:.1%}")


def about(records: Sequence[Record]) -> str:
    """What was moved, and who judged it."""
    of = {one["metric"]: one for one in records}
    gained, lost, drift = (of[metric] for metric in ("concept_gained", "concept_lost", "concept_gained_drift"))
    seeds = f"; ± is over judges of the seeds {', '.join(map(str, gained['seeds']))}" if gained["seeds"] else ""
    floors = ""
    if gained["floor"] is not None:
        floors = (
            " Below, what they say of real examples that have it, and lack it, and of examples encoded and decoded."
        )
    return (
        f"{gained['n_real']:,} examples without {gained['settings']['factor']} are moved along the concept, "
        f"{lost['n_real']:,} with it back by as much: {_judge(gained['judge'])}; {_judge(drift['judge'])}{seeds}."
        f"{floors}"
    )


def _judge(judge: Record) -> str:
    learnt = judge["learnt_from"]
    of = NOT_RECORDED if learnt is None else f"real {learnt['name']} ({learnt['split']})"
    return (
        f"a judge tells {judge['tells']} with an AUC of {judge['auc']:.3f} and an accuracy of {judge['accuracy']:.1%} "
        f"(design: {judge['design'] or NOT_RECORDED}; learnt from: {of})"
    )
