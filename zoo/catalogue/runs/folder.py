"""A run folder on the disk, read without torch: what is there, how far it is, and whether it is going on.

    recipe.json        the recipe with every default written out, the data's fingerprint, versions and threads
    checkpoints/       the last two, named by examples seen
    samples/           the averaged model's samples at fixed latents, a file each time, named by examples seen
    metrics.jsonl      one line a reading;  tensorboard/ the same, where TensorBoard is installed
    doctor.jsonl       one line for each thing the doctor found
    report.html        curves, grids and recipe on one page

Everything is read with a bound: a run folder may be anybody's.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.catalogue.recipes.recipe import Recipe
from zoo.catalogue.weights.folder import RUN
from zoo.configs import as_data, decode, strict_json
from zoo.errors import ConfigError, DataError, NotFoundError, StorageError
from zoo.files import UNBLOCKED, storage_errors
from zoo.locks import is_locked, locked

__all__ = [
    "CHECKPOINTS",
    "DOCTOR",
    "METRICS",
    "MOST_JSON",
    "PAGE",
    "RECIPE",
    "SAMPLES",
    "Recorded",
    "as_written",
    "checkpoints",
    "digest_of",
    "entries_of",
    "examples_of",
    "free_beside",
    "hold",
    "is_held",
    "last_metrics",
    "metrics_of",
    "read_bounded",
    "read_run",
    "regular_file",
    "samples",
]

RECIPE, CHECKPOINTS, SAMPLES, METRICS, PAGE = RUN, "checkpoints", "samples", "metrics.jsonl", "report.html"
LOCK, DOCTOR = ".lock", "doctor.jsonl"
MOST_JSON = 2**22  # bytes of recipe.json, of doctor.jsonl and of a checkpoint's numbers
MOST_METRICS = 2**27  # bytes of metrics.jsonl
MOST_LINE = 2**16  # bytes of one line of it
MOST_ENTRIES = 100_000  # names looked at in a folder
POINTS = 4_000  # readings kept of a run, evenly
PATIENCE = 0.1  # seconds: who only asks for a lock holds it for a moment


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What recipe.json says."""

    recipe: Recipe
    facts: dict[str, Any]  # data: name, split, count, sha256;  torch, threads
    changed: tuple[str, ...] | None = None  # how the recipe differs from the catalogue's; None: not known, or no such

    def to_json(self) -> dict[str, Any]:
        """As it is written."""
        data = {"recipe": as_data(self.recipe), "facts": self.facts}
        return data if self.changed is None else data | {"changed": list(self.changed)}


def read_run(folder: Path) -> Recorded:
    """Read recipe.json. Raises NotFoundError where there is none, ConfigError where it is damaged, StorageError."""
    path = folder / RECIPE
    if not path.is_file():
        raise NotFoundError(f"{folder} is no run folder: it has no {RECIPE}")
    text = read_bounded(path, MOST_JSON)
    try:
        data = strict_json(text)
        recipe, facts, changed = data["recipe"], data["facts"], data.get("changed")
        if not isinstance(facts["data"], dict) or not {"torch", "threads"} <= set(facts):
            raise ValueError("its facts are not those of a run")
        if changed is not None and not (isinstance(changed, list) and all(isinstance(line, str) for line in changed)):
            raise ValueError("what changed is no list of texts")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{path} is damaged ({error!s:.120}); start a new run folder") from error
    lines = None if changed is None else tuple(changed)
    return Recorded(recipe=decode(Recipe, recipe, str(path)), facts=facts, changed=lines)


def read_bounded(path: Path, most: int) -> bytes:
    """The bytes of a regular file. Raises DataError where there are more than `most` or it is no file, StorageError."""
    with storage_errors(f"cannot read {path}"), regular_file(path) as stream:
        raw: bytes = stream.read(most + 1)
    if len(raw) > most:
        raise DataError(f"{path} has more than {most:,} bytes, which no run writes")
    return raw


@contextlib.contextmanager
def regular_file(path: Path) -> Iterator[Any]:
    """The file, opened without waiting for the other end of a pipe. Raises DataError where it is none, OSError."""
    with open(os.open(path, UNBLOCKED), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise DataError(f"{path} is no file")
        yield stream


# --- checkpoints and samples ---------------------------------------------------------------------------------------


def digest_of(tensors: str, numbers: Mapping[str, Any]) -> str:
    """The sha256 (hex) of a checkpoint: over that of its tensor file, and its numbers."""
    return hashlib.sha256(f"{tensors} {json.dumps(numbers, sort_keys=True)}".encode()).hexdigest()


def as_written(tensors: str, numbers: Mapping[str, Any]) -> bool:
    """Whether a checkpoint's numbers, as they are on the disk, carry the digest of both files."""
    others = {key: value for key, value in numbers.items() if key != "sha256"}
    # The tensors' digest alone is what was written before the numbers were part of it.
    return numbers["sha256"] in (digest_of(tensors, others), tensors)


def checkpoints(folder: Path) -> list[Path]:
    """The complete checkpoints in a folder, oldest first."""
    return sorted(_numbered(folder, files=False), key=lambda path: int(path.name))


def samples(run: Path) -> list[Path]:
    """A run's files of samples, oldest first."""
    return sorted(_numbered(run / SAMPLES, files=True), key=lambda path: int(path.stem))


def _numbered(folder: Path, *, files: bool) -> Iterable[Path]:
    """What is named by examples seen: files, which have a suffix, or folders, which have none."""
    if not folder.is_dir():
        return []
    with storage_errors(f"cannot read {folder}"):
        kind = Path.is_file if files else Path.is_dir
        found = [path for path in entries_of(folder) if path.stem.isdecimal() and bool(path.suffix) == files]
        return [path for path in found if path.name.isascii() and len(path.stem) <= 20 and kind(path)]


def free_beside(run: Path) -> Path:
    """A name beside a run's that no folder has yet: `runs/mine-2`."""
    count = 2
    while (free := run.with_name(f"{run.resolve().name}-{count}")).exists():
        count += 1
    return free


def entries_of(folder: Path) -> list[Path]:
    """What is in a folder, in no order. Raises DataError where it is out of all proportion, OSError."""
    with os.scandir(folder) as entries:
        paths: list[Path] = []
        for entry in entries:
            if len(paths) == MOST_ENTRIES:
                raise DataError(f"{folder} holds more than {MOST_ENTRIES:,} files, which no run writes")
            paths.append(Path(entry.path))
    return paths


# --- metrics -------------------------------------------------------------------------------------------------------


def examples_of(line: str | bytes) -> float:
    """How many examples a line of metrics stands at; infinity for one that is torn."""
    row = _row(line)
    return math.inf if row is None else float(row["examples"])


def _row(line: str | bytes) -> dict[str, Any] | None:
    """A line of metrics, its numbers alone; None for one that is torn or damaged."""
    try:
        data = json.loads(line)
        row = {key: value for key, value in data.items() if type(value) in (int, float) and math.isfinite(value)}
        return row if float(row["examples"]) >= 0 else None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def metrics_of(run: Path) -> list[dict[str, float]]:
    """The readings of a run, oldest first; of very many evenly some. Torn lines are passed over.

    Raises DataError for a file of no run, StorageError where it cannot be read.
    """
    path = run / METRICS
    if not path.exists():
        return []
    kept: list[dict[str, float]] = []
    stride, index, left, last = 1, 0, MOST_METRICS, None
    with storage_errors(f"cannot read {path}"), regular_file(path) as stream:
        while line := stream.readline(MOST_LINE):
            left -= len(line)
            if left < 0:
                raise DataError(f"{path} has more than {MOST_METRICS:,} bytes, which no run writes")
            row = _row(line)
            if row is None:
                continue
            last = row
            if index % stride == 0:
                kept.append(row)
            index += 1
            if len(kept) > 2 * POINTS:
                kept, stride = kept[::2], 2 * stride
    return kept if last is None or kept[-1] is last else [*kept, last]


def last_metrics(run: Path) -> dict[str, float]:
    """The newest reading of a run, or nothing; of a long file only the end is read. Raises DataError, StorageError."""
    path = run / METRICS
    if not path.exists():
        return {}
    with storage_errors(f"cannot read {path}"), regular_file(path) as stream:
        stream.seek(max(0, os.fstat(stream.fileno()).st_size - MOST_LINE))
        lines = stream.read(MOST_LINE).splitlines()
    rows = (_row(line) for line in reversed(lines))
    return next((row for row in rows if row is not None), {})


# --- the lock ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def hold(run: Path) -> Iterator[None]:
    """Make the folder and hold its lock: a second run into it is refused. Raises StorageError."""
    with contextlib.ExitStack() as stack:
        with storage_errors(f"cannot write into {run}"):
            (run / SAMPLES).mkdir(parents=True, exist_ok=True)
            free = stack.enter_context(locked(run / LOCK, wait=PATIENCE))
        if not free:
            raise StorageError(f"another process is training in {run}; wait for it or name another folder")
        yield


def is_held(run: Path) -> bool:
    """Whether a process is training in the folder now."""
    try:
        return is_locked(run / LOCK)
    except OSError:
        return False
