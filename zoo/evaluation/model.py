"""A model's report: its samples against the data it was trained on, written beside its weights when asked."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from zoo.card import card_of
from zoo.data.loading import load_dataset
from zoo.errors import DataError, NotFoundError, UsageError, WeightsError
from zoo.evaluation.report import Report, evaluate, neighbour_pictures
from zoo.files import new_files
from zoo.nn.pretrained import load_folder
from zoo.pictures import grid, save_picture
from zoo.registry import Registry
from zoo.settings import cache_folder
from zoo.weights import CARD, EVALUATION, Folder

if TYPE_CHECKING:
    from PIL.Image import Image

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
    the card is written again: all three or none. Raises what loading the model, the data and the feature network raise,
    DataError when the data at hand are not those it was trained on, and UsageError for writing into the Hub's cache.
    """
    if write and folder.source == "hub":
        raise UsageError(f"{folder.name} is the Hub's, and nothing is written there; copy its folder and name the copy")
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
        _write(folder, report, grid(pairs, columns=8, scale=3))
    return report


def _write(folder: Folder, report: Report, pairs: Image) -> None:
    """Picture, figures and card, which belong together: all of them or none."""
    figures = (json.dumps(report.to_json(), indent=1) + "\n").encode()
    text = card_of(folder.path, folder.config(), figures)
    names = ("neighbours.png", EVALUATION, CARD)
    with new_files(*(folder.path / name for name in names)) as (picture, evaluation, card):
        save_picture(pairs, picture)
        evaluation.write_bytes(figures)
        card.write_text(text, encoding="utf-8")
