"""A recipe, trained into its folder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from zoo.catalogue.contract.data_references import absolute
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.recipes.recipe import Recipe, Resolved
from zoo.catalogue.runs.folder import CHECKPOINTS, Recorded, hold, read_run
from zoo.data.held_out import hold_out
from zoo.data.loading import Data, stream_dataset, told
from zoo.errors import ConfigError, NotFoundError, PluginError, WeightsError
from zoo.files import storage_errors
from zoo.nn.build import build_parts
from zoo.nn.families import Family, load_family
from zoo.nn.models import Model
from zoo.nn.sampling import in_rows
from zoo.training.attendant import NOBODY, Attendant, Reading
from zoo.training.checkpoint import save_checkpoint
from zoo.training.classes import check_classes, classes_seen
from zoo.training.doctor.treatment import WentBack, watch_over
from zoo.training.doctor.watch import Watch
from zoo.training.fitting import check_fit
from zoo.training.loop import train_loop
from zoo.training.machine.determinism import determined
from zoo.training.machine.graphs import place_data
from zoo.training.machine.precision import computes_bfloat16
from zoo.training.machine.processes import ALONE, Processes
from zoo.training.priors import check_default_prior
from zoo.training.record import Record, recording, with_page
from zoo.training.resuming import changed_from_catalogue, refuse_early, refuse_second, resume_run
from zoo.training.run import Run, averaged_model
from zoo.training.starting import Start, find_start, taken
from zoo.training.state import TrainState, first_state
from zoo.training.tracking import Trackers, find_trackers
from zoo.training.words import Words

__all__ = ["train"]

GRID, GRID_SEED = 64, 0  # samples in a grid


def train(
    resolved: Resolved,
    out: Path,
    *,
    registry: Registry,
    resume: bool = False,
    attendant: Attendant = NOBODY,
    processes: Processes = ALONE,
) -> Run:
    """Train a resolved recipe in the folder `out`, or go on with the run that is there.

    The attendant is told how it is doing, and may end it. A run that was cut before its first checkpoint is resumed
    from its beginning. Of several processes, all of which call this, the first reports and writes; all must see the
    folder. Raises ConfigError, DataError, NotFoundError, StorageError, UsageError for a folder in use, and what finding
    a model raises for `start_from`.
    """
    if not processes.first:
        attendant = Attendant(stop=attendant.stop, log=attendant.log)
    warn, doing = attendant.warn, attendant.doing
    before = read_run(out) if resume else None  # where there is none, nothing is loaded and nothing written
    refuse_early(out, before, resolved.recipe)
    trackers, start = find_trackers(attendant.log, registry, warn), find_start(out, resolved, registry)
    recipe, family = resolved.recipe, load_family(resolved.family)
    check_default_prior(recipe, family)
    num_classes = classes_seen(resolved)
    doing("reading the data", 0)
    with _moved(before):
        examples, held_out = _examples(resolved, family, registry, num_classes)
    facts = _facts(examples, held_out, processes, classes=num_classes > 0) | _instead(resolved, processes)
    recorded = _recorded(recipe, facts | taken(start, before), registry)
    run = Run(folder=out, recorded=recorded, resolved=resolved)
    with torch.random.fork_rng(devices=[]), determined(recipe, processes.device), contextlib.ExitStack() as held:
        torch.manual_seed((recipe.seed + processes.rank) % 2**63)
        doing("building the networks", 0)
        state = first_state(resolved, examples, processes)  # what cannot be built fails before anything is written
        model = partial(averaged_model, family=family)
        _check_model(model, state, examples, recipe)
        watch = watch_over(out, resolved, state, (examples, held_out), model=model, tell=warn)
        for line in _begun(state, start, resolved, examples):
            warn(line)
        processes.once(lambda: held.enter_context(_only_one(out, resume=resume)))
        if before is not None:
            doing("reading the checkpoint", 0)
            resume_run(run, before, state, warn)
        processes.once(run.write)
        processes.once(
            lambda: held.enter_context(with_page(out, recorded, resolved.trainer.units, resolved.modality, warn))
        )
        watch.begin(state, partial(_checkpoint, out, recipe.keep))
        if start:
            _save_first(out, recipe.keep, state, watch)
        words = Words(model(state), examples, state.trainer.modality)
        while not _learn(run, state, family, watch, words, attendant, trackers):
            pass  # the doctor has taken the state back
    if state.examples >= recipe.examples:
        watch.end()
    return run


def _check_model(model: Callable[[TrainState], Model], state: TrainState, examples: Data, recipe: Recipe) -> None:
    """Raise ConfigError where there is no such model, or where the examples do not fit it."""
    try:
        check_fit(examples, model(state).data_shape, state.trainer)
    except WeightsError as error:
        raise ConfigError(f"recipe {recipe.name}: {error}") from error


def _begun(state: TrainState, start: Start | None, resolved: Resolved, examples: Data) -> Iterator[str]:
    """Take what the run begins with, and put the data where they are used; gives what is worth a line."""
    yield from told(examples)
    if start:
        yield from start.take(state, resolved, examples)
    if _instead(resolved, state.trainer.processes):
        yield "this processor has no bfloat16 arithmetic: it trains in float32"
    yield from place_data(state.batches, state.trainer.processes.device)


def _instead(resolved: Resolved, processes: Processes) -> dict[str, str]:
    """The precision of the run, where the device lacks the one that its settings ask for."""
    asked = getattr(resolved.settings, "precision", "float32") == "bfloat16"
    return {"precision": "float32"} if asked and not computes_bfloat16(processes.device) else {}


@contextlib.contextmanager
def _moved(before: Recorded | None) -> Iterator[None]:
    """Say what to do where the data of the run that is to go on are not where they were."""
    try:
        yield
    except NotFoundError as error:
        if before is None:
            raise
        raise NotFoundError(f"{error}; if the run's data have moved, say where to with --data") from error


def _learn(
    run: Run,
    state: TrainState,
    family: Family,
    watch: Watch,
    words: Words,
    attendant: Attendant,
    trackers: Trackers,
) -> bool:
    """The loop, and what of it is recorded in the folder by the first process. Gives false where it is to be entered
    again, from the state that the doctor has gone back to: what was recorded beyond is dropped, as after a cut.
    """
    out, processes, suffix = run.folder, state.trainer.processes, run.resolved.modality.suffixes[0]
    records: list[Record] = []  # one, in the first process

    def tell(reading: Reading) -> None:
        records[0].reading(reading)
        said = words.of(averaged_model(state, family), reading.metrics)
        attendant.report(replace(reading, words=said))
        for line in state.batches.news()[:5]:
            attendant.warn(f"skipped: {line}")

    with contextlib.ExitStack() as held:
        processes.once(lambda: records.append(held.enter_context(recording(run, state, trackers))))
        try:
            train_loop(
                state,
                run.resolved.recipe,
                sample=lambda state: processes.once(lambda: _sample(records[0], state, family, suffix)),
                checkpoint=partial(_checkpoint, out, run.resolved.recipe.keep),
                attendant=replace(attendant, report=lambda reading: processes.once(lambda: tell(reading))),
                watch=watch,
            )
        except WentBack:
            return False
    return True


def _recorded(recipe: Recipe, facts: dict[str, Any], registry: Registry) -> Recorded:
    """What recipe.json will say: the data's path from the root on, so that the run can be resumed from any folder."""
    placed = replace(recipe, dataset=absolute(recipe.dataset))
    return Recorded(recipe=placed, facts=facts, changed=changed_from_catalogue(recipe, registry))


def _facts(examples: Data, held_out: Data | None, processes: Processes, *, classes: bool) -> dict[str, Any]:
    files = {"files": dict(examples.files)} if examples.files else {}
    facts: dict[str, Any] = files | {
        "data": {
            "name": examples.name,
            "split": examples.split,
            "count": len(examples.data),
            "sha256": examples.sha256,
            "licence": examples.licence,
        }
        | ({"about": dict(examples.about)} if examples.about else {})
        | ({"classes": list(examples.classes)} if classes else {}),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    if held_out is not None:
        facts["held_out"] = {"split": held_out.split, "count": len(held_out.data), "sha256": held_out.sha256}
    if processes.count > 1:
        facts["processes"] = processes.count
    if processes.device.type != "cpu":
        facts["device"] = processes.device.type
    return facts


def _sample(record: Record, state: TrainState, family: Family, suffix: str) -> None:
    model = averaged_model(state, family)
    labels, columns = in_rows(GRID, range(model.num_classes or 0))
    x = model.sample(GRID, seed=GRID_SEED, labels=labels)
    record.samples(x, state.trainer.modality, suffix, state.examples, columns=columns)


def _save_first(out: Path, newest: int, state: TrainState, watch: Watch) -> None:
    """Save the state that a run begins with: from here on it is whole without what that was taken from."""
    watch.saved(state)
    _checkpoint(out, newest, state)


def _checkpoint(out: Path, newest: int, state: TrainState) -> None:
    tensors, numbers = state.capture()
    keep = () if state.doctor is None else state.doctor.keep()

    def save() -> None:
        save_checkpoint(out / CHECKPOINTS, tensors, numbers, newest=newest, keep=keep)

    state.trainer.processes.once(save)


def _examples(resolved: Resolved, family: Family, registry: Registry, num_classes: int) -> tuple[Data, Data | None]:
    """The data in the shape that the first published part says it works on, and what is held out for the doctor; both
    with the classes that the networks see.
    """
    recipe, spec, first = resolved.recipe, resolved.architecture, family.published[0]
    shape = getattr(build_parts(spec, resolved.config, [first])[first], "data_shape", None)
    if not isinstance(shape, tuple) or not shape or not all(type(side) is int and side > 0 for side in shape):
        raise PluginError(f"architecture {spec.name}: the data_shape of its {first} is {shape!r:.80}, no shape")
    load = partial(stream_dataset, recipe.dataset, registry=registry, data_shape=shape)
    data = hold_out(load(split=recipe.split), resolved.doctor, lambda split: load(split=split))
    check_classes(num_classes, data)
    return data


@contextlib.contextmanager
def _only_one(out: Path, *, resume: bool) -> Iterator[None]:
    """Hold the folder's lock, and refuse a new run where there is one."""
    with hold(out):
        if not resume:
            refuse_second(out)
        with storage_errors(f"cannot write into {out}"):  # removed: what a killed process was writing
            for pattern in (".recipe.json.*", ".metrics.jsonl.*", "samples/.*"):
                for left in out.glob(pattern):
                    left.unlink()
        yield
