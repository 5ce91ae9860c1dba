"""Write the tables of docs/results.md anew from the weights folders: `python docs/generate_results.py`."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "results.md"
SAMPLES = (
    "model",
    "learnt from",
    "examples",
    "MB",
    "judge",
    "Fréchet",
    "as many",
    "floor",
    "precision",
    "recall",
    "as meant",
)
CODES = ("model", "off by (root mean square)", "kept", "negative ELBO", "negative log-likelihood")
REAL = "by real ones"
WRITTEN = ("model", "learnt from", "examples", "MB", "bits a token", "copied", REAL, "rules kept", REAL)
NONE = "–"


def folders() -> list[tuple[str, dict[str, Any], dict[str, Any], float]]:
    """Name, config.json, evaluation.json and megabytes of each bundled model."""
    found = []
    for path in sorted((ROOT / "weights").iterdir()):
        if not (path / "config.json").exists():
            continue
        config, told = (json.loads((path / name).read_bytes()) for name in ("config.json", "evaluation.json"))
        found.append((path.name, config, told, sum(file.stat().st_size for file in path.iterdir()) / 1e6))
    return found


def samples() -> list[tuple[str, ...]]:
    """A row for each judge of each model's samples, the leading one first."""
    rows = []
    for name, config, told, size in folders():
        spoilt = list(told.get("contaminated", {}).values())
        pixels = [told["pixels"]] if "pixels" in told else []
        judges = [told, *told.get("second", {}).values(), *pixels, *spoilt] if "frechet" in told else []
        for place, judge in enumerate(judges):
            about = (
                f"[`{name}`](../weights/{name}/README.md)",
                f"`{config['data']['name']}`",
                f"{config['training']['examples']:,}",
                f"{size:.1f}",
            )
            floor = judge.get("floor") or {}
            meant = told["classified"]["samples"] if place == 0 and "classified" in told else None
            rows.append(
                (
                    *(about if place == 0 else ("", "", "", "")),
                    judge["network"] + (", *contaminated*" if judge in spoilt else ""),
                    f"{judge['frechet']:.3g}",
                    *(f"{floor[key]:.3g}" if floor else NONE for key in ("frechet_of_samples", "frechet")),
                    f"{judge['precision']:.3f}",
                    f"{judge['recall']:.3f}",
                    NONE if meant is None else f"{meant:.1%}",
                )
            )
    return rows


def codes() -> list[tuple[str, ...]]:
    """A row for each model that encodes."""
    rows = []
    for name, _, told, _ in folders():
        if not {"reconstruction", "likelihood"} & set(told) or "written" in told:
            continue
        found = told.get("reconstruction", {})
        error, bound, kept = (found.get(key) for key in ("root_mean_square_error", "negative_elbo", "kept"))
        nats = told.get("likelihood", {}).get("nll")
        rows.append(
            (
                f"`{name}`",
                NONE if error is None else f"{error:.1%}",
                f"{kept['share']:.0%}, by {kept['network']}" if kept else NONE,
                NONE if bound is None else f"{bound:,.1f}",
                NONE if nats is None else f"{nats:.2f}",
            )
        )
    return rows


def written() -> list[tuple[str, ...]]:
    """A row for each model of tokens."""
    rows = []
    for name, config, told, size in folders():
        if "written" not in told:
            continue
        report, likelihood = told["written"], told.get("likelihood", {})
        bits = likelihood.get("bits_per_token")
        if bits is None and "nll" in likelihood:  # a bound, for all tokens of an example
            bits = likelihood["nll"] / config["data"]["shape"][0] / math.log(2)
        real = report["rules_of_test"] or {}
        shares = (" and ".join(f"{share:.1%}" for share in found.values()) for found in (report["rules"], real))
        rows.append(
            (
                f"[`{name}`](../weights/{name}/README.md)",
                f"`{config['data']['name']}`",
                f"{config['training']['examples']:,}",
                f"{size:.1f}",
                NONE if bits is None else f"{bits:.3f}",
                f"{report['copied']:.1%}",
                NONE if report["copied_of_test"] is None else f"{report['copied_of_test']:.1%}",
                *(text or NONE for text in shares),
            )
        )
    return rows


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """As Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(text: str) -> str:
    """The page with its tables made anew, each below the comment that names it."""
    tables = {"samples": table(SAMPLES, samples()), "codes": table(CODES, codes())}
    tables["written"] = table(WRITTEN, written())
    for name, found in tables.items():
        text, count = re.subn(rf"(<!-- table: {name} -->\n\n)(\|[^\n]*\n)*", lambda m, t=found: f"{m[1]}{t}\n", text)
        if count != 1:
            raise ValueError(f"{PAGE}: no place for the table of {name}")
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
