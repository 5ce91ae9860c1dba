"""The figures of an evaluation.json that stand for a model: what they are, which way is better, and which are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.weights.records import current, features_of, key_of, leading
from zoo.errors import NotFoundError, PluginError

__all__ = ["metrics_and_directions", "metrics_of", "title_of"]

LIKELIHOOD = "negative_log_likelihood_nats"  # of the section that `zoo likelihood` writes
TITLES = {  # of figures that no metric of the catalogue is
    "copied": "share of pieces of 25 characters that stand in the training examples",
    "wrong": "share of tokens that come back as others, encoded and decoded",
    LIKELIHOOD: "negative log-likelihood, nats a held-out example",
}


def metrics_of(evaluation: Mapping[str, Any]) -> dict[str, float]:
    """What goes into the card's model-index: the key of a record -> its value. Contaminated figures are left out:
    whoever reads them there would compare them.
    """
    told = current(evaluation)
    found = {key_of(record): record["value"] for record in leading(told)}
    likelihood = told.get("likelihood")
    if isinstance(likelihood, dict) and likelihood.get("nll") is not None:
        found[LIKELIHOOD] = likelihood["nll"]
    return found


def title_of(metric: str, registry: Registry) -> str:
    """What a metric is, in words: its summary in the catalogue; its name where no plugin knows it."""
    if metric in TITLES:
        return TITLES[metric]
    try:
        return registry.metric(metric).summary
    except (NotFoundError, PluginError):
        return metric


def metrics_and_directions(evaluation: Mapping[str, Any], registry: Registry) -> list[dict[str, Any]]:
    """What was measured: `name`, `value`, which way is `better`, `what` it is; where known its `spread` over seeds and
    its `floor`, what as many held-out examples have in its place.
    """
    told, rows = current(evaluation), []
    for record in leading(told):
        network = features_of(record)
        seen = f", by {network}" if network else ""
        what = f"{title_of(record['metric'], registry)}{seen}"
        row = {"name": key_of(record), "value": record["value"], "better": record["better"], "what": what}
        rows.append(row | {key: record[key] for key in ("spread", "floor") if record[key] is not None})
    if LIKELIHOOD in (found := metrics_of(evaluation)):
        rows.append({"name": LIKELIHOOD, "value": found[LIKELIHOOD], "better": "lower", "what": TITLES[LIKELIHOOD]})
    return rows
