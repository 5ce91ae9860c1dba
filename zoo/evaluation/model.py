"""A model's report: its samples against the data it was trained on, written beside its weights when asked."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zoo.card import write_card
from zoo.data.loading import load_dataset
from zoo.errors import DataError, NotFoundError, WeightsError
from zoo.evaluation.report import Report, evaluate, neighbour_pictures
from zoo.files import new_file
from zoo.nn.pretrained import load_folder
from zoo.pictures import grid, save_picture
from zoo.registry import Registry
from zoo.settings import cache_folder
from zoo.weights import Folder

__all__ = ["evaluate_model"]

PAIRS = 16  # samples shown beside their nearest training image
SEED = 0


def evaluate_model(
    folder: Folder,
    registry: Registry,
    *,
    samples: int = 5000,
    write: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Compare samples of a model (seed 0) with the images it was trained on, and those with the test split.

    With `write` the report goes into the folder as evaluation.json, the nearest training images as neighbours.png, and
    the card is written again. Raises what loading the model, the data and the feature network raise, and DataError
    when the data at hand are not those it was trained on.
    """
    model = load_folder(folder, registry)
    facts = folder.config()["data"]
    if not all(isinstance(facts.get(key), str) for key in ("name", "split", "sha256")):
        raise WeightsError(f"{folder.name}: its config does not name its data; it cannot be evaluated")
    channels, size = model.data_shape[:2]
    train = load_dataset(facts["name"], registry=registry, split=facts["split"], image_size=size, channels=channels)
    if train.sha256 != facts["sha256"]:
        raise DataError(
            f"{facts['name']} here has sha256 {train.sha256}, {folder.name} was trained on {facts['sha256']}"
        )
    try:
        held_out = load_dataset(facts["name"], registry=registry, split="test", image_size=size, channels=channels)
        test = held_out.data
    except NotFoundError:
        test = None
    drawn = model.sample(samples, seed=SEED)
    cache = cache_folder(os.environ)
    report = evaluate(
        lambda n: drawn[:n],
        train.data,
        test,
        samples=samples,
        neighbours=min(PAIRS, max(samples, 0)),
        cache_dir=cache,
        progress=progress,
    )
    if write:
        pairs = neighbour_pictures(drawn, train.data, report.neighbours[:PAIRS])
        save_picture(grid(pairs, columns=8, scale=3), folder.path / "neighbours.png")
        _write_json(folder.path / "evaluation.json", report.to_json())
        write_card(folder.path)
    return report


def _write_json(path: Path, data: dict[str, Any]) -> None:
    with new_file(path) as aside:
        aside.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
