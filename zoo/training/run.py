"""A run: trained into its folder, or opened from there. What the folder holds stands in `zoo.runs`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.configs import as_data
from zoo.data.batches import Batches
from zoo.data.loading import Data, stream_dataset
from zoo.errors import ConfigError, PluginError, UsageError, ZooError
from zoo.files import new_file, storage_errors
from zoo.nn.build import build_parts, initialise_parts
from zoo.nn.families import Family, family_of
from zoo.nn.models import Model
from zoo.pictures import grid
from zoo.progress import Progress
from zoo.recipes import Recipe, read_recipe, resolve
from zoo.registry import Registry
from zoo.runs import CHECKPOINTS, RECIPE, Recorded, checkpoints, hold, read_run
from zoo.specs import ModelSpec, import_reference, resource
from zoo.training.care import Care
from zoo.training.checkpoint import load_newest, save_checkpoint
from zoo.training.loop import train_loop
from zoo.training.processes import ALONE, Processes
from zoo.training.products import OneDNNLinear
from zoo.training.record import Record, recording, reported
from zoo.training.state import TrainState
from zoo.training.symptoms import hold_out
from zoo.training.treatment import WentBack, settings_of, watch

__all__ = ["Run", "averaged_model", "train"]

GRID = 64  # samples in a grid
GRID_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run folder, opened."""

    folder: Path
    recipe: Recipe
    facts: dict[str, Any]  # data: name, split, count, sha256;  torch, threads
    changed: tuple[str, ...] | None = None  # how the recipe differs from the catalogue's of that name

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Read a run folder. Raises NotFoundError when it is none, ConfigError when its recipe is damaged."""
        recorded = read_run(folder)
        return cls(folder=folder, recipe=recorded.recipe, facts=recorded.facts, changed=recorded.changed)

    def write(self) -> None:
        """Write recipe.json."""
        data = Recorded(recipe=self.recipe, facts=self.facts, changed=self.changed).to_json()
        with new_file(self.folder / RECIPE) as aside:
            aside.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    def family(self, registry: Registry) -> Family:
        """The family of the architecture that is trained. Raises NotFoundError, ConfigError."""
        return family_of(registry.architecture(self.recipe.architecture).family, f"recipe {self.recipe.name}")

    def state(self, registry: Registry, examples: Data | None = None, processes: Processes = ALONE) -> TrainState:
        """Build the run's state as it is before the first step; without examples it can be restored but not stepped."""
        _, config, settings = resolve(self.recipe, registry)
        recipe = self.recipe
        if recipe.batch_size % (recipe.accumulate * processes.count):
            whom = f"{processes.count} processes with {recipe.accumulate} pieces each"
            raise ConfigError(f"a batch of {recipe.batch_size} has no equal shares for {whom}; change batch_size")
        parts = initialise_parts(registry.architecture(recipe.architecture), config, seed=recipe.seed)
        if recipe.shared_batch_norm:
            processes.share_batch_norm(parts)
        for part in parts.values():
            OneDNNLinear.replace_in(part)
            part.to(processes.device)
        random = torch.Generator().manual_seed(recipe.seed)
        spec = registry.trainer(recipe.trainer)
        make = import_reference(spec.trainer, f"trainer {recipe.trainer}", spec.install_hint)
        trainer = make(parts, settings, random)
        trainer.join(processes, accumulate=recipe.accumulate)
        empty = torch.zeros(recipe.batch_size, 1, dtype=torch.uint8)
        data = empty if examples is None else examples.data
        labels = None if examples is None else examples.labels
        batches = Batches(
            data,
            labels,
            batch_size=recipe.batch_size,
            seed=recipe.seed,
            rank=processes.rank,
            count=processes.count,
        )
        return TrainState(trainer, batches, random, ema_half_life=recipe.ema_half_life)


def train(
    recipe: Recipe,
    out: Path,
    *,
    registry: Registry,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda progress: None,
    warn: Callable[[str], None] = lambda line: None,
    stop: Callable[[], bool] = lambda: False,
    processes: Processes = ALONE,
) -> Run:
    """Train a recipe in the folder `out`, or go on with the run that is there.

    `report` is called every `log_every` images, `warn` with what is worth a line; when `stop` gives true the run is
    saved and ends. A run that was cut before its first checkpoint is resumed from its beginning. Of several processes,
    all of which call this, the first reports and writes; all must see the folder. Raises ConfigError, DataError,
    NotFoundError, StorageError, and UsageError for a folder in use.
    """
    if not processes.first:
        warn = report = _say_nothing
    if resume:
        Run.open(out)  # where there is none, nothing is loaded and nothing written
    resolved, config, _ = resolve(recipe, registry)
    examples, held_out = _examples(resolved, config, registry)
    for line in examples.skipped[:5]:
        warn(f"skipped: {line}")
    changed = _changed(resolved, registry)
    run = Run(folder=out, recipe=resolved, facts=_facts(examples, held_out, processes), changed=changed)
    family = run.family(registry)
    with torch.random.fork_rng(devices=[]), contextlib.ExitStack() as held:
        torch.manual_seed((resolved.seed + processes.rank) % 2**63)
        state = run.state(registry, examples, processes)  # what cannot be built fails before anything is written
        model = partial(averaged_model, family=family)
        care = watch(out, resolved, state, (examples, held_out), model=model, tell=warn)
        processes.once(lambda: held.enter_context(_only_one(out, resume=resume)))
        if resume:
            _resume(run, state, warn)
        processes.once(run.write)
        processes.once(lambda: held.enter_context(reported(out, registry, warn)))
        care.begin(state, partial(_checkpoint, out))
        while not _learn(run, state, family, care, report=report, warn=warn, stop=stop):
            pass  # the doctor has taken the state back
    if state.images >= resolved.images:
        care.end()
    return run


def _say_nothing(_: object) -> None:
    pass


def _learn(
    run: Run,
    state: TrainState,
    family: Family,
    care: Care,
    *,
    report: Callable[[Progress], None],
    warn: Callable[[str], None],
    stop: Callable[[], bool],
) -> bool:
    """The loop, and what of it is recorded in the folder by the first process. Gives false where it is to be entered
    again, from the state that the doctor has gone back to: what was recorded beyond is dropped, as after a cut.
    """
    out, processes = run.folder, state.trainer.processes
    records: list[Record] = []  # one, in the first process

    def tell(progress: Progress) -> None:
        records[0].report(progress)
        report(progress)
        for line in state.batches.news()[:5]:
            warn(f"skipped: {line}")

    with contextlib.ExitStack() as held:
        processes.once(lambda: records.append(held.enter_context(recording(out, state.images, warn))))
        try:
            train_loop(
                state,
                run.recipe,
                report=lambda progress: processes.once(lambda: tell(progress)),
                sample=lambda state: processes.once(lambda: _sample(records[0], state, family)),
                checkpoint=partial(_checkpoint, out),
                stop=stop,
                care=care,
            )
        except WentBack:
            return False
    return True


def _facts(examples: Data, held_out: Data | None, processes: Processes) -> dict[str, Any]:
    files = {"files": dict(examples.files)} if examples.files else {}
    facts: dict[str, Any] = files | {
        "data": {
            "name": examples.name,
            "split": examples.split,
            "count": len(examples.data),
            "sha256": examples.sha256,
            "licence": examples.licence,
        },
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


def averaged_model(state: TrainState, family: Family) -> Model:
    """The model a run publishes: the averages of its family's published parts, in eval mode."""
    return family.container({name: state.emas[name].module for name in family.published})


def _sample(record: Record, state: TrainState, family: Family) -> None:
    picture = grid(averaged_model(state, family).sample(GRID, seed=GRID_SEED), scale=3)
    record.picture(picture, state.images)


def _changed(recipe: Recipe, registry: Registry) -> tuple[str, ...] | None:
    """How a recipe differs from the catalogue's of that name; None where there is none, or it cannot be read."""
    entries = registry.entries.get(("model", recipe.name), ())
    references = [one.spec.recipe for one in entries if isinstance(one.spec, ModelSpec) and one.spec.recipe]
    if len(entries) != 1 or not references:
        return None
    try:
        known = resolve(read_recipe(resource(references[0], recipe.name)), registry)[0]
    except ZooError:
        return None
    return tuple(_changes(as_data(known), as_data(recipe)))


def _checkpoint(out: Path, state: TrainState) -> None:
    tensors, numbers = state.capture()
    keep = () if state.doctor is None else state.doctor.keep()
    state.trainer.processes.once(lambda: _save(out, tensors, numbers, keep))


def _save(out: Path, tensors: dict[str, Tensor], numbers: dict[str, Any], keep: Collection[int]) -> None:
    save_checkpoint(out / CHECKPOINTS, tensors, numbers, keep=keep)


def _examples(recipe: Recipe, config: Any, registry: Registry) -> tuple[Data, Data | None]:
    """The data in the shape that the first published part says it works on, and what is held out for the doctor."""
    spec = registry.architecture(recipe.architecture)
    first = family_of(spec.family, f"recipe {recipe.name}").published[0]
    shape = getattr(build_parts(spec, config, [first])[first], "data_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 3 or shape[1] != shape[2]:
        raise PluginError(f"architecture {spec.name}: the data_shape of its {first} is {shape!r:.80}, not (C, S, S)")
    channels, side, _ = shape
    load = partial(stream_dataset, recipe.dataset, registry=registry, image_size=side, channels=channels)
    return hold_out(load(split=recipe.split), settings_of(recipe), lambda split: load(split=split))


def _resume(run: Run, state: TrainState, warn: Callable[[str], None]) -> None:
    before = Run.open(run.folder)
    changed = _changes(_fixed(before.recipe), _fixed(run.recipe)) + _changes(before.facts, run.facts)
    if changed:
        raise ConfigError(f"{run.folder} holds another run ({'; '.join(changed):.400}); resume it unchanged")
    if not checkpoints(run.folder / CHECKPOINTS):
        warn(f"{run.folder} has no checkpoint yet; starting at its beginning")
        return
    tensors, numbers, refused = load_newest(run.folder / CHECKPOINTS)
    for line in refused:
        warn(f"checkpoint {line}; using the one before it")
    if numbers["images"] - run.recipe.batch_size >= run.recipe.images:
        seen = f"{numbers['images']:,} images"
        raise ConfigError(f"{run.folder} has seen {seen} already, more than {run.recipe.images:,}; ask for no fewer")
    state.restore(tensors, numbers)


def _fixed(recipe: Recipe) -> dict[str, Any]:
    """What must not change in the middle of a run: how often it reports may, what the doctor watches for, and how
    long it goes on, unless the learning rate depends on it.
    """
    free = {"summary", "log_every", "sample_every", "checkpoint_every", "doctor"}
    free |= set() if recipe.settings.get("anneal") else {"images"}
    fixed = {key: value for key, value in as_data(recipe).items() if key not in free}
    settings = settings_of(recipe)
    return fixed | {"doctor": {"held_out": settings.held_out, "held_out_split": settings.held_out_split}}


def _changes(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    """What differs, one text a key: 'settings.beta1: 0.5 -> 0.9'."""
    changed = []
    for key in {**old, **new}:
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            changed += _changes(before, after, f"{prefix}{key}.")
        elif before != after:
            changed.append(f"{prefix}{key}: {before!r} -> {after!r}")
    return changed


@contextlib.contextmanager
def _only_one(out: Path, *, resume: bool) -> Iterator[None]:
    """Hold the folder's lock, and refuse a new run where there is one."""
    with hold(out):
        if not resume and ((out / RECIPE).exists() or checkpoints(out / CHECKPOINTS)):
            raise UsageError(f"{out} holds a run already; add --resume to go on, or name another folder")
        with storage_errors(f"cannot write into {out}"):  # removed: what a killed process was writing
            for pattern in (".recipe.json.*", ".metrics.jsonl.*", "samples/.*.png"):
                for left in out.glob(pattern):
                    left.unlink()
        yield
