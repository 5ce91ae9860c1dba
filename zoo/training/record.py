"""What a run writes besides checkpoints: metrics.jsonl, samples, and at its end report.html; and who is told."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.catalogue.contract.specs import ModalitySpec
from zoo.catalogue.runs.folder import METRICS, SAMPLES, Recorded, examples_of
from zoo.catalogue.runs.page import write_page
from zoo.catalogue.runs.summary import details
from zoo.configs import as_data
from zoo.data.modality import Modality
from zoo.errors import ZooError
from zoo.files import new_file, storage_errors
from zoo.nn.shown import file_html
from zoo.training.attendant import Reading
from zoo.training.run import Run
from zoo.training.state import TrainState
from zoo.training.tracker import Tracked
from zoo.training.tracking import Trackers

if TYPE_CHECKING:
    from io import TextIOWrapper

    from torch import Tensor

__all__ = ["Record", "recording", "with_page"]

Warn = Callable[[str], None]
SCALE = 3  # how many times larger samples are drawn, where their kind of data is drawn


class Record:
    """The open record of a run: what is known only here is which files are open."""

    def __init__(self, out: Path, stream: TextIOWrapper, trackers: Trackers) -> None:
        self.out, self.stream, self.trackers = out, stream, trackers

    def reading(self, reading: Reading) -> None:
        """Write one reading. Raises StorageError."""
        numbers = {
            "examples": reading.examples,
            "steps": reading.steps,
            "examples_per_second": reading.examples_per_second,
        }
        with storage_errors(f"cannot write {self.out / METRICS}"):
            self.stream.write(json.dumps(numbers | reading.metrics) + "\n")
            self.stream.flush()
        self.trackers.reading(reading)

    def samples(self, x: Tensor, modality: Modality, suffix: str, examples: int, *, columns: int | None = None) -> None:
        """Write samples (N, *data_shape), made after so many examples, into one file of that suffix, `columns` a row.

        Raises StorageError, and UsageError for what the modality cannot write.
        """
        path = self.out / SAMPLES / f"{examples:012d}{suffix}"
        modality.write(x, path, columns=columns, scale=SCALE)
        self.trackers.samples(x, path, examples)


@contextlib.contextmanager
def recording(run: Run, state: TrainState, trackers: Trackers) -> Iterator[Record]:
    """Record to metrics.jsonl and trackers, from where the state is on: what a cut run wrote beyond is dropped."""
    path = run.folder / METRICS
    with storage_errors(f"cannot write {path}"):
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        kept = "".join(f"{line}\n" for line in text.splitlines() if examples_of(line) <= state.examples)
        if kept != text:
            with new_file(path) as aside:
                aside.write_text(kept, encoding="utf-8")
        stream = path.open("a", encoding="utf-8")
    try:
        trackers.begin(_tracked(run, state))
        yield Record(run.folder, stream, trackers)
    finally:
        trackers.close()
        with storage_errors(f"cannot write {path}"):
            stream.close()  # it writes what is left


def _tracked(run: Run, state: TrainState) -> Tracked:
    return Tracked(
        folder=run.folder,
        name=run.resolved.recipe.name,
        recipe=as_data(run.recorded.recipe),
        examples=state.examples,
        modality=state.trainer.modality,
        html=partial(file_html, spec=run.resolved.modality),
    )


@contextlib.contextmanager
def with_page(
    out: Path, recorded: Recorded, units: Mapping[str, str], modality: ModalitySpec, warn: Warn
) -> Iterator[None]:
    """Write report.html when the block ends, well or by an error of the zoo's own; a page that fails costs a line.

    `units` are the trainer's, and the samples are of that modality.
    """

    def write() -> None:
        try:
            write_page(out, recorded, details(out, recorded, running=False), units, modality)
        except Exception as error:  # noqa: BLE001  the run is worth more than its page
            warn(f"the page was not written ({type(error).__name__}: {error!s:.200}); the run is whole without it")

    try:
        yield
    except ZooError:
        write()
        raise
    write()
