"""Whether a concept does what its name says, and nothing else: edits of held-out examples, judged by probes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from zoo.data.modality import Judge, Labelled, modality_of
from zoo.errors import DataError, UsageError
from zoo.latent.concepts import ConceptVector
from zoo.nn.abilities import Encodes

__all__ = ["ConceptReport", "StrengthRow", "measure_concept"]

STRENGTHS = (0.5, 1.0, 1.5, 2.0, 2.5, 2.75, 3.0, 3.25, 3.5, 4.0)
GOAL, DRIFT = 0.9, 0.1  # share that flips; share of the other property's decisions that may change
Box = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class StrengthRow:
    """What one strength does: shares in [0, 1], distances as root mean squares over values, of 1."""

    strength: float  # standard deviations, away from what the example is: added to negatives, taken from positives
    gained: float  # share of the negatives that the probe says have the property
    lost: float  # share of the positives that the probe says lack it
    gained_drift: float  # share of the negatives whose other property changes, against strength 0
    lost_drift: float  # the same of the positives
    inside: float  # how far examples move within the region
    outside: float  # and outside of it


@dataclass(frozen=True, kw_only=True)
class ConceptReport:
    """A concept, measured on examples that neither it, nor its model, nor the probes were fitted to."""

    name: str
    factor: str
    other: str  # the property that should stay
    positives: int
    negatives: int
    probe_auc: float
    probe_accuracy: float  # both sides counting the same, on real examples
    other_auc: float
    other_accuracy: float
    region: Box | None  # left, top, right, bottom in pixels
    real: Mapping[str, float]  # what the judges say of the examples as they are: a share of each kind of StrengthRow
    rows: tuple[StrengthRow, ...]  # the first of strength 0: what the probe says of reconstructions

    def to_json(self) -> dict[str, Any]:
        """The report as JSON-able data."""
        return asdict(self)

    def reached(self, side: str) -> StrengthRow | None:
        """The weakest measured strength at which 90 % of a side flip: "gained" or "lost"; None where there is none."""
        return next((row for row in self.rows if row.strength and asdict(row)[side] >= GOAL), None)


def measure_concept(
    model: Encodes,
    concept: ConceptVector,
    examples: Labelled,
    probe: Judge,
    other: Judge,
    *,
    strengths: Sequence[float] = STRENGTHS,
    region: Box | None = None,
    names: tuple[str, str] = ("", ""),
    classes: Tensor | None = None,
) -> ConceptReport:
    """Move examples (stored, with labels (N,) 1, 0, or below 0 for unknown) against what they are.

    Negatives move along the concept and positives back along it, by each of `strengths`; `probe` judges whether the
    property came or went, `other` whether another one changed on the way. `region` (left, top, right, bottom) splits
    the distance in pixels into that within it and that outside. `names` are the two properties', `classes` (N,) the
    examples' own, of a model that has some: an example keeps its class. Raises UsageError for strengths or a region
    that cannot be meant, DataError where a side is empty.
    """
    modality, (x, y) = modality_of(model), examples
    _check(x, strengths, region)
    sides = _sides(x, y)
    of = [None if classes is None else classes[y == value] for value in (1, 0)]
    z = [model.encode(modality.values(side), labels).mean for side, labels in zip(sides, of, strict=True)]
    still = [model.decode(latents, labels).cpu() for latents, labels in zip(z, of, strict=True)]
    before = [other.decide(pictures) for pictures in still]
    rows = []
    for strength in (0.0, *strengths):
        ends = [concept.apply(latents, sign * strength) for latents, sign in zip(z, (-1, 1), strict=True)]
        moved = [model.decode(latents, labels).cpu() for latents, labels in zip(ends, of, strict=True)]
        drift = [_share(other.decide(m) != b) for m, b in zip(moved, before, strict=True)]
        inside, outside = _distances(torch.cat(moved) - torch.cat(still), region)
        rows.append(
            StrengthRow(
                strength=strength,
                gained=_share(probe.decide(moved[1])),
                lost=_share(~probe.decide(moved[0])),
                gained_drift=drift[1],
                lost_drift=drift[0],
                inside=inside,
                outside=outside,
            )
        )
    return ConceptReport(
        name=concept.name,
        factor=names[0],
        other=names[1],
        positives=len(sides[0]),
        negatives=len(sides[1]),
        probe_auc=probe.auc,
        probe_accuracy=probe.accuracy,
        other_auc=other.auc,
        other_accuracy=other.accuracy,
        region=region,
        real=_of_real([modality.values(side) for side in sides], before, probe, other),
        rows=tuple(rows),
    )


def _of_real(sides: Sequence[Tensor], before: Sequence[Tensor], probe: Judge, other: Judge) -> dict[str, float]:
    """What stands in the place of edits: the other side's examples as they are, by the probe; and of the same examples
    how many the second judge takes for another property once they are encoded and decoded, which no edit can avoid.
    """
    positives, negatives = sides
    drift = [_share(other.decide(side) != still) for side, still in zip(sides, before, strict=True)]
    return {
        "gained": _share(probe.decide(positives)),
        "lost": _share(~probe.decide(negatives)),
        "gained_drift": drift[1],
        "lost_drift": drift[0],
    }


def _sides(x: Tensor, y: Tensor) -> list[Tensor]:
    """The examples that have the property, and those that lack it. Raises DataError where there are none."""
    sides = [x[y == value] for value in (1, 0)]
    if not all(len(side) for side in sides):
        raise DataError(f"{len(sides[0])} examples have the property and {len(sides[1])} lack it; both are needed")
    return sides


def _check(x: Tensor, strengths: Sequence[float], region: Box | None) -> None:
    if not strengths or not all(math.isfinite(s) and s > 0 for s in strengths):
        raise UsageError(f"strengths are {list(strengths)}; they must be finite and above 0")
    if region is None:
        return
    left, top, right, bottom = region
    if not (0 <= left < right <= x.shape[-1] and 0 <= top < bottom <= x.shape[-2]):
        raise UsageError(f"region {region} is none of {x.shape[-1]}x{x.shape[-2]}: left, top, right, bottom in pixels")


def _share(decisions: Tensor) -> float:
    return float(decisions.float().mean())


def _distances(change: Tensor, region: Box | None) -> tuple[float, float]:
    """Root mean squares of a change (N, C, H, W) within the region and outside of it; without one, all is outside."""
    within = torch.zeros(change.shape[-2:], dtype=torch.bool)
    if region is not None:
        left, top, right, bottom = region
        within[top:bottom, left:right] = True
    squares = change.square()
    inside = float(squares[..., within].mean().sqrt()) if region is not None else 0.0
    return inside, float(squares[..., ~within].mean().sqrt())
