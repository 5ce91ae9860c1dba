"""Whether figures that were measured again are the published ones: record beside record."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoo.catalogue.weights.measured import unlike
from zoo.catalogue.weights.records import key_of

__all__ = ["Agreement", "agreements", "meaning"]

WITHIN = 2.0  # standard deviations
OF_SAMPLES = (
    "{side} 2 standard deviations of the sample seeds (of the difference of two means over them); another training "
    "seed may differ more"
)
OF_TRAININGS = "{side} 2 standard deviations of {trainings} training seeds (as far as so few tell where one more lies)"


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """One published figure, and what was measured again."""

    key: str
    published: Mapping[str, Any]  # records
    again: Mapping[str, Any] | None  # of several trainings their mean and spread; None where nothing was measured again
    difference: float | None  # of the means
    allowed: float | None  # two standard deviations; None where there is no spread
    verdict: str  # "within", "outside", or why they do not compare
    trainings: int = 1  # with as many seeds

    @property
    def meaning(self) -> str:
        """What the verdict says, exactly."""
        return meaning(self.verdict, self.trainings)

    def to_json(self) -> dict[str, Any]:
        """As JSON-able data, `name` first."""
        again = None if self.again is None else self.again["value"]
        return {
            "name": self.key,
            "published": self.published["value"],
            "again": again,
            "difference": self.difference,
            "allowed": self.allowed,
            "verdict": self.verdict,
            "meaning": self.meaning,
            "trainings": self.trainings,
        }


def meaning(verdict: str, trainings: int) -> str:
    """A `verdict` "within" or "outside" in words, after so many `trainings`; another one is in words already."""
    if verdict not in ("within", "outside"):
        return verdict
    return (OF_SAMPLES if trainings == 1 else OF_TRAININGS).format(side=verdict, trainings=trainings)


def agreements(published: Sequence[Mapping[str, Any]], again: Sequence[Sequence[Mapping[str, Any]]]) -> list[Agreement]:
    """Each published record beside those of the same key that were measured `again`, of one training or several.

    After one training they agree, "within", where the means differ by at most 2 sqrt(s^2 + t^2), s and t being the
    spreads over the seeds of the samples. How much another training seed would differ is not in that. After n of them,
    with a seed each, the published figure is within where it differs from their mean by at most 2 t sqrt(1 + 1/n), t
    being the standard deviation of the n means: one more training of the same kind lies about so far.
    """
    known = [{key_of(record): record for record in records} for records in again]
    return [_agreement(record, [of[key_of(record)] for of in known if key_of(record) in of]) for record in published]


def _agreement(one: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> Agreement:
    if not others:
        why = "not measured again"
        if "concept" in (one.get("settings") or {}):
            why += ": a concept is fitted after training, by `zoo concept fit`, and then measured"
        return Agreement(key=key_of(one), published=one, again=None, difference=None, allowed=None, verdict=why)
    other, allowed = (others[0], _of_samples(one, others[0])) if len(others) == 1 else _of_trainings(others)
    difference = float(other["value"]) - float(one["value"])
    verdict = unlike(one, other)
    if not verdict:
        close = abs(difference) <= max(allowed or 0.0, 1e-9 * abs(float(one["value"])))
        verdict = "within" if close else "outside" if allowed is not None else "outside (one seed has no spread)"
    return Agreement(
        key=key_of(one),
        published=one,
        again=other,
        difference=difference,
        allowed=allowed,
        verdict=verdict,
        trainings=len(others),
    )


def _of_samples(one: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
    spreads = [record["spread"] for record in (one, other)]
    known = [spread for spread in spreads if spread is not None]
    return WITHIN * math.hypot(*known) if len(known) == len(spreads) else None


def _of_trainings(others: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], float]:
    """The mean over trainings, as a record with their spread, and how far another one may lie."""
    means = [float(other["value"]) for other in others]
    spread = statistics.stdev(means)
    told = {"value": statistics.fmean(means), "values": means, "spread": spread}
    return {**others[0], **told}, WITHIN * spread * math.sqrt(1 + 1 / len(means))
