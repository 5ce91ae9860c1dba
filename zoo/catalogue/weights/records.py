"""evaluation.json: the form in which figures are kept, one record each, and what is read of a file of another form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.errors import WeightsError

__all__ = ["FORMAT", "SAYS_LITTLE", "current", "features_of", "key_of", "leading", "records_of"]

FORMAT = 2
UNCHANGED = ("likelihood", "concepts", "model_sha256")  # the sections that an older zoo wrote as this one does
SAYS_LITTLE = "the model was trained against this network or a sister, so the figure does not say how good it is"
NEEDED = {"metric", "value", "spread", "seeds", "better", "n_real", "n_fake", "floor", "features", "contaminated"}
NEEDED |= {"reference", "command", "versions", "device"}
Told = dict[str, Any]


def current(evaluation: Mapping[str, Any]) -> Told:
    """What evaluation.json holds, as far as this zoo knows its form: of another one the sections that are as they were,
    and `outdated` where there is more, so that no figure is taken for what it is not. Raises WeightsError for no table.
    """
    if not isinstance(evaluation, Mapping):
        raise WeightsError("evaluation.json holds no table; measure anew")
    if not evaluation or evaluation.get("format") == FORMAT:
        return dict(evaluation)
    kept = {key: evaluation[key] for key in UNCHANGED if key in evaluation}
    return kept if len(kept) == len(evaluation) else kept | {"outdated": True}


def records_of(evaluation: Mapping[str, Any], where: str = "evaluation.json") -> list[Told]:
    """The records of a `current` evaluation, in order. Raises WeightsError for what is none."""
    records = evaluation.get("records", {})
    if not isinstance(records, dict):
        raise WeightsError(f"{where}: records must be a table, not a {type(records).__name__}; measure anew")
    for key, record in records.items():
        if not isinstance(record, dict) or not record.keys() >= NEEDED:
            lacking = ", ".join(sorted(NEEDED - record.keys())) if isinstance(record, dict) else "everything"
            raise WeightsError(f"{where}: the record {key:.80} lacks {lacking}; measure anew")
    return list(records.values())


def key_of(record: Mapping[str, Any]) -> str:
    """`frechet/efficientnet-lite0@5000`: the metric, the network where one looked, and how many samples, or examples
    where none were drawn; the class in brackets, and a prior that is not the model's default behind `#`.
    """
    seen = f"/{features_of(record)}" if record["features"] else ""
    group = f"[{record['group']}]" if record.get("group") else ""
    prior = f"#prior={record['prior']}" if record.get("prior") else ""
    return f"{record['metric']}{seen}@{record['n_fake'] or record['n_real']}{group}{prior}"


def features_of(record: Mapping[str, Any]) -> str:
    """The name of the network that looked; "" where none did."""
    return str(record["features"]["name"]) if record["features"] else ""


def leading(evaluation: Mapping[str, Any]) -> list[Told]:
    """The records that stand for the model: by its leading judge or by none, of all classes and the default prior, each
    metric by the most samples; none that are contaminated.
    """
    found: dict[str, Told] = {}
    for record in records_of(evaluation):
        judged = features_of(record) in ("", evaluation.get("leading"))
        if judged and not (record["contaminated"] or record.get("group") or record.get("prior")):
            known = found.get(record["metric"])
            if known is None or known["n_fake"] <= record["n_fake"]:
                found[record["metric"]] = record
    return list(found.values())
