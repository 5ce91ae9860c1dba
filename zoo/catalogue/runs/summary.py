"""What is told of runs without torch: a line for each of a folder, and all about one."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.catalogue.recipes.recipe import Recipe
from zoo.catalogue.runs.folder import (
    CHECKPOINTS,
    DOCTOR,
    METRICS,
    MOST_JSON,
    PAGE,
    RECIPE,
    Recorded,
    as_written,
    checkpoints,
    entries_of,
    free_beside,
    is_held,
    last_metrics,
    read_bounded,
    read_run,
    regular_file,
    samples,
)
from zoo.configs import as_data, strict_json
from zoo.errors import NotFoundError, ZooError
from zoo.files import shell_line, storage_errors

__all__ = ["details", "export_words", "findings_of", "gentler", "list_runs", "summary"]

STATE, NUMBERS = "state.safetensors", "state.json"  # of a checkpoint
MOST_CHECKED = 2**34  # bytes of a checkpoint that are hashed to be shown


def list_runs(folder: Path) -> list[dict[str, Any]]:
    """A summary of each run in the folder, or of the run that it is; a damaged one is named and costs itself alone.

    Raises NotFoundError where there is no such folder, StorageError where it cannot be read.
    """
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise NotFoundError(f"{folder} {what}; name the folder that `zoo train` wrote its runs to")
    if (folder / RECIPE).is_file():
        return [summary(folder)]
    with storage_errors(f"cannot read {folder}"):
        found = sorted(path for path in entries_of(folder) if (path / RECIPE).exists())
    return [summary(run) for run in found]


@dataclass
class _Look:
    """What is found out of a run, each piece for itself."""

    problems: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def piece(self) -> Iterator[None]:
        try:
            yield
        except ZooError as error:
            self.problems.append(str(error))
        except OSError as error:
            self.problems.append(str(error.strerror or error))


def summary(run: Path, *, running: bool | None = None) -> dict[str, Any]:
    """How a run is doing, JSON-able, `name` first: recipe, examples done and wanted, state, last metrics and when.

    The state is "running" (its lock is held), "finished", "stopped", "never saved" or "damaged", then with `problem`.
    `running` says whether it is going on; None looks at the lock.
    """
    look, recorded = _Look(), None
    with look.piece():
        recorded = read_run(run)
    return _summed_up(run, recorded, look, running)


def _summed_up(run: Path, recorded: Recorded | None, look: _Look, running: bool | None) -> dict[str, Any]:
    saved: list[int] = []
    last: dict[str, float] = {}
    with look.piece():
        saved = [int(path.name) for path in checkpoints(run / CHECKPOINTS)]
    with look.piece():
        last = last_metrics(run)
    running, done = is_held(run) if running is None else running, max(saved, default=0)
    wanted = None if recorded is None else recorded.recipe.examples
    if running:
        done = max(done, int(last.get("examples", 0)))
    state = "running" if running else "never saved" if not saved else "stopped"
    if not running and wanted is not None and done >= wanted:
        state = "finished"
    if look.problems and not running:
        state = "damaged"
    return {
        "name": run.name or run.resolve().name,
        "recipe": None if recorded is None else recorded.recipe.name,
        "architecture": None if recorded is None else recorded.recipe.architecture,
        "examples": done,
        "wanted": wanted,
        "state": state,
        "metrics": {
            key: value for key, value in last.items() if key not in ("examples", "steps", "examples_per_second")
        },
        "examples_per_second": last.get("examples_per_second"),
        "when": _when(run),
        "folder": str(run),
        "problem": "; ".join(look.problems),
    }


def _when(run: Path) -> str | None:
    """When the run last wrote something, in local time."""
    for name in (METRICS, RECIPE):
        with contextlib.suppress(OSError, ValueError, OverflowError):
            moment = datetime.datetime.fromtimestamp((run / name).stat().st_mtime).astimezone()
            return moment.isoformat(timespec="seconds")
    return None


def details(run: Path, recorded: Recorded, *, running: bool | None = None) -> dict[str, Any]:
    """All that is told of a run: its summary, and recipe, data, checkpoints, samples, findings and what comes next.

    `recorded` is what `read_run` gave. `running` is as for `summary`.
    """
    told = _summed_up(run, recorded, _Look(), running)
    look, saved, grids, findings = _Look(), [], [], []
    with look.piece():
        saved = [{"examples": int(path.name), "state": _checked(path)} for path in checkpoints(run / CHECKPOINTS)]
    with look.piece():
        grids = samples(run)
    with look.piece():
        findings = findings_of(run)
    return told | {
        "recipe": as_data(recorded.recipe),
        "changed": None if recorded.changed is None else list(recorded.changed),
        "data": recorded.facts["data"],
        "torch": recorded.facts["torch"],
        "threads": recorded.facts["threads"],
        "checkpoints": saved,
        "samples": [str(path) for path in grids],
        "page": str(run / PAGE) if (run / PAGE).is_file() else None,
        "findings": findings,
        "next": _next(run, told, recorded),
    }


def _checked(checkpoint: Path) -> str:
    """Whether the bytes of a checkpoint are those that were written: "whole", "damaged", or "large, not read"."""
    tensors = checkpoint / STATE
    try:
        numbers = strict_json(read_bounded(checkpoint / NUMBERS, MOST_JSON))
        with regular_file(tensors) as stream:
            if os.fstat(stream.fileno()).st_size > MOST_CHECKED:
                return "large, not read"
            return "whole" if as_written(hashlib.file_digest(stream, "sha256").hexdigest(), numbers) else "damaged"
    except (ZooError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return "damaged"


def findings_of(run: Path) -> list[str]:
    """What the doctor found, a sentence each, oldest first; nothing where it found nothing. Raises DataError."""
    if not (run / DOCTOR).exists():
        return []
    return [f"at {found['examples']:,} examples, {found['disease']}: {found['sentence']}" for found in _findings(run)]


def _findings(run: Path) -> list[dict[str, Any]]:
    """The whole lines of doctor.jsonl."""
    found = []
    for line in read_bounded(run / DOCTOR, MOST_JSON).splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):  # a torn line
            data = json.loads(line)
            said = {"disease": str(data["disease"]), "sentence": str(data["sentence"])}
            found.append({"examples": int(data["examples"]), "action": data.get("action"), **said})
    return found


def _next(run: Path, told: Mapping[str, Any], recorded: Recorded) -> str:
    """The command that comes next, or nothing: while it is running, or where it cannot be told."""
    if told["state"] == "finished":
        return shell_line(export_words(run, recorded.recipe.name))
    if told["state"] in ("stopped", "never saved") and _was_stopped(run, told["examples"]):
        return gentler(run, recorded.recipe)
    if told["state"] in ("stopped", "never saved"):
        facts, count = recorded.facts, recorded.facts.get("processes", 1)
        many = ["torchrun", "--standalone", "--nproc_per_node", str(count), "-m", "zoo"]
        start = ["zoo"] if count == 1 else many
        same = ["--threads", str(facts["threads"]), "--device", str(facts.get("device", "cpu"))]
        return shell_line([*start, "train", _word(run), "--resume", *same])
    return ""


def _was_stopped(run: Path, done: int) -> bool:
    """Whether the doctor stopped the run after what is saved: resumed as it is, it would come to the same."""
    with contextlib.suppress(ZooError):
        return any(found["action"] == "stop" and found["examples"] > done for found in _findings(run)[-1:])
    return False


def gentler(run: Path, recipe: Recipe) -> str:
    """The command that goes on from a run's last checkpoint with half of its learning rates; anew where there is none.

    Empty where its trainer has no setting that ends in `lr`.
    """
    rates = {key: value for key, value in recipe.settings.items() if key == "lr" or key.endswith("_lr")}
    slower = [word for key, value in rates.items() for word in ("--set", f"settings.{key}={value / 2:g}")]
    begin = ["--from", str(run)] if checkpoints(run / CHECKPOINTS) else [str(run)]
    return shell_line(["zoo", "train", *begin, *slower, "--out", str(free_beside(run))]) if slower else ""


def export_words(run: Path, name: str) -> list[str]:
    """The command that makes a weights folder of a run of the recipe `name`: in one of that name which is free here."""
    plain = name.rpartition("/")[2] or "model"
    names = itertools.chain([plain], (f"{plain}-{number}" for number in itertools.count(2)))
    return ["zoo", "export", _word(run), "-o", f"./{next(free for free in names if not os.path.lexists(free))}"]


def _word(path: Path) -> str:
    """A path as a word of a command: one that begins with a dash is no option."""
    return f"./{path}" if str(path).startswith("-") else str(path)
