"""A model's report: its samples against the data it was trained on, written beside its weights when asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from zoo.catalogue.contract.data_references import as_reference, with_options_of
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.recipes.recipe import neutral
from zoo.catalogue.weights.folder import Folder
from zoo.catalogue.weights.judges import trained_against
from zoo.data.loading import Examples, load_dataset, told
from zoo.data.modality import modality_of
from zoo.errors import DataError, NotFoundError, UsageError, WeightsError
from zoo.evaluation.classes import ClassDistance, check_per_class, class_distances
from zoo.evaluation.classified import Classified, classified
from zoo.evaluation.features import Observer, cached_vectors, vectors
from zoo.evaluation.judges import Beside, beside, choose, passes, seated
from zoo.evaluation.likelihood import trained_on_bits
from zoo.evaluation.metrics import frechet_distance
from zoo.evaluation.reconstruction import ReconstructionReport, kept, reconstruction_report
from zoo.evaluation.report import LEAST, Report, evaluate, neighbour_pairs
from zoo.evaluation.results import check_writable, record
from zoo.nn.abilities import Bounded
from zoo.nn.models import Model
from zoo.nn.sampling import seeded
from zoo.settings import cache_folder

__all__ = ["Evaluation", "evaluate_model", "examples_of"]

NEIGHBOURS = "neighbours"  # the file that shows samples beside their nearest training examples, without its suffix
PAIRS, COLUMNS = 16, 8  # samples shown beside their nearest training example; examples in a row
SEED = 0
MOST_TRAIN, MOST_TEST = 10_000, 5_000  # examples whose features are taken, drawn at random beyond


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The report on samples, and on what only some models have."""

    samples: Report
    prior: str  # which one the samples are of: the model's default
    others_frechet: Mapping[str, float]  # the Fréchet distance of as many samples of each other prior of the model
    reconstruction: ReconstructionReport | None  # of a model that encodes
    classes: tuple[ClassDistance, ...] = ()  # where each class was asked for
    classified: Classified | None = None  # where a classifier was asked for
    other_data: Mapping[str, Any] | None = None  # name, split and sha256, where the data are not those it learnt from
    beside: Beside = field(default_factory=Beside)  # by other judges
    notes: tuple[str, ...] = ()  # lines for a user: what was left out of the data, which figures say little

    def to_json(self) -> dict[str, Any]:
        """The report on samples as JSON-able data, and the rest beside it where there is any."""
        data = self.samples.to_json() | self.beside.to_json() | {"prior": self.prior}
        if self.other_data is not None:
            data["other_data"] = dict(self.other_data)
        data |= {f"{prior}_frechet": distance for prior, distance in self.others_frechet.items()}
        if self.reconstruction is not None:
            data["reconstruction"] = self.reconstruction.to_json()
        if self.classes:
            data["classes"] = [found.to_json() for found in self.classes]
        if self.classified is not None:
            data["classified"] = self.classified.to_json()
        return data


def evaluate_model(
    model: Model,
    registry: Registry,
    *,
    samples: int = 5000,
    data: str | None = None,
    features: str | Sequence[str] = (),
    per_class: bool = False,
    classify: bool = False,
    write: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Compare samples of a model (seed 0) with the examples it was trained on, and those with the test split.

    `data` says where the examples are, where the model's own name of them does not; others than its own are compared
    with as well, and the results say so. Of more than 10,000 training or 5,000 test examples as many are taken at
    random.

    `features` says which feature networks look at them: the first leads, and the figures of the others, and of
    "pixels", stand beside it. Where none is named the default of the modality leads, or, for a model that was trained
    against that one or a sister, the first of another family; then pixels and the contaminated figures stand beside it.

    A model that encodes is also asked to give the test examples back (the training examples where there are no others),
    and one with more priors than its default for samples of each; with `per_class` one with classes is measured class
    by class, too, and with `classify` a classifier of the real examples of all classes says what the samples show. With
    `write` the results go into the folder as evaluation.json, the nearest training examples beside it, and the card is
    written again: all or none. What was measured against other data goes into evaluation.json alone, below their name:
    it is not the model's own figure.

    The networks look where the model is, on its device. Raises what loading the data and the networks raise, DataError
    when the data of the model's own name are not those it was trained on, and UsageError for a model that was not
    loaded, and for writing into the Hub's cache.
    """
    folder = model.folder
    if folder is None:
        raise UsageError("a model is evaluated with what its folder says of its data; load it from one")
    if write:
        check_writable(folder)
    if per_class:
        check_per_class(model, samples)
    train, test, other = examples_of(folder, model, registry, data)
    asked = (features,) if isinstance(features, str) else tuple(features)
    panel = choose(asked, model.modality, trained_against(model.info), registry)
    judges, notes = seated(panel, model, train.data, registry)
    drawn, known = model.sample(samples, seed=SEED).cpu(), _some(train.data, MOST_TRAIN)
    sets = drawn, known, None if test is None else _some(test.data, MOST_TEST)
    cache = cache_folder(os.environ)
    pairs = min(PAIRS, len(drawn))
    first = passes(progress, 0, len(judges))
    found = Evaluation(
        samples=evaluate(*sets, judges[0], neighbours=pairs, cache_dir=cache, progress=first),
        beside=beside(panel, judges, sets, cache_dir=cache, progress=progress),
        prior=model.default_prior,
        others_frechet=_of_other_priors(model, samples, known, judges[0]),
        reconstruction=_coded(model, train, test, judges[0]),
        classes=class_distances(drawn, model, train, judges[0], cache_dir=cache, most=MOST_TRAIN) if per_class else (),
        classified=classified(drawn, model, registry, cache_dir=cache) if classify else None,
        other_data=other,
        notes=(*told(train), *notes),
    )
    if write and other is not None:
        record(folder, {"other_data": {other["name"]: found.to_json()}}, registry=registry)
    elif write:
        modality = modality_of(model, registry)
        shown = neighbour_pairs(drawn[:PAIRS], known, found.samples.neighbours, modality)
        name = f"{NEIGHBOURS}{registry.modality(model.modality).suffixes[0]}"
        write_pairs = partial(modality.write, shown, columns=COLUMNS)
        record(folder, found.to_json(), {name: write_pairs}, registry=registry)
    return found


def _of_other_priors(model: Model, samples: int, known: Tensor, observer: Observer) -> dict[str, float]:
    """The Fréchet distance of samples of each prior that is not the model's default."""
    found, cache = {}, cache_folder(os.environ)
    for prior in model.priors:
        if prior != model.default_prior:
            seen = vectors(model.sample(samples, seed=SEED, prior=prior), observer)
            found[prior] = frechet_distance(seen, cached_vectors(known, observer, cache))
    return found


def _coded(model: Model, train: Examples, test: Examples | None, judge: Observer) -> ReconstructionReport | None:
    """How a model that encodes gives the test examples back, or the training examples where there are no others."""
    if not isinstance(model, Bounded):
        return None
    recipe = model.info.get("training", {}).get("recipe")
    given = train if test is None else test
    labels = None if model.num_classes is None else given.labels
    report = reconstruction_report(
        model,
        given.data,
        labels,
        split="train" if test is None else "test",
        bound=not (isinstance(recipe, dict) and recipe.get("trainer") == "autoencoder"),
        binarise=trained_on_bits(model),
    )
    rows = _rows(len(given.data), MOST_TEST)
    labels = None if labels is None else labels[rows]
    found = kept(model, given.data[rows], labels, observer=judge, cache_dir=cache_folder(os.environ))
    return replace(report, kept=found)


def _facts(folder: Folder) -> dict[str, Any]:
    facts: dict[str, Any] = folder.config()["data"]
    if not all(isinstance(facts.get(key), str) for key in ("name", "split", "sha256")):
        raise WeightsError(f"{folder.name}: its config does not name its data; it cannot be evaluated")
    return facts


def examples_of(
    folder: Folder, model: Model, registry: Registry, where: str | None
) -> tuple[Examples, Examples | None, dict[str, Any] | None]:
    """The examples to compare with, the test split where there is one, and which these are if not the model's own."""
    facts = _facts(folder)
    name = as_reference(where or facts["name"], registry, model.modality)
    name = with_options_of(name, facts["name"])
    try:
        train = load_dataset(name, registry=registry, split=facts["split"], data_shape=model.data_shape)
    except NotFoundError as error:
        if where or ":" not in name:
            raise
        raise NotFoundError(
            f"{error}; the model was trained on {name}: say where it is with --data ./FOLDER"
        ) from error
    other = None
    if train.sha256 != facts["sha256"]:
        differ = f"{name} here has sha256 {train.sha256}, {folder.name} was trained on {facts['sha256']}"
        if where is None:
            raise DataError(f"{differ}; to measure against them all the same, name them with --data")
        other = {"name": neutral(name), "split": train.split, "sha256": train.sha256}
    try:
        test = load_dataset(name, registry=registry, split="test", data_shape=model.data_shape)
    except NotFoundError:
        return train, None, other
    return train, test if len(test.data) >= LEAST else None, other


def _rows(count: int, most: int) -> Tensor:
    """All of `count` rows, or `most` at random."""
    return torch.arange(count) if count <= most else torch.randperm(count, generator=seeded(SEED))[:most]


def _some(x: Tensor, most: int) -> Tensor:
    return x[_rows(len(x), most)]
