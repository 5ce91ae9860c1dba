"""A run: a folder with its recipe, checkpoints, sample grids and metrics.

recipe.json        the recipe with every default written out, the data's fingerprint, versions and threads
checkpoints/       the last two
samples/           a grid of the averaged model's samples at fixed latents, named by images seen
metrics.jsonl      one line a report;  tensorboard/ the same, where TensorBoard is installed
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.configs import as_data, decode
from zoo.data.batches import Batches
from zoo.data.loading import Examples, load_dataset
from zoo.errors import ConfigError, NotFoundError, PluginError, StorageError, UsageError
from zoo.files import new_file, storage_errors
from zoo.nn.build import build_parts, initialise_parts
from zoo.nn.families import Family, family_of
from zoo.nn.models import Model
from zoo.pictures import grid, save_picture
from zoo.progress import Progress
from zoo.recipes import Recipe, resolve
from zoo.registry import Registry
from zoo.specs import import_reference
from zoo.training.checkpoint import checkpoints, load_newest, save_checkpoint
from zoo.training.loop import train_loop
from zoo.training.processes import ALONE, Processes
from zoo.training.state import TrainState

__all__ = ["Run", "averaged_model", "train"]

GRID = 64  # samples in a grid
GRID_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run folder, opened."""

    folder: Path
    recipe: Recipe
    facts: dict[str, Any]  # data: name, split, count, sha256;  torch, threads

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Read a run folder. Raises NotFoundError when it is none, ConfigError when its recipe is damaged."""
        path = folder / "recipe.json"
        if not path.is_file():
            raise NotFoundError(f"{folder} is no run folder: it has no recipe.json")
        with storage_errors(f"cannot read {path}"):
            text = path.read_bytes()
        try:
            data = json.loads(text)
            recipe, facts = data["recipe"], data["facts"]
            if not isinstance(facts["data"], dict) or not {"torch", "threads"} <= set(facts):
                raise ValueError("its facts are not those of a run")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ConfigError(f"{path} is damaged ({error!s:.120}); start a new run folder") from error
        return cls(folder=folder, recipe=decode(Recipe, recipe, str(path)), facts=facts)

    def write(self) -> None:
        """Write recipe.json."""
        data = {"recipe": as_data(self.recipe), "facts": self.facts}
        with new_file(self.folder / "recipe.json") as aside:
            aside.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    def family(self, registry: Registry) -> Family:
        """The family of the architecture that is trained. Raises NotFoundError, ConfigError."""
        return family_of(registry.architecture(self.recipe.architecture).family, f"recipe {self.recipe.name}")

    def state(self, registry: Registry, examples: Examples | None = None, processes: Processes = ALONE) -> TrainState:
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
            part.to(processes.device)
        random = torch.Generator().manual_seed(recipe.seed)
        spec = registry.trainer(recipe.trainer)
        make = import_reference(spec.trainer, f"trainer {recipe.trainer}", spec.install_hint)
        trainer = make(parts, settings, random)
        trainer.join(processes, accumulate=recipe.accumulate)
        data = torch.zeros(recipe.batch_size, 1, dtype=torch.uint8) if examples is None else examples.data
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
    examples = _examples(resolved, config, registry)
    for line in examples.skipped[:5]:
        warn(f"skipped: {line}")
    run = Run(folder=out, recipe=resolved, facts=_facts(examples, processes))
    with torch.random.fork_rng(devices=[]), contextlib.ExitStack() as held:
        torch.manual_seed((resolved.seed + processes.rank) % 2**63)
        state = run.state(registry, examples, processes)  # what cannot be built fails before anything is written
        processes.once(lambda: held.enter_context(_only_one(out, resume=resume)))
        if resume:
            _resume(run, state, warn)
        processes.once(run.write)
        _learn(run, state, registry, held, report=report, warn=warn, stop=stop)
    return run


def _say_nothing(_: object) -> None:
    pass


def _learn(
    run: Run,
    state: TrainState,
    registry: Registry,
    held: contextlib.ExitStack,
    *,
    report: Callable[[Progress], None],
    warn: Callable[[str], None],
    stop: Callable[[], bool],
) -> None:
    """The loop, and what of it is recorded in the folder by the first process."""
    out, family, processes = run.folder, run.family(registry), state.trainer.processes
    records: list[Callable[[Progress], None]] = []
    processes.once(lambda: records.append(held.enter_context(_metrics(out, state.images, warn))))

    def tell(progress: Progress) -> None:
        for record in (*records, report):
            record(progress)

    train_loop(
        state,
        run.recipe,
        report=lambda progress: processes.once(lambda: tell(progress)),
        sample=lambda state: processes.once(lambda: _sample(out, state, family)),
        checkpoint=lambda state: _checkpoint(out, state),
        stop=stop,
    )


def _facts(examples: Examples, processes: Processes) -> dict[str, Any]:
    facts = {
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
    if processes.count > 1:
        facts["processes"] = processes.count
    if processes.device.type != "cpu":
        facts["device"] = processes.device.type
    return facts


def averaged_model(state: TrainState, family: Family) -> Model:
    """The model a run publishes: the averages of its family's published parts, in eval mode."""
    return family.container({name: state.emas[name].module for name in family.published})


def _sample(out: Path, state: TrainState, family: Family) -> None:
    picture = grid(averaged_model(state, family).sample(GRID, seed=GRID_SEED), scale=3)
    save_picture(picture, out / "samples" / f"{state.images:012d}.png")


def _checkpoint(out: Path, state: TrainState) -> None:
    tensors, numbers = state.capture()
    state.trainer.processes.once(lambda: _save(out, tensors, numbers))


def _save(out: Path, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
    save_checkpoint(out / "checkpoints", tensors, numbers)


def _examples(recipe: Recipe, config: Any, registry: Registry) -> Examples:
    """The data in the shape that the architecture's first published part says it works on."""
    spec = registry.architecture(recipe.architecture)
    first = family_of(spec.family, f"recipe {recipe.name}").published[0]
    shape = getattr(build_parts(spec, config, [first])[first], "data_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 3 or shape[1] != shape[2]:
        raise PluginError(f"architecture {spec.name}: the data_shape of its {first} is {shape!r:.80}, not (C, S, S)")
    channels, side, _ = shape
    return load_dataset(recipe.dataset, registry=registry, split=recipe.split, image_size=side, channels=channels)


def _resume(run: Run, state: TrainState, warn: Callable[[str], None]) -> None:
    before = Run.open(run.folder)
    changed = _changes(_fixed(before.recipe), _fixed(run.recipe)) + _changes(before.facts, run.facts)
    if changed:
        raise ConfigError(f"{run.folder} holds another run ({'; '.join(changed):.400}); resume it unchanged")
    if not checkpoints(run.folder / "checkpoints"):
        warn(f"{run.folder} has no checkpoint yet; starting at its beginning")
        return
    tensors, numbers, refused = load_newest(run.folder / "checkpoints")
    for line in refused:
        warn(f"checkpoint {line}; using the one before it")
    if numbers["images"] - run.recipe.batch_size >= run.recipe.images:
        seen = f"{numbers['images']:,} images"
        raise ConfigError(f"{run.folder} has seen {seen} already, more than {run.recipe.images:,}; ask for no fewer")
    state.restore(tensors, numbers)


def _fixed(recipe: Recipe) -> dict[str, Any]:
    """What must not change in the middle of a run: how often it reports may, and how long it goes on, unless the
    learning rate depends on it.
    """
    free = {"summary", "log_every", "sample_every", "checkpoint_every"}
    free |= set() if recipe.settings.get("anneal") else {"images"}
    return {key: value for key, value in as_data(recipe).items() if key not in free}


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
    """Make the folder and hold its lock: a second run into it is refused, and a new one where there is one."""
    with storage_errors(f"cannot write into {out}"):
        (out / "samples").mkdir(parents=True, exist_ok=True)
        stream = (out / ".lock").open("w")
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StorageError(f"another process is training in {out}; wait for it or name another folder") from error
        if not resume and ((out / "recipe.json").exists() or checkpoints(out / "checkpoints")):
            raise UsageError(f"{out} holds a run already; add --resume to go on, or name another folder")
        yield


@contextlib.contextmanager
def _metrics(out: Path, images: int, warn: Callable[[str], None]) -> Iterator[Callable[[Progress], None]]:
    """Record to metrics.jsonl and TensorBoard, from `images` on: what a cut run wrote beyond is dropped."""
    path = out / "metrics.jsonl"
    with storage_errors(f"cannot write {path}"):
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        kept = "".join(f"{line}\n" for line in text.splitlines() if _images_of(line) <= images)
        if kept != text:
            with new_file(path) as aside:
                aside.write_text(kept, encoding="utf-8")
        stream = path.open("a", encoding="utf-8")
        board = _tensorboard(out, images, warn)

    def record(progress: Progress) -> None:
        numbers = {"images": progress.images, "steps": progress.steps, "images_per_second": progress.images_per_second}
        with storage_errors(f"cannot write {path}"):
            stream.write(json.dumps(numbers | progress.metrics) + "\n")
            stream.flush()
            if board is not None:
                for name, value in progress.metrics.items():
                    board.add_scalar(name, value, progress.images)

    try:
        yield record
    finally:
        with storage_errors(f"cannot write {path}"), stream:  # closing writes what is left
            if board is not None:
                board.close()


def _images_of(line: str) -> float:
    """How many images a line of metrics stands at; infinity for one that is torn."""
    try:
        return float(json.loads(line)["images"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return math.inf


def _tensorboard(out: Path, images: int, warn: Callable[[str], None]) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        warn("TensorBoard is not installed (pip install 'genzoo[train]'); metrics go to metrics.jsonl alone")
        return None
    return SummaryWriter(str(out / "tensorboard"), purge_step=images)
