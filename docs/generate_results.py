"""Write the tables of docs/results.md anew from the weights folders: `python docs/generate_results.py`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.catalogue.weights.card_figures import told, with_spread
from zoo.catalogue.weights.records import NOT_RECORDED, current, features_of, not_recorded, records_of, standing

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "results.md"
METRICS = ("frechet", "kernel", "precision", "recall", "density", "coverage", "diversity")
SAMPLES = ("model", "learnt from", "examples", "MB", "judge", "samples", *METRICS, "ratio", "verdict")
CODES = ("model", "off by (root mean square)", "kept", "negative ELBO")
LIKELY = ("model", "held-out examples", "latents of each", "nats an example", "standard error", "bits a value", "seeds")
CONCEPTS = ("model", "concept", "strength", "examples", "gained", "changed on the way", "lost", "changed on the way")
CONCEPTS += ("judges' AUC",)
TURNED = ("concept_gained", "concept_gained_drift", "concept_lost", "concept_lost_drift")
MEANT = ("model", "meant", "samples", "told as meant", "real ones told so", "of test examples", "classifier right for")
MEANT += ("told as",)
REAL = "by real ones"
WRITTEN = ("model", "learnt from", "examples", "MB", "bits a token", "copied", REAL, "rules kept", REAL)
NONE = "–"
Row = tuple[str, ...]


def folders() -> list[tuple[str, dict[str, Any], dict[str, Any], float]]:
    """Name, config.json, evaluation.json as far as its form is known, and megabytes of each bundled model."""
    found = []
    for path in sorted((ROOT / "weights").iterdir()):
        if not (path / "config.json").exists():
            continue
        config, measured = (json.loads((path / name).read_bytes()) for name in ("config.json", "evaluation.json"))
        size = sum(file.stat().st_size for file in path.iterdir()) / 1e6
        found.append((path.name, config, current(measured), size))
    return found


def _about(name: str, config: Mapping[str, Any], size: float) -> Row:
    link, data = f"[`{name}`](../weights/{name}/README.md)", f"`{config['data']['name']}`"
    examples, start = f"{config['training']['examples']:,}", config["training"].get("from", {})
    if "examples" in start:
        examples += f" after {start['examples']:,}"
    return link, data, examples, f"{size:.1f}"


def samples() -> list[Row]:
    """Two rows for each judge of each model's samples, the leading one first: what samples have, and the floor."""
    rows: list[Row] = []
    for name, config, measured, size in folders():
        near = measured.get("memorisation")
        seen = [one for one in records_of(measured) if one["features"] and not (one["group"] or one["prior"])]
        judges = list(dict.fromkeys((features_of(one), one["n_fake"]) for one in seen if one["metric"] in METRICS))
        judges.sort(key=lambda judge: judge[0] != measured.get("leading"))
        for place, judge in enumerate(judges):
            of = {one["metric"]: one for one in seen if (features_of(one), one["n_fake"]) == judge}
            spoilt = ", *contaminated*" if next(iter(of.values()))["contaminated"] else ""
            ratio = near["by_features"] if near and near["network"] == judge[0] else {"ratio": None}
            signs = NONE if ratio["ratio"] is None or near is None else ", ".join(near["signs"]) or "no sign"
            cells = [with_spread(of[metric]) if metric in of else NONE for metric in METRICS]
            floors = [NONE if metric not in of else _told(of[metric]["floor"]) for metric in METRICS]
            about = _about(name, config, size) if place == 0 else ("", "", "", "")
            rows.append((*about, judge[0] + spoilt, f"{judge[1]:,}", *cells, _told(ratio["ratio"]), signs))
            floor = _told(ratio["ratio_of_test"]) if ratio["ratio"] is not None else NONE
            rows.append(("", "", "", "", "*floor*", "", *floors, floor, ""))
    return rows


def _told(value: float | None) -> str:
    return NONE if value is None else told(value)


def codes() -> list[Row]:
    """A row for each model that encodes."""
    rows: list[Row] = []
    for name, config, measured, _ in folders():
        if "reconstruction" not in measured or _of_tokens(config):
            continue
        of = {one["metric"]: one for one in records_of(measured)}
        error, kept, bound = (of.get(metric) for metric in ("reconstruction", "kept", "elbo"))
        rows.append(
            (
                f"`{name}`",
                NONE if error is None else f"{error['value']:.1%}",
                NONE if kept is None else f"{kept['value']:.0%}, by {features_of(kept)}",
                NONE if bound is None else with_spread(bound),
            )
        )
    return rows


def written() -> list[Row]:
    """A row for each model of tokens."""
    rows: list[Row] = []
    for name, config, measured, size in folders():
        if not _of_tokens(config):
            continue
        of = {one["metric"]: one for one in records_of(measured)}
        bits = of.get("bits")
        rules = [of[rule] for rule in measured.get("written", {}).get("rules", ())]
        copied = of.get("copied", {"value": None, "spread": None, "floor": None})
        rows.append(
            (
                *_about(name, config, size),
                NONE if bits is None else _bits(bits),
                _share(copied["value"], copied["spread"]),
                _share(copied["floor"]),
                " and ".join(_share(one["value"], one["spread"]) for one in rules) or NONE,
                " and ".join(_share(one["floor"]) for one in rules) or NONE,
            )
        )
    return rows


def likelihoods() -> list[Row]:
    """A row for each way in which the likelihood of a model's held-out examples was measured."""
    rows: list[Row] = []
    for name, _, measured, _ in folders():
        found = records_of(measured)
        for nats in (one for one in found if one["metric"] == "likelihood"):
            alike = (nats["n_real"], nats["settings"])
            bits = [one for one in found if one["metric"] == "bits" and (one["n_real"], one["settings"]) == alike]
            how, error, of = nats["settings"], nats["details"].get("standard_error"), nats["reference"]
            binary = "binarised " if how.get("binarised") else ""
            rows.append(
                (
                    f"`{name}`",
                    f"{nats['n_real']:,} {binary}of `{of['name']}` ({of['split']})",
                    f"{how['latents']:,}" if how else "exactly",
                    with_spread(nats) if nats["spread"] is not None else f"{nats['value']:.2f}",
                    _told(error),
                    _bits(bits[0]) if bits else NONE,
                    _seeds(nats),
                    _lacking(nats),
                )
            )
    return rows


def _bits(record: Mapping[str, Any]) -> str:
    return with_spread(record) if record["spread"] else f"{record['value']:.3f}"


def _seeds(record: Mapping[str, Any]) -> str:
    if record["seeds"] is None:
        return NOT_RECORDED
    return ", ".join(map(str, record["seeds"])) or NONE


def _lacking(record: Mapping[str, Any]) -> str:
    return ", ".join(not_recorded(record)) or NONE


def concepts() -> list[Row]:
    """Two rows for each concept, at the strength that stands for it: of edited examples, and of real ones."""
    rows: list[Row] = []
    for name, _, measured, _ in folders():
        found = [one for one in standing(records_of(measured)) if "concept" in one["settings"]]
        for concept in dict.fromkeys(one["settings"]["concept"] for one in found):
            of = {one["metric"]: one for one in found if one["settings"]["concept"] == concept}
            gained, lost, drift = (of[metric] for metric in ("concept_gained", "concept_lost", "concept_gained_drift"))
            shares = [_share(of[metric]["value"], of[metric]["spread"]) for metric in TURNED]
            strength, keep = f"{gained['settings']['strength']:g}", drift["settings"]["keep"]
            count = f"{gained['n_real']:,} and {lost['n_real']:,}"
            judges = f"{gained['judge']['auc']:.3f}, of {keep} {drift['judge']['auc']:.3f}"
            rows.append((f"`{name}`", concept, strength, count, *shares, judges, _lacking(gained)))
            floors = [_share(of[metric]["floor"]) for metric in TURNED]
            rows.append(("", "*floor*", "", "", *floors, "", "floor" if gained["floor"] is None else ""))
    return rows


def meant() -> list[Row]:
    """A row for each model whose samples a classifier of real examples has judged."""
    rows: list[Row] = []
    for name, config, measured, _ in folders():
        for one in records_of(measured):
            if one["metric"] != "classified":
                continue
            others = [f"{told} {share:.1%}" for told, share in one["details"]["told"].items()][:3]
            samples = f"{one['n_fake']:,} of each of {len(one['seeds'])} seeds"
            share, judge = _share(one["value"], one["spread"]), one["judge"]
            real = _share(one["floor"]), f"{one['n_real']:,}"
            about = f"`{name}`", f"`{config['data']['name']}`"
            rows.append((*about, samples, share, *real, f"{judge['accuracy']:.1%}", ", ".join(others), _lacking(one)))
    return rows


def _of_tokens(config: Mapping[str, Any]) -> bool:
    """Whether its data are tokens, which have no range of values."""
    return "range" not in config["data"]


def _share(value: float | None, spread: float | None = None) -> str:
    return NONE if value is None else f"{value:.1%}" + ("" if spread is None else f" ± {spread:.1%}")


def table(head: Row, rows: list[Row]) -> str:
    """As Markdown."""
    lines = [head, tuple("---" for _ in head), *(rows or [tuple(NONE for _ in head)])]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(text: str) -> str:
    """The page with its tables made anew, each below the comment that names it."""
    tables = {"samples": table(SAMPLES, samples()), "codes": table(CODES, codes())}
    tables["written"] = table(WRITTEN, written())
    tables["likelihood"] = table((*LIKELY, NOT_RECORDED), likelihoods())
    tables["concepts"] = table((*CONCEPTS, NOT_RECORDED), concepts())
    tables["meant"] = table((*MEANT, NOT_RECORDED), meant())
    for name, found in tables.items():
        text, count = re.subn(rf"(<!-- table: {name} -->\n\n)(\|[^\n]*\n)*", lambda m, t=found: f"{m[1]}{t}\n", text)
        if count != 1:
            raise ValueError(f"{PAGE}: no place for the table of {name}")
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
