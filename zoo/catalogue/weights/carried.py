"""What an older zoo wrote of likelihood and concepts in sections of their own, as records: nothing is made up, and what
was not recorded is None.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zoo.errors import WeightsError

__all__ = ["SECTIONS", "carried"]

SECTIONS = ("likelihood", "concepts")
TURNED = {"gained": "negatives", "gained_drift": "negatives", "lost": "positives", "lost_drift": "positives"}
Told = dict[str, Any]


def carried(evaluation: Mapping[str, Any]) -> list[Told]:
    """The records of the sections `likelihood` and `concepts` of an evaluation.json; none where it has no such.

    Raises WeightsError for sections that are not as a zoo has written them.
    """
    try:
        found = list(_likelihood(evaluation["likelihood"])) if "likelihood" in evaluation else []
        return found + [one for concept in evaluation.get("concepts", {}).values() for one in _concept(concept)]
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        cause = f"{type(error).__name__}: {error!s:.80}"
        raise WeightsError(
            f"evaluation.json: {' or '.join(SECTIONS)} cannot be read ({cause}); measure anew"
        ) from error


def _record(metric: str, value: float, better: str, n_real: int, **known: Any) -> Told:
    found: Told = {"metric": metric, "value": float(value), "spread": None, "values": [value], "seeds": None}
    found |= {"better": better, "n_real": int(n_real), "n_fake": 0, "floor": None, "features": None}
    found |= {"contaminated": False, "reference": {"name": None, "split": None, "sha256": None}, "group": ""}
    found |= {"prior": "", "command": None, "versions": None, "device": None}
    return found | {"settings": {}, "details": {}, "judge": None} | known


def _likelihood(told: Mapping[str, Any]) -> Iterator[Told]:
    """Of nats, and of bits a value."""
    exact, torch = "bits_per_token" in told, told.get("torch")
    reference = {"name": told.get("data"), "split": told.get("split"), "sha256": None}
    known: Told = {"reference": reference, "seeds": [] if exact else [told["seed"]] if "seed" in told else None}
    known["versions"] = None if torch is None else {"torch": torch}
    if not exact:
        known["settings"] = {"latents": told["samples"], "binarised": told["binarised"]}
    details = {key: told[key] for key in ("standard_error", "monte_carlo_error", "negative_elbo") if key in told}
    yield _record("likelihood", told["nll"], "lower", told["examples"], **known, details=details)
    bits = told.get("bits_per_token", told.get("bits_per_dim"))
    if bits is not None:
        yield _record("bits", bits, "lower", told["examples"], **known)


def _concept(told: Mapping[str, Any]) -> Iterator[Told]:
    """Of each strength what was gained, lost, drifted and moved."""
    reference = {"name": told.get("data"), "split": "test", "sha256": None}
    judges = {
        key: {"tells": told[of], "accuracy": told[f"{kind}_accuracy"], "auc": told[f"{kind}_auc"]}
        | {"design": None, "learnt_from": None, "sha256": None}
        for key, of, kind in (("", "factor", "probe"), ("_drift", "other", "other"))
    }
    about = {"concept": told["name"], "factor": told["factor"], "keep": told["other"], "region": told["region"]}
    for row in told["rows"]:
        settings = about | {"strength": float(row["strength"])}
        for key, side in TURNED.items():
            drift = "_drift" if key.endswith("_drift") else ""
            known = {"reference": reference, "settings": settings, "judge": judges[drift]}
            yield _record(f"concept_{key}", row[key], "lower" if drift else "higher", told[side], **known)
        both = told["positives"] + told["negatives"]
        inside = {"inside": row["inside"]}
        yield _record(
            "concept_outside", row["outside"], "lower", both, reference=reference, settings=settings, details=inside
        )
