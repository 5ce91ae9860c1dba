"""The records of what a concept does to examples: what is gained, lost, changed on the way, and moved."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from zoo.data.modality import Judge
from zoo.evaluation.concepts import ConceptReport
from zoo.evaluation.records import Origin, Record, judge_of, record_of

__all__ = ["Judges", "concept_records"]

Known = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Judges:
    """Who judges a concept: of each seed a judge of the property that it should change, and of one that should stay."""

    probes: Sequence[Judge]
    others: Sequence[Judge]
    learnt_from: Mapping[str, Any]  # name, split and sha256 of the real examples that they were fitted to


def concept_records(reports: Sequence[ConceptReport], judges: Judges, origin: Origin) -> list[Record]:
    """A record of each strength and kind: `concept_gained`, `concept_lost`, `concept_gained_drift`, `_lost_drift`, and
    `concept_outside`, whose `details` have the distance inside of the region.

    `reports` are of one concept, each by the `judges` of one seed, and in the order of the seeds of `origin`: what is
    drawn are the judges' weights and examples, so the spread says how far judges differ. The floor of what is gained
    or lost is what the judges say of real examples that have the property, or lack it; of a drift, how many examples
    only need to be encoded and decoded to be judged otherwise.
    """
    return [one for place in range(len(reports[0].rows)) for one in _of_strength(place, reports, judges, origin)]


def _of_strength(place: int, reports: Sequence[ConceptReport], judges: Judges, origin: Origin) -> Iterator[Record]:
    first, rows = reports[0], [report.rows[place] for report in reports]
    settings: Known = {"concept": first.name, "factor": first.factor, "keep": first.other}
    settings |= {"region": None if first.region is None else list(first.region), "strength": rows[0].strength}
    probe, other = (
        judge_of(fitted, tells, judges.learnt_from) | {"auc": statistics.fmean(one.auc for one in fitted)}
        for fitted, tells in ((judges.probes, first.factor), (judges.others, first.other))
    )
    sides = (
        ("gained", first.negatives, "higher", probe),
        ("lost", first.positives, "higher", probe),
        ("gained_drift", first.negatives, "lower", other),
        ("lost_drift", first.positives, "lower", other),
    )
    for key, count, better, judge in sides:
        floor = statistics.fmean(report.real[key] for report in reports)
        values = [getattr(row, key) for row in rows]
        found = record_of(f"concept_{key}", values, origin, better=better, counts=(count, 0), floor=floor)
        yield replace(found, settings=settings, judge=judge)
    both = first.positives + first.negatives
    moved = record_of("concept_outside", [rows[0].outside], replace(origin, seeds=()), better="lower", counts=(both, 0))
    yield replace(moved, settings=settings, details={"inside": rows[0].inside})
