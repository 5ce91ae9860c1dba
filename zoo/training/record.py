"""What a run writes besides checkpoints: metrics.jsonl, samples, TensorBoard, and at its end report.html."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.catalogue.contract.specs import ModalitySpec
from zoo.catalogue.runs.folder import METRICS, SAMPLES, Recorded, examples_of
from zoo.catalogue.runs.page import write_page
from zoo.catalogue.runs.summary import details
from zoo.data.modality import Modality
from zoo.errors import ZooError
from zoo.files import new_file, storage_errors
from zoo.training.attendant import Reading

if TYPE_CHECKING:
    from io import TextIOWrapper

    from torch import Tensor

__all__ = ["Record", "recording", "with_page"]

Warn = Callable[[str], None]
SCALE = 3  # how many times larger samples are drawn, where their kind of data is drawn


class Record:
    """The open record of a run: what is known only here is which files are open."""

    def __init__(self, out: Path, stream: TextIOWrapper, board: Any) -> None:
        self.out, self.stream, self.board = out, stream, board  # board: TensorBoard's SummaryWriter, or None

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
            if self.board is not None:
                for name, value in reading.metrics.items():
                    self.board.add_scalar(name, value, reading.examples)

    def samples(self, x: Tensor, modality: Modality, suffix: str, examples: int, *, columns: int | None = None) -> None:
        """Write samples (N, *data_shape), made after so many examples, into one file of that suffix, `columns` a row.

        Raises StorageError, and UsageError for what the modality cannot write.
        """
        modality.write(x, self.out / SAMPLES / f"{examples:012d}{suffix}", columns=columns, scale=SCALE)
        if self.board is not None:
            with storage_errors(f"cannot write {self.out / 'tensorboard'}"):
                modality.log(self.board, x, examples)


@contextlib.contextmanager
def recording(out: Path, examples: int, warn: Warn) -> Iterator[Record]:
    """Record to metrics.jsonl and TensorBoard, from `examples` on: what a cut run wrote beyond is dropped."""
    path = out / METRICS
    with storage_errors(f"cannot write {path}"):
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        kept = "".join(f"{line}\n" for line in text.splitlines() if examples_of(line) <= examples)
        if kept != text:
            with new_file(path) as aside:
                aside.write_text(kept, encoding="utf-8")
        stream = path.open("a", encoding="utf-8")
        board = _tensorboard(out, examples, warn)
    try:
        yield Record(out, stream, board)
    finally:
        with storage_errors(f"cannot write {path}"), stream:  # closing writes what is left
            if board is not None:
                board.close()


def _tensorboard(out: Path, examples: int, warn: Warn) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        warn("TensorBoard is not installed (pip install 'genzoo[train]'); metrics go to metrics.jsonl alone")
        return None
    return SummaryWriter(str(out / "tensorboard"), purge_step=examples + 1)  # it hides that step and all after it


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
