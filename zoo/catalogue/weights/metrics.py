"""The figures of an evaluation.json that stand for a model: what they are, which way is better, and which are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.weights.records import current, features_of, key_of, leading, not_recorded
from zoo.errors import NotFoundError, PluginError

__all__ = ["metrics_and_directions", "metrics_of", "title_of"]

TITLES = {  # of figures that no metric of the catalogue is
    "copied": "share of pieces of 25 characters that stand in the training examples",
    "wrong": "share of tokens that come back as others, encoded and decoded",
    "bits": "negative log-likelihood of held-out examples, bits a value (of text: a character)",
    "concept_gained": "share of examples without it that a judge says have it, moved along the concept",
    "concept_lost": "share of examples with it that a judge says lack it, moved back along the concept",
    "concept_gained_drift": "share of those moved along that a judge says have changed in what should stay",
    "concept_lost_drift": "share of those moved back that a judge says have changed in what should stay",
    "concept_outside": "how far moved examples change outside of the region, root mean square of 1",
}


def metrics_of(evaluation: Mapping[str, Any]) -> dict[str, float]:
    """What goes into the card's model-index: the key of a record -> its value. Contaminated figures are left out:
    whoever reads them there would compare them.
    """
    return {key_of(record): record["value"] for record in leading(current(evaluation))}


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
    its `floor`, what as many held-out examples have in its place; of a figure of an older zoo what is `not_recorded`.
    """
    rows = []
    for record in leading(current(evaluation)):
        network = features_of(record)
        seen = f", by {network}" if network else ""
        what = f"{title_of(record['metric'], registry)}{_settings(record)}{seen}"
        row = {"name": key_of(record), "value": record["value"], "better": record["better"], "what": what}
        row |= {"not_recorded": lacking} if (lacking := not_recorded(record)) else {}
        rows.append(row | {key: record[key] for key in ("spread", "floor") if record[key] is not None})
    return rows


def _settings(record: Mapping[str, Any]) -> str:
    """`, smile at strength 3` or `, with 1,000 latents each`."""
    how = record["settings"]
    if "concept" in how:
        return f": {how['concept']} at strength {how['strength']:g}"
    return f", with {how['latents']:,} latents each" if "latents" in how else ""
