"""What was measured of a model, kept beside its weights: evaluation.json, and the card that tells it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.card import write_card
from zoo.files import new_file, storage_errors
from zoo.weights import MODEL, sha256_of

__all__ = ["SECTIONS", "read_results", "record"]

EVALUATION = "evaluation.json"
SECTIONS = ("reconstruction", "likelihood", "concepts")


def read_results(folder: Path) -> dict[str, Any]:
    """What evaluation.json of a weights folder holds; nothing where it is absent, no JSON, or of other weights.

    Raises StorageError.
    """
    path = folder / EVALUATION
    if not path.is_file():
        return {}
    with storage_errors(f"cannot read {path}"):
        raw = path.read_bytes()
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or found.get("model_sha256", sha256_of(folder / MODEL)) != sha256_of(folder / MODEL):
        return {}
    return found


def record(folder: Path, results: Mapping[str, Any]) -> None:
    """Put results into evaluation.json, beside what is there of the same weights, and write the card anew.

    A key that is there is replaced, but for `concepts`, which keeps the others. Raises StorageError; WeightsError
    where a card cannot be written, and then evaluation.json is as it was.
    """
    path, found = folder / EVALUATION, read_results(folder)
    before = path.read_bytes() if path.is_file() else None
    concepts = found.get("concepts", {}) | results.get("concepts", {})
    merged = found | dict(results) | {"model_sha256": sha256_of(folder / MODEL)}
    if concepts:
        merged["concepts"] = concepts
    _write(path, (json.dumps(merged, indent=1) + "\n").encode())
    try:
        write_card(folder)
    except BaseException:
        path.unlink() if before is None else _write(path, before)
        raise


def _write(path: Path, content: bytes) -> None:
    with new_file(path) as aside:
        aside.write_bytes(content)
