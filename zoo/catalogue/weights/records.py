"""evaluation.json: the form in which figures are kept, one record each, and what is read of a file of another form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoo.catalogue.weights.carried import SECTIONS, carried
from zoo.errors import WeightsError

__all__ = [
    "FORMAT",
    "NOT_RECORDED",
    "SAYS_LITTLE",
    "current",
    "features_of",
    "key_of",
    "leading",
    "not_recorded",
    "records_of",
    "standing",
    "versions_of",
]

FORMAT = 2
NOT_RECORDED = "not recorded"
GOAL = 0.9  # the share that a concept must turn at the strength whose figures stand for it
KEYED = ("latents", "strength")  # settings that tell records of one metric apart
OF_A_CONCEPT = "concept_gained"  # the metric by which that strength is found
AS_IT_WAS = ("model_sha256",)  # what an older zoo wrote as this one does
LATER: dict[str, Any] = {"settings": {}, "details": {}, "judge": None}  # what records of before lack
SAYS_LITTLE = "the model was trained against this network or a sister, so the figure does not say how good it is"
NEEDED = {"metric", "value", "spread", "seeds", "better", "n_real", "n_fake", "floor", "features", "contaminated"}
NEEDED |= {"reference", "command", "versions", "device"}
Told = dict[str, Any]


def current(evaluation: Mapping[str, Any]) -> Told:
    """What evaluation.json holds, in this zoo's form: what an older one wrote of likelihood and concepts as records,
    in which what it did not record is None. `outdated` where there is more that is of another form, so that no figure
    is taken for what it is not. Raises WeightsError for no table, and for sections that are none.
    """
    if not isinstance(evaluation, Mapping):
        raise WeightsError("evaluation.json holds no table; measure anew")
    known = not evaluation or evaluation.get("format") == FORMAT
    kept = {key: value for key, value in evaluation.items() if key not in SECTIONS and (known or key in AS_IT_WAS)}
    found, there = carried(evaluation), kept.get("records", {})
    if found and isinstance(there, dict):
        kept["records"] = there | {key_of(one): one for one in found if key_of(one) not in there}
    lost = evaluation.keys() - {*SECTIONS, *AS_IT_WAS}
    return kept if known or not lost else kept | {"outdated": True}


def records_of(evaluation: Mapping[str, Any], where: str = "evaluation.json") -> list[Told]:
    """The records of a `current` evaluation, in order. Raises WeightsError for what is none."""
    records = evaluation.get("records", {})
    if not isinstance(records, dict):
        raise WeightsError(f"{where}: records must be a table, not a {type(records).__name__}; measure anew")
    for key, record in records.items():
        if not isinstance(record, dict) or not record.keys() >= NEEDED:
            lacking = ", ".join(sorted(NEEDED - record.keys())) if isinstance(record, dict) else "everything"
            raise WeightsError(f"{where}: the record {key:.80} lacks {lacking}; measure anew")
    return [LATER | record for record in records.values()]


def key_of(record: Mapping[str, Any]) -> str:
    """`frechet/efficientnet-lite0@5000`: the metric, the network where one looked, and how many samples, or examples
    where none were drawn; the class in brackets, or the concept; behind `#` a prior that is not the model's default,
    latents of each example, the strength of a concept.
    """
    settings = record.get("settings", {})
    seen = f"/{features_of(record)}" if record["features"] else ""
    named = record.get("group") or settings.get("concept")
    group = f"[{named}]" if named else ""
    tail = {"prior": record.get("prior") or None} | {key: settings.get(key) for key in KEYED}
    more = ",".join(f"{key}={_short(value)}" for key, value in tail.items() if value is not None)
    return f"{record['metric']}{seen}@{record['n_fake'] or record['n_real']}{group}{more and '#'}{more}"


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def features_of(record: Mapping[str, Any]) -> str:
    """The name of the network that looked; "" where none did."""
    return str(record["features"]["name"]) if record["features"] else ""


def not_recorded(record: Mapping[str, Any]) -> list[str]:
    """The fields that an older zoo did not keep, in words; none of a record of today."""
    judge, versions = record["judge"] or {}, record["versions"] or {}
    fields = {
        "sha256 of the examples": record["reference"]["sha256"],
        "seeds": record["seeds"],
        "design and sha256 of the judge": judge.get("design", ""),
        "command": record["command"],
        "genzoo": versions.get("genzoo"),
        "torch": versions.get("torch"),
        "device": record["device"],
    }
    return [name for name, value in fields.items() if value is None]


def versions_of(record: Mapping[str, Any]) -> str:
    """`genzoo 0.2.0, torch 2.13.0, cpu`: what computed a record, and where."""
    versions, device = record["versions"] or {}, record["device"]
    said = [f"{name} {versions.get(name) or NOT_RECORDED}" for name in ("genzoo", "torch")]
    return ", ".join([*said, device or f"device {NOT_RECORDED}"])


def standing(records: Sequence[Mapping[str, Any]]) -> list[Told]:
    """The records without those of a concept at other strengths than the weakest that turns 90 % of the examples
    without it; than the strongest where none does.
    """
    gained = [one for one in records if one["metric"] == OF_A_CONCEPT]
    at: dict[str | None, float | None] = {None: None}
    for name in dict.fromkeys(one["settings"]["concept"] for one in gained):
        own = [one for one in gained if one["settings"]["concept"] == name]
        enough = [one["settings"]["strength"] for one in own if one["value"] >= GOAL]
        at[name] = min(enough) if enough else max(one["settings"]["strength"] for one in own)
    asked = ((one, one["settings"]) for one in records)
    return [dict(one) for one, how in asked if how.get("strength") == at.get(how.get("concept"))]


def leading(evaluation: Mapping[str, Any]) -> list[Told]:
    """The records that stand for the model: by its leading judge or by none, of all classes and the default prior, each
    metric by the most samples, or examples and latents, and each concept at one strength; none that are contaminated.
    """
    found: dict[tuple[str, str | None], Told] = {}
    for record in standing(records_of(evaluation)):
        judged = features_of(record) in ("", evaluation.get("leading"))
        if judged and not (record["contaminated"] or record.get("group") or record.get("prior")):
            name = (record["metric"], record["settings"].get("concept"))
            if name not in found or _most(found[name]) <= _most(record):
                found[name] = record
    return list(found.values())


def _most(record: Mapping[str, Any]) -> tuple[int, int, int]:
    return record["n_fake"], 0 if record["n_fake"] else record["n_real"], record["settings"].get("latents") or 0
