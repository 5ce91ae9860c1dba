"""Whether figures that were measured again are the published ones: record beside record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoo.catalogue.weights.measured import unlike
from zoo.catalogue.weights.records import key_of

__all__ = ["Agreement", "agreements"]

WITHIN = 2.0  # standard deviations of the difference of two means over seeds


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """One published figure, and the one that was measured again."""

    key: str
    published: Mapping[str, Any]  # records
    again: Mapping[str, Any] | None  # None where it was not measured again
    difference: float | None  # of the means
    allowed: float | None  # twice the root of the sum of the squared spreads; None where there is no spread
    verdict: str  # "within", "outside", or why they do not compare

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
        }


def agreements(published: Sequence[Mapping[str, Any]], again: Sequence[Mapping[str, Any]]) -> list[Agreement]:
    """Each published record beside the one of the same key that was measured `again`.

    They agree, "within", where the means differ by at most 2 sqrt(s^2 + t^2), s and t being the spreads over the seeds
    of the samples. How much another training with another seed would differ is not in that: equal seeds are assumed.
    """
    known = {key_of(record): record for record in again}
    return [_agreement(record, known.get(key_of(record))) for record in published]


def _agreement(one: Mapping[str, Any], other: Mapping[str, Any] | None) -> Agreement:
    if other is None:
        return Agreement(
            key=key_of(one), published=one, again=None, difference=None, allowed=None, verdict="not measured again"
        )
    difference = float(other["value"]) - float(one["value"])
    spreads = [record["spread"] for record in (one, other)]
    known = [spread for spread in spreads if spread is not None]
    allowed = WITHIN * math.hypot(*known) if len(known) == len(spreads) else None
    verdict = unlike(one, other)
    if not verdict:
        close = abs(difference) <= max(allowed or 0.0, 1e-9 * abs(float(one["value"])))
        verdict = "within" if close else "outside" if allowed is not None else "outside (one seed has no spread)"
    return Agreement(
        key=key_of(one), published=one, again=other, difference=difference, allowed=allowed, verdict=verdict
    )
