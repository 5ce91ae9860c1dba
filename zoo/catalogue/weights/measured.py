"""What models are recorded to have been measured at, side by side: yardsticks, and ranks where figures compare."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zoo.catalogue.contract.references import resource
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.contract.specs import ModelSpec
from zoo.catalogue.weights.folder import Folder
from zoo.catalogue.weights.judges import is_contaminated, trained_against
from zoo.catalogue.weights.records import NOT_RECORDED, SAYS_LITTLE, current, features_of, key_of, records_of, standing
from zoo.errors import UsageError, ZooError

__all__ = ["check_comparable", "compared", "measured_on", "recorded", "unlike"]

Row = dict[str, Any]  # a record, with `name`, `key` and `rank` of the model beside it
OF_CONCEPTS = ("factor", "keep", "region", "strength")
ALIKE = (  # what must be the same in figures that compare: how it is called, what it is, and what to do
    ("data", lambda row: (row["reference"]["name"], row["reference"]["sha256"]), "measure both with the same --real"),
    ("networks", lambda row: (row["features"] or {}).get("name"), "name one with --features"),
    ("weights of the network", lambda row: (row["features"] or {}).get("sha256"), "measure anew"),
    ("resize rules", lambda row: (row["features"] or {}).get("resize"), "measure anew"),
    ("classes", lambda row: row.get("group"), "compare the same classes"),
    ("latents an example", lambda row: _settings(row).get("latents"), "measure anew with the same --samples"),
    ("kinds of values", lambda row: _settings(row).get("binarised"), "one model's examples are drawn as bits"),
    ("concepts", lambda row: [_settings(row).get(key) for key in OF_CONCEPTS], "measure both alike"),
    ("judges", lambda row: _judge(row), "measure anew"),
    ("numbers of samples", lambda row: row["n_fake"], "measure anew with `zoo eval MODEL --samples N --write`"),
    ("numbers of real examples", lambda row: row["n_real"], "measure anew with `zoo eval MODEL --real N --write`"),
)


def recorded(folder: Folder, registry: Registry, network: str = "") -> list[Row]:
    """The records of a folder, the leading judge's first, or those of the `network` of that name; of a concept those at
    the strength that stands for it. `name` and `key` stand beside each. Raises UsageError where there are none, saying
    why, and WeightsError for what is no record.
    """
    told = current(folder.evaluation())
    rows = standing(list(_rows(folder, told, registry)))
    lead = told.get("leading")
    rows.sort(key=lambda row: features_of(row) not in ("", lead))
    found = [row for row in rows if network in ("", features_of(row))]
    if found:
        return found
    seen = dict.fromkeys(name for row in rows if (name := features_of(row)))
    there = f"; it has some by {', '.join(seen)}" if seen else ""
    asked, whose = (f" --features {network}", f" by {network}") if network else ("", "")
    old = "figures of an older zoo alone, which do not compare"
    why = old if told.get("outdated") else f"no recorded figures{whose}"
    raise UsageError(f"{folder.name} has {why}{there}: `zoo eval {folder.name}{asked} --write` makes them")


def _rows(folder: Folder, told: Mapping[str, Any], registry: Registry) -> Iterator[Row]:
    """All records of a folder; whether one is contaminated is asked anew: a plugin may know of a sister since."""
    against = trained_against(folder.config())
    for record in records_of(told, f"{folder.name}: evaluation.json"):
        seen = record["features"]
        spoilt = bool(seen) and is_contaminated(seen["name"], seen["sha256"], against, registry)
        yield record | {"name": folder.name, "key": key_of(record), "contaminated": record["contaminated"] or spoilt}


def measured_on(of: Sequence[Mapping[str, Any]], registry: Registry) -> list[Row]:
    """The records of the bundled models that compare with one `of` those, the best first; a model that was not
    measured, or cannot be read, is left out.
    """
    found = []
    for owned in registry.list("model"):
        spec = owned.spec
        if not isinstance(spec, ModelSpec) or spec.weights is None or spec.weights.bundled is None:
            continue
        with contextlib.suppress(ZooError, KeyError):
            folder = Folder(name=owned.name, path=resource(spec.weights.bundled, owned.name))
            rows = list(_rows(folder, current(folder.evaluation()), registry))
            found += [row for row in rows if any(row["key"] == key_of(one) and not unlike(row, one) for one in of)]
    return sorted(found, key=_order)


def unlike(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Why two records do not compare; "" where they do."""
    for row in (one, other):
        if row["contaminated"]:
            return f"of {row.get('name', 'one')} {features_of(row)} says little: {SAYS_LITTLE}"
        if row["reference"]["sha256"] is None:
            what = f"the sha256 of the examples of {row.get('name', 'one')} is {NOT_RECORDED}"
            return f"{what}, by which others are known to be the same; measure anew"
    for what, of, then in ALIKE:
        if of(one) != of(other):
            return f"they are of different {what} ({_short(of(one))} and {_short(of(other))}); {then}"
    return ""


def _settings(row: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = row.get("settings") or {}
    return found


def _judge(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a judge is: another seed, or device, fits another one of the same kind, and the spread tells of that."""
    judge = row.get("judge") or {}
    return judge.get("tells"), judge.get("design"), (judge.get("learnt_from") or {}).get("sha256")


def _short(value: object) -> str:
    return ", ".join(str(part)[:40] for part in value) if isinstance(value, tuple) else str(value)


def compared(rows: Sequence[Row]) -> list[Row]:
    """The records of several models, grouped by key, each with its `rank` among those of the key that compare with it;
    None where none does, and then `why`. Two whose values lie within one spread of one another share the better rank.
    """
    found = []
    for key in dict.fromkeys(row["key"] for row in rows):
        group = sorted((row for row in rows if row["key"] == key), key=_order)
        for row in group:
            others = [one for one in group if one is not row]
            reasons = [unlike(row, one) for one in others]
            peers = [one for one, why in zip(others, reasons, strict=True) if not why]
            better = sum(_beats(one, row) for one in peers)
            why = next((why for why in reasons if why), "") if others else "no other model has this figure"
            found.append(row | {"rank": 1 + better if peers else None, "why": "" if peers else why})
    return found


def _order(row: Mapping[str, Any]) -> float:
    return float(row["value"]) if row["better"] == "lower" else -float(row["value"])


def _beats(one: Row, other: Row) -> bool:
    """Whether one value is better by more than the seeds explain: by the larger of the two spreads."""
    return _order(one) + max(one["spread"] or 0.0, other["spread"] or 0.0) < _order(other)


def check_comparable(rows: Sequence[Row], metric: str) -> list[Row]:
    """The rows of one metric, one of each model, the best first. Raises UsageError, which says why, where they cannot
    be put in one order.
    """
    names = list(dict.fromkeys(row["name"] for row in rows))
    of = [row for row in rows if row["metric"] == metric and not row.get("group") and not row.get("prior")]
    found: list[Row] = []
    for name in names:
        own = [row for row in of if row["name"] == name]
        if not own:
            there = ", ".join(dict.fromkeys(row["metric"] for row in rows if row["name"] == name))
            raise UsageError(f"{name} has no recorded {metric}; it has {there}")
        found.append(next((row for row in own if all(not unlike(row, one) for one in found)), own[0]))
    for row in found[1:]:
        if why := unlike(found[0], row):
            raise UsageError(f"the figures of {found[0]['name']} and {row['name']} do not compare: {why}")
    if len(found) == 1 and found[0]["contaminated"]:
        raise UsageError(f"{found[0]['name']}: {SAYS_LITTLE}")
    return [row for row in compared(found) if row]
