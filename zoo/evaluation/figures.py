"""The figures of samples by one judge, and of a model by itself: a record each."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from zoo.catalogue.contract.references import blamed, import_reference
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.contract.specs import MetricSpec
from zoo.errors import DataError, PluginError, UsageError
from zoo.evaluation.classified import Classified
from zoo.evaluation.features import Observer, cached_vectors
from zoo.evaluation.likelihood import likelihood_settings
from zoo.evaluation.records import Origin, Record, record_of
from zoo.evaluation.subject import LATENTS, LIKELY, MOST_CODED, Subject
from zoo.nn.sampling import Progress

__all__ = [
    "CLASSIFIED",
    "CODING",
    "LEAST",
    "Chosen",
    "Figure",
    "Sets",
    "asked_metrics",
    "default_metrics",
    "figures_by",
    "figures_of",
]

CODING = ("elbo", "reconstruction", "kept")  # the metrics of how a model codes, which look at some examples
CLASSIFIED, LIKELIHOOD = "classified", "likelihood"  # the metrics that say more than a number
LEAST = 6  # examples of each set: density and coverage look at the fifth neighbour


class Figure(NamedTuple):
    """A metric, found."""

    name: str  # full: `acme/farthest`
    spec: MetricSpec
    code: Callable[..., object]


@dataclass(frozen=True, kw_only=True)
class Sets:
    """Samples of each seed, and the real examples that they stand beside; all (N, *data_shape), stored or in [0, 1]."""

    drawn: Sequence[Tensor]
    reference: Tensor  # at random, of those that the model has learnt from
    unseen: Tensor | None  # at random, of the held-out ones; None without any


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The metrics that are asked for, by what they look at."""

    features: tuple[Figure, ...]
    model: tuple[Figure, ...]


def default_metrics(registry: Registry) -> tuple[str, ...]:
    """The names of the metrics that are taken where none is asked for."""
    known = registry.list("metric")
    return tuple(one.name for one in known if isinstance(one.spec, MetricSpec) and "default" in one.spec.tags)


def asked_metrics(names: Sequence[str], registry: Registry) -> Chosen:
    """The metrics of those names, or those that are taken by default, with their code.

    Raises NotFoundError for an unknown name with near ones, PluginError where the code cannot be imported.
    """
    taken = dict.fromkeys(names or default_metrics(registry))
    specs = [(name, registry.metric(name)) for name in taken]
    found = [
        Figure(name, spec, import_reference(spec.metric, f"metric {name}", spec.install_hint)) for name, spec in specs
    ]
    of = {looks: tuple(one for one in found if one.spec.of == looks) for looks in ("features", "model")}
    return Chosen(features=of["features"], model=of["model"])


def figures_by(
    judge: tuple[Observer, bool],
    sets: Sets,
    metrics: Sequence[Figure],
    origin: Origin,
    *,
    group: str = "",
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> list[Record]:
    """What a judge (and whether it is contaminated) says of samples against real examples: a record a metric.

    Where there are fewer held-out examples than samples, a second record is of as many samples as those, so that it has
    a floor: most figures depend on the count. Vectors are kept in `cache_dir`. Raises UsageError for fewer than 6
    samples or real examples, DataError for samples that cannot be stored, PluginError for a metric that fails.
    """
    count = min(map(len, sets.drawn))
    if count < LEAST or len(sets.reference) < LEAST:
        raise UsageError(f"{count} samples and {len(sets.reference)} real examples; take at least {LEAST} of each")
    groups = [sets.reference, *sets.drawn, *([] if sets.unseen is None else [sets.unseen])]
    total, done, seen = sum(map(len, groups)), 0, []
    for x in groups:
        step = None if progress is None else _behind(progress, done, total)
        seen.append(_vectors(x, judge[0], cache_dir, step))
        done += len(x)
    real, fakes = seen[0], seen[1 : len(sets.drawn) + 1]
    unseen = None if sets.unseen is None else seen[-1]
    counts = [count]
    if unseen is not None and LEAST <= len(unseen) < count:
        counts.append(len(unseen))
    found = [
        _record(figure, [fake[:n] for fake in fakes], real, unseen, origin, judge=judge, group=group)
        for n in counts
        for figure in metrics
    ]
    return [one for one in found if one is not None]


def figures_of(
    subjects: Sequence[Subject], metrics: Sequence[Figure], origin: Origin, observer: Observer
) -> list[Record]:
    """What models say themselves, of the samples of each seed: a record for each metric that they have."""
    found = []
    for figure in metrics:
        values = [_value(figure, subject) for subject in subjects]
        held = [value for value in values if value is not None]
        if len(held) == len(values):
            found.append(_of_model(figure, held, subjects, origin, observer))
    return found


def _of_model(
    figure: Figure, values: Sequence[float], subjects: Sequence[Subject], origin: Origin, observer: Observer
) -> Record:
    """The record of a metric of the model itself, with the held-out examples that it was asked of."""
    name, first = figure.name, subjects[0]
    if name == CLASSIFIED:
        return _classified(figure, values, [subject.classified for subject in subjects], origin, len(first.samples))
    report = first.coding if name in CODING else None
    real = len(first.held_out.data)
    if report is not None:
        real = report.kept.examples if name == "kept" and report.kept is not None else report.examples
        origin = replace(origin, reference=first.reference(MOST_CODED))
    seen = (observer, False) if name == "kept" else None
    if name != LIKELIHOOD:
        return record_of(name, values, origin, better=figure.spec.better, counts=(real, 0), judge=seen)
    origin = replace(origin, reference=first.reference(LIKELY))
    found = record_of(name, values, origin, better=figure.spec.better, counts=(min(real, LIKELY), 0))
    return replace(found, settings=likelihood_settings(first.model, LATENTS))


def _classified(
    figure: Figure, values: Sequence[float], said: Sequence[Classified], origin: Origin, samples: int
) -> Record:
    first = said[0]
    origin, counts = replace(origin, reference=first.reference), (first.asked, samples)
    found = record_of(figure.name, values, origin, better=figure.spec.better, counts=counts, floor=first.real)
    names = dict.fromkeys(name for one in said for name in one.told)
    shares = {name: statistics.fmean(one.told.get(name, 0.0) for one in said) for name in names}
    shares = dict(sorted(shares.items(), key=lambda row: -row[1]))
    return replace(found, judge=first.judge, details={"told": shares})


def _behind(progress: Progress, before: int, total: int) -> Progress:
    return lambda done, _: progress(before + done, total)


def _vectors(x: Tensor, observer: Observer, cache_dir: Path | None, progress: Progress | None) -> Tensor:
    try:
        return cached_vectors(x, observer, cache_dir, progress=progress)
    except DataError as error:
        raise DataError(f"samples or examples of shape {tuple(x.shape[1:])}: {error}") from error


def _record(
    figure: Figure,
    fakes: Sequence[Tensor],
    real: Tensor,
    unseen: Tensor | None,
    origin: Origin,
    *,
    judge: tuple[Observer, bool],
    group: str,
) -> Record | None:
    """None where the metric has no value for these."""
    spec, count = figure.spec, len(fakes[0])
    beside = real[:count] if spec.alike else real
    values = [value for fake in fakes if (value := _value(figure, fake, beside)) is not None]
    if len(values) < len(fakes):
        return None
    floor = _value(figure, unseen[:count], beside) if unseen is not None and len(unseen) >= count else None
    more: dict[str, Any] = {"counts": (len(beside), count), "floor": floor, "judge": judge, "group": group}
    return record_of(figure.name, values, origin, better=spec.better, **more)


def _value(figure: Figure, *given: object) -> float | None:
    """What the metric's code gives. Raises PluginError for what is no number."""
    with blamed(f"metric {figure.name} failed"):
        found = figure.code(*given)
    if found is None:
        return None
    if not isinstance(found, (int, float)) or not math.isfinite(found):
        raise PluginError(f"metric {figure.name} gives {found!r:.60}, no number; report it to its author")
    return float(found)
