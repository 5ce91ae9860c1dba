"""The figures of an evaluation.json that stand for a model: their names, which way is better, and which are shown."""

from __future__ import annotations

from typing import Any

__all__ = ["FIGURES", "SAMPLES", "independent", "metrics_and_directions", "metrics_of"]

SAMPLES = ("frechet", "kernel", "precision", "recall")
ELSEWHERE = {  # a metric's name on the Hub -> the section and the keys it comes from
    "negative_log_likelihood_nats": ("likelihood", "nll"),
    "negative_elbo_nats": ("reconstruction", "negative_elbo"),
    "reconstruction_rmse": ("reconstruction", "root_mean_square_error"),
    "reconstructions_kept": ("reconstruction", "kept", "share"),
    "classified_as_meant": ("classified", "samples"),
}
FIGURES = {  # of `metrics_of`: what each is called, and which way is better
    "frechet": ("Fréchet distance", "lower"),
    "kernel": ("kernel distance", "lower"),
    "precision": ("precision", "higher"),
    "recall": ("recall", "higher"),
    "negative_log_likelihood_nats": ("negative log-likelihood, nats a held-out example", "lower"),
    "negative_elbo_nats": ("negative ELBO, nats a held-out example", "lower"),
    "reconstruction_rmse": ("reconstruction error of held-out examples, of 1", "lower"),
    "reconstructions_kept": ("share of reconstructions nearest to their own example", "higher"),
    "classified_as_meant": ("share of samples classified as what they were made for", "higher"),
}


def metrics_of(evaluation: dict[str, Any]) -> dict[str, float]:
    """What goes into the card's model-index: metric -> value. Figures by a network that the model was trained against
    are left out: whoever reads them there would compare them.
    """
    found = {key: evaluation[key] for key in SAMPLES if key in evaluation and independent(evaluation)}
    for name, path in ELSEWHERE.items():
        value: Any = evaluation
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            found[name] = value
    return found


def independent(evaluation: dict[str, Any]) -> bool:
    """Whether the leading figures are of a network that the model was not trained against, nor a sister of one."""
    return evaluation.get("independent") is not False


def metrics_and_directions(evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    """What was measured: `name`, `value`, which way is `better`, `what` it is; where known `floor`, what held-out
    examples have in its place, and `of_as_many`, what so many samples have.
    """
    floor = evaluation.get("floor") or {}
    rows = []
    for name, value in metrics_of(evaluation).items():
        what, better = FIGURES[name]
        row = {"name": name, "value": value, "better": better, "what": what}
        row |= {"floor": floor[name]} if name in floor else {}
        rows.append(row | ({"of_as_many": floor[f"{name}_of_samples"]} if f"{name}_of_samples" in floor else {}))
    return rows
