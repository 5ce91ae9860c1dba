"""What was measured of a model, kept beside its weights: evaluation.json, and the card that tells it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.weights.card import card_of
from zoo.catalogue.weights.folder import CARD, CONFIG, EVALUATION, TRUNCATION, Folder, parse_config
from zoo.catalogue.weights.records import FORMAT, current
from zoo.errors import UsageError, WeightsError
from zoo.files import new_files

__all__ = ["check_writable", "read_results", "record", "record_truncation"]

GROWING = ("records", "other_data")  # keys of which what is there already stays: each holds things by name
Writer = Callable[[Path], None]  # writes one file to that path


def check_writable(folder: Folder) -> None:
    """Raise UsageError for a folder that is not the user's or the package's own."""
    if folder.source == "hub":
        raise UsageError(f"{folder.name} is the Hub's, and nothing is written there; copy its folder and name the copy")


def read_results(folder: Folder) -> dict[str, Any]:
    """What evaluation.json of a weights folder holds; nothing where it is absent, damaged or of other weights, and of
    an older form only what is as it was.

    Raises StorageError.
    """
    return _results_of(folder, folder.model_sha256())


def _results_of(folder: Folder, model_sha256: str) -> dict[str, Any]:
    try:
        found = current(folder.evaluation())
    except WeightsError:
        return {}
    return found if found.get("model_sha256") in (None, model_sha256) else {}


def record_truncation(folder: Folder, low: float, high: float, *, registry: Registry) -> None:
    """Say in config.json, and in the card, from which truncation to which samples are better for it.

    Both are written, or none; the sha256 of config.json is another one then. Raises UsageError as `check_writable`,
    WeightsError for a range that cannot be meant, StorageError.
    """
    check_writable(folder)
    text = json.dumps(folder.config() | {TRUNCATION: [low, high]}, indent=1) + "\n"
    config = parse_config(text.encode(), f"{folder.path / CONFIG}")
    figures = json.dumps(folder.evaluation()).encode()
    card = card_of(folder.path, config, figures, set(os.listdir(folder.path)), folder.model_sha256(), registry)
    with new_files(folder.path / CONFIG, folder.path / CARD) as (of_config, of_card):
        of_config.write_text(text, encoding="utf-8")
        of_card.write_text(card, encoding="utf-8")


def _not_outlived(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The old records without those of an older zoo, of which little was recorded, that were measured anew."""
    measured = {_subject(one) for one in new.values()}
    return {key: one for key, one in old.items() if one["reference"]["sha256"] or _subject(one) not in measured}


def _subject(record: Mapping[str, Any]) -> tuple[str, str | None]:
    return record["metric"], record.get("settings", {}).get("concept")


def _joined(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """What was measured of other data, with what was measured of the same ones now."""
    return {**old, **new, "records": {**old.get("records", {}), **new.get("records", {})}}


def record(
    folder: Folder, results: Mapping[str, Any], files: Mapping[str, Writer] | None = None, *, registry: Registry
) -> None:
    """Put results into evaluation.json, beside what is there of the same weights, and write files and the card.

    `files` maps names to what writes the files. All are written, or none. A key that is there is replaced, but for
    `records`, and those of `other_data`, which keep what they have of other names. Of a file of an older form only
    what is as it was is kept. Raises UsageError as `check_writable`, StorageError, and WeightsError where the config
    says too little for a card.
    """
    check_writable(folder)
    digest, files = folder.model_sha256(), files or {}
    found = _results_of(folder, digest)
    found.pop("outdated", None)
    merged = {"format": FORMAT} | found | dict(results) | {"model_sha256": digest}
    for key in merged.keys() & set(GROWING):
        old, new = found.get(key, {}), results.get(key, {})
        old = _not_outlived(old, new) if key == "records" else old
        merged[key] = old | (new if key == "records" else {name: _joined(old.get(name, {}), new[name]) for name in new})
    figures = (json.dumps(merged, indent=1) + "\n").encode()
    text = card_of(folder.path, folder.config(), figures, {*os.listdir(folder.path), *files}, digest, registry)
    names = (*files, EVALUATION, CARD)
    with new_files(*(folder.path / name for name in names)) as asides:
        for write, aside in zip(files.values(), asides, strict=False):
            write(aside)
        asides[-2].write_bytes(figures)
        asides[-1].write_text(text, encoding="utf-8")
