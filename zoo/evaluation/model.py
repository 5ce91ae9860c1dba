"""A model's report: its samples against the data it was trained on, written beside its weights when asked."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from zoo.catalogue.contract.data_references import as_reference, with_options_of
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.recipes.recipe import neutral
from zoo.catalogue.weights.card import HERE, named_by_catalogue
from zoo.catalogue.weights.folder import Folder
from zoo.catalogue.weights.judges import trained_against
from zoo.data.loading import Examples, load_dataset, told
from zoo.data.modality import modality_of
from zoo.errors import DataError, NotFoundError, UsageError, WeightsError
from zoo.evaluation.features import Observer
from zoo.evaluation.figures import CODING, LEAST, Figure, Sets, asked_metrics, figures_by, figures_of
from zoo.evaluation.judges import choose, seated
from zoo.evaluation.memorisation import Memorisation, memorisation, neighbour_strip
from zoo.evaluation.reconstruction import ReconstructionReport
from zoo.evaluation.records import Origin, Record, Reference, device_of
from zoo.evaluation.results import check_writable, read_results, record
from zoo.evaluation.subject import Subject, rows_of
from zoo.nn.models import Model
from zoo.nn.sampling import passes
from zoo.settings import cache_folder

__all__ = ["Asked", "Evaluation", "evaluate_model", "examples_of", "origin_of"]

NEIGHBOURS = "neighbours"  # the file that shows samples beside their nearest examples, without its suffix
COLUMNS = 12  # examples in a row of it: four samples with two each, or six with one


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be measured."""

    samples: int = 1000  # of each seed
    seeds: tuple[int, ...] = (0, 1, 2)  # that samples are drawn with; the spread is over them
    real: int = 5000  # training examples that are compared with, at random where there are more
    data: str | None = None  # where the examples are, or others; None: by the model's own name of them
    features: tuple[str, ...] = ()  # networks that look, the first leads; none: as the modality has it
    metrics: tuple[str, ...] = ()  # by name; none: those that are taken by default
    per_class: bool = False  # also each class by itself
    prior: str | None = None  # what samples are drawn from; None: the model's default
    neighbours: int = 16  # samples that are shown beside their nearest examples; 0 keeps examples out of the folder

    def command(self, name: str, data: str = "") -> str:
        """The command that measures this again of the model of that name."""
        words = ["zoo", "eval", name, *(["--data", data] if data else [])]
        words += ["--samples", str(self.samples), "--seeds", ",".join(map(str, self.seeds)), "--real", str(self.real)]
        for option, values in (("--features", self.features), ("--metrics", self.metrics)):
            words += [option, ",".join(values)] if values else []
        words += ["--per-class"] if self.per_class else []
        words += ["--neighbours", str(self.neighbours)] if self.neighbours != Asked.neighbours else []
        return shlex.join([*words, *(["--prior", self.prior] if self.prior else [])])


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What was measured."""

    records: tuple[Record, ...]
    leading: str  # the network whose figures stand for the model
    independent: bool | None  # whether it is; None for a model that was trained against none
    prior: str  # which one the samples are of
    memorisation: Memorisation | None = None  # where samples were looked at by a network
    coding: ReconstructionReport | None = None  # of a model that encodes
    other_data: Mapping[str, Any] | None = None  # name, split and sha256, where the data are not those it learnt from
    notes: tuple[str, ...] = ()  # lines for a user: what was left out of the data, which figures say little

    def to_json(self) -> dict[str, Any]:
        """As evaluation.json has it; what is not there is left out."""
        data: dict[str, Any] = {"leading": self.leading, "prior": self.prior}
        if self.independent is not None:
            data["independent"] = self.independent
        if self.other_data is not None:
            data["other_data"] = dict(self.other_data)
        data["records"] = {one.key: one.to_json() for one in self.records}
        if self.memorisation is not None:
            data["memorisation"] = self.memorisation.to_json()
        return data if self.coding is None else data | {"reconstruction": self.coding.to_json()}


def evaluate_model(
    model: Model,
    registry: Registry,
    asked: Asked | None = None,
    *,
    write: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Compare samples of a model with the examples it was trained on, and the test split with those likewise.

    Samples of each seed are compared, so that each figure has a spread, and as many held-out examples, so that it has a
    floor. Data other than the model's own are compared with as well, and the results say so.

    The first of the networks that are asked for leads. Where none is, the default of the modality does, or, for a model
    that was trained against that one or a sister, the first of another family, and pixels stand beside it.

    Where no metric needs a network's look at the samples, none is searched for copies of examples either.

    With `write` the results go into the folder as evaluation.json, the nearest examples beside it, and the card is
    written again: all or none. What was measured against other data goes into evaluation.json alone, below their name:
    it is not the model's own figure.

    The networks look where the model is, on its device. Raises what loading the data and the networks raise, DataError
    when the data of the model's own name are not those it was trained on, and UsageError for a model that was not
    loaded, for counts that cannot be meant, and for writing into the Hub's cache.
    """
    asked, folder = asked or Asked(), model.folder
    if folder is None:
        raise UsageError("a model is evaluated with what its folder says of its data; load it from one")
    if write:
        check_writable(folder)
    _check(model, asked)
    chosen = asked_metrics(asked.metrics, registry)
    train, test, other = examples_of(folder, model, registry, asked.data)
    panel = choose(asked.features, model.modality, trained_against(model.info), registry)
    judges, notes = seated(panel, model, train.data, registry)
    drawn = [model.sample(asked.samples, seed=seed, prior=asked.prior).cpu() for seed in asked.seeds]
    sets = _sets(drawn, train, test, asked)
    origin = origin_of(model, folder, registry, asked, train)
    cache = cache_folder(os.environ)
    records: list[Record] = []
    for i, judge in enumerate(judges):
        seen, step = (judge, judge.network.name in panel.suspects), passes(progress, i, len(judges))
        records += figures_by(seen, sets, chosen.features, origin, cache_dir=cache, progress=step)
        if asked.per_class:
            records += _of_classes(seen, model, (train, test), sets, chosen.features, origin)
    subjects = _subjects(model, registry, asked, drawn, (train, test), judges[0])
    records += figures_of(subjects, chosen.model, origin, judges[0])
    codes = any(figure.name in CODING for figure in chosen.model)
    found = Evaluation(
        records=tuple(records),
        leading=panel.leading,
        independent=panel.independent,
        prior=asked.prior or model.default_prior,
        memorisation=_copies(sets, train, judges[0], asked.neighbours, cache) if chosen.features else None,
        coding=subjects[0].coding if codes else None,
        other_data=other,
        notes=(*told(train), *notes),
    )
    if write:
        _write(found, model, folder, registry, sets)
    return found


def _subjects(
    model: Model,
    registry: Registry,
    asked: Asked,
    drawn: Sequence[Tensor],
    splits: tuple[Examples, Examples | None],
    observer: Observer,
) -> list[Subject]:
    """The model with the samples of each seed."""
    known = {"model": model, "registry": registry, "observer": observer, "cache": cache_folder(os.environ)}
    of_data = {"train": splits[0], "test": splits[1]}
    return [
        Subject(seed=seed, samples=x, **known, **of_data)  # type: ignore[arg-type]
        for seed, x in zip(asked.seeds, drawn, strict=True)
    ]


def _check(model: Model, asked: Asked) -> None:
    if asked.samples < LEAST or asked.real < LEAST or not asked.seeds:
        raise UsageError(
            f"{asked.samples} samples, {asked.real} real examples, {len(asked.seeds)} seeds: at least {LEAST}, {LEAST} "
            "and 1 are needed"
        )
    if asked.neighbours < 0:
        raise UsageError(f"--neighbours is {asked.neighbours}; it must be a whole number from 0")
    if asked.per_class:
        if model.num_classes is None:
            raise UsageError("this model has no classes; leave --per-class out")
        if asked.samples < LEAST * model.num_classes:
            few = f"{asked.samples} samples are less than {LEAST} for each of {model.num_classes} classes"
            raise UsageError(f"{few}; take more")


def _sets(drawn: Sequence[Tensor], train: Examples, test: Examples | None, asked: Asked) -> Sets:
    reference = train.data[rows_of(len(train.data), asked.real)]
    unseen = None if test is None else test.data[rows_of(len(test.data), asked.samples)]
    return Sets(drawn=drawn, reference=reference, unseen=unseen)


def origin_of(model: Model, folder: Folder, registry: Registry, asked: Asked, train: Examples) -> Origin:
    """Where figures of a model come from: the command, the device, and the training examples that are taken."""
    rows = rows_of(len(train.data), asked.real)
    reference = Reference.of(replace(train, name=neutral(train.name)), rows)
    name = named_by_catalogue(folder.model_sha256(), registry) or HERE
    own = folder.config()["data"]["name"]
    data = neutral(train.name) if asked.data or ":" in own else ""
    default = asked.prior in (None, model.default_prior)
    return Origin(
        seeds=asked.seeds,
        command=asked.command(name, data),
        device=device_of(model),
        reference=reference.to_json(),
        prior="" if default else str(asked.prior),
    )


def _of_classes(
    judge: tuple[Observer, bool],
    model: Model,
    splits: tuple[Examples, Examples | None],
    sets: Sets,
    metrics: Sequence[Figure],
    origin: Origin,
) -> list[Record]:
    """The figures of each class that has enough examples. Samples are of each class in turn, as a model draws them that
    is given no labels.
    """
    train, test = splits
    assert train.labels is not None
    assert model.num_classes is not None
    found, cache = [], cache_folder(os.environ)
    for label, name in enumerate(train.classes):
        known = train.data[train.labels == label]
        if len(known) < LEAST:
            continue
        drawn = [x[label :: model.num_classes] for x in sets.drawn]
        held = None if test is None or test.labels is None else test.data[test.labels == label]
        few = held is None or len(held) < LEAST
        own = Sets(
            drawn=drawn,
            reference=known[rows_of(len(known), len(sets.reference))],
            unseen=None if few or held is None else held[rows_of(len(held), len(drawn[0]))],
        )
        found += figures_by(judge, own, metrics, origin, group=name, cache_dir=cache)
    return found


def _copies(sets: Sets, train: Examples, judge: Observer, neighbours: int, cache_dir: Path | None) -> Memorisation:
    given = sets.drawn[0], sets.reference, sets.unseen, judge
    return memorisation(*given, whole=train.data, neighbours=neighbours, cache_dir=cache_dir)


def _write(found: Evaluation, model: Model, folder: Folder, registry: Registry, sets: Sets) -> None:
    if found.other_data is not None:
        record(folder, {"other_data": {found.other_data["name"]: found.to_json()}}, registry=registry)
        return
    modality = modality_of(model, registry)
    name = f"{NEIGHBOURS}{registry.modality(model.modality).suffixes[0]}"
    if found.memorisation is None:  # no network looked at the samples: the one that did before leads on
        led = {"leading", "independent"} if "leading" in read_results(folder) else set()
        record(folder, {key: value for key, value in found.to_json().items() if key not in led}, registry=registry)
        return
    if not found.memorisation.neighbours:
        record(folder, found.to_json(), registry=registry)
        (folder.path / name).unlink(missing_ok=True)  # of an earlier measuring
        return
    shown = neighbour_strip(sets.drawn[0], sets.reference, sets.unseen, found.memorisation, modality)
    record(folder, found.to_json(), {name: partial(modality.write, shown, columns=COLUMNS)}, registry=registry)


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
