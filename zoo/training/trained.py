"""Training in Python: `zoo.train`, and what it gives."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.recipes.recipe import SECTIONS
from zoo.catalogue.runs.folder import CHECKPOINTS, PAGE, checkpoints, last_metrics, read_run, samples
from zoo.errors import ZooError
from zoo.nn.models import Model
from zoo.nn.shown import file_html, table_html
from zoo.training import train as training
from zoo.training.asked import Asked, order
from zoo.training.attendant import Attendant, Reading
from zoo.training.export import export, trained_model
from zoo.training.machine.determinism import fixed_workspaces
from zoo.training.machine.processes import open_processes

__all__ = ["Trained", "train"]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A run that `zoo.train` has trained."""

    folder: Path  # of the run
    examples: int  # seen, at its newest checkpoint
    finished: bool  # whether it has seen all that its recipe asks for

    @cached_property
    def model(self) -> Model:
        """The model of the newest checkpoint, on the CPU in eval mode, with its discriminator where it has one."""
        return trained_model(self.folder, default_registry())

    def _repr_html_(self) -> str:
        """What a notebook shows: how far the run is, its last figures, and its newest samples."""
        recorded, drawn = read_run(self.folder), samples(self.folder)
        recipe = recorded.recipe
        seen = {"folder": self.folder, "examples": f"{self.examples:,} of {recipe.examples:,}"}
        figures = {key: value for key, value in last_metrics(self.folder).items() if key not in ("examples", "steps")}
        told = table_html(f"{recipe.name}: a run", {**seen, **figures, "page": self.folder / PAGE})
        with contextlib.suppress(ZooError, OSError):  # it is shown whatever becomes of its samples
            spec = default_registry().modality_of(recipe.architecture)
            return told + (file_html(drawn[-1], spec) if drawn else "")
        return told

    def export(self, folder: str | os.PathLike[str], *, at: int | None = None) -> Path:
        """Write a weights folder, of an earlier checkpoint where `at` names its examples; gives the folder.

        Raises NotFoundError, IntegrityError and StorageError as `zoo export` does.
        """
        out = Path(os.path.expanduser(os.fspath(folder)))
        export(self.folder, out, default_registry(), at=at, warn=_warn)
        return out


def train(
    what: str | os.PathLike[str] = "",
    *,
    data: str | os.PathLike[str] = "",
    from_: str | os.PathLike[str] = "",
    folder: str | os.PathLike[str] = "",
    resume: bool = False,
    progress: Callable[[Reading], None] | None = None,
    device: str = "auto",
    log: str | Sequence[str] | None = None,
    **values: Any,
) -> Trained:
    """Train as `zoo train` does: `zoo.train("dcgan", data="./photos", examples=200_000)`.

    `what` is an architecture (then with `data`), a model of the catalogue, a TOML file or a run folder; with `from_`, a
    model or a run to begin with, it may be left out. `data` is a path or a dataset's name, `folder` the run's
    (`runs/NAME`), which must be new unless `resume` is given. `values` are the recipe's: `examples`, `seed`,
    `batch_size`, `config={"latent_size": 64}`, `settings={"lr": 1e-4}`. `progress` is called with each reading;
    `device` is "auto", "cpu", "cuda" or "cuda:1". `log` names trackers, `"wandb"` or a list of them (None: TensorBoard,
    where it is installed; []: none).

    What is worth a line goes to the logger "zoo". Ctrl-C saves before it is raised; `resume=True` goes on. Raises the
    ZooErrors that `zoo train` reports.
    """
    registry = default_registry()
    asked = Asked(
        what=os.fspath(what),
        data=os.fspath(data),
        start=os.fspath(from_),
        out=Path(os.path.expanduser(os.fspath(folder))) if os.fspath(folder) else None,
        resume=resume,
        given=_flat(values),
    )
    ordered = order(asked, registry)
    named = (log,) if isinstance(log, str) else None if log is None else tuple(log)
    with (
        fixed_workspaces(ordered.resolved.recipe.deterministic),
        contextlib.closing(open_processes(device)) as processes,
        _interrupts() as stopped,
    ):
        training.train(
            ordered.resolved,
            ordered.out,
            registry=registry,
            resume=ordered.resume,
            attendant=Attendant(report=progress or (lambda reading: None), warn=_warn, stop=stopped, log=named),
            processes=processes,
        )
    if stopped():
        raise KeyboardInterrupt(f"stopped and saved in {ordered.out}; resume=True goes on")
    seen = max(int(path.name) for path in checkpoints(ordered.out / CHECKPOINTS))
    return Trained(folder=ordered.out, examples=seen, finished=seen >= read_run(ordered.out).recipe.examples)


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """By the keys of `--set`: those of a table with its name before them."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if key in SECTIONS and isinstance(value, Mapping):
            flat |= {f"{key}.{inner}": one for inner, one in value.items()}
        else:
            flat[key] = value
    return flat


def _warn(line: str) -> None:
    logging.getLogger("zoo").warning(line)  # no warning: where those are errors a line would end a training


@contextlib.contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed since; the second one interrupts at once. Who else listens to it goes on listening."""
    pressed: list[int] = []

    def note(number: int, _: object) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)
