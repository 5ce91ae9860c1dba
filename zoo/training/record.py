"""What a run writes besides checkpoints: metrics.jsonl, samples, TensorBoard, and at its end report.html."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.catalogue.contract.specs import ModalitySpec
from zoo.catalogue.runs.folder import METRICS, SAMPLES, Recorded, images_of
from zoo.catalogue.runs.page import write_report
from zoo.catalogue.runs.summary import details
from zoo.data.modality import Modality
from zoo.errors import ZooError
from zoo.files import new_file, storage_errors
from zoo.training.loop import Progress

if TYPE_CHECKING:
    from io import TextIOWrapper

    from torch import Tensor

__all__ = ["Record", "recording", "reported"]

Warn = Callable[[str], None]
SCALE = 3  # how many times larger samples are drawn, where their kind of data is drawn


class Record:
    """The open record of a run: what is known only here is which files are open."""

    def __init__(self, out: Path, stream: TextIOWrapper, board: Any) -> None:
        self.out, self.stream, self.board = out, stream, board  # board: TensorBoard's SummaryWriter, or None

    def report(self, progress: Progress) -> None:
        """Write one report. Raises StorageError."""
        numbers = {"images": progress.images, "steps": progress.steps, "images_per_second": progress.images_per_second}
        with storage_errors(f"cannot write {self.out / METRICS}"):
            self.stream.write(json.dumps(numbers | progress.metrics) + "\n")
            self.stream.flush()
            if self.board is not None:
                for name, value in progress.metrics.items():
                    self.board.add_scalar(name, value, progress.images)

    def samples(self, x: Tensor, modality: Modality, suffix: str, images: int, *, columns: int | None = None) -> None:
        """Write samples (N, *data_shape), made after so many images, into one file of that suffix, `columns` a row.

        Raises StorageError, and UsageError for what the modality cannot write.
        """
        modality.write(x, self.out / SAMPLES / f"{images:012d}{suffix}", columns=columns, scale=SCALE)
        if self.board is not None:
            with storage_errors(f"cannot write {self.out / 'tensorboard'}"):
                modality.log(self.board, x, images)


@contextlib.contextmanager
def recording(out: Path, images: int, warn: Warn) -> Iterator[Record]:
    """Record to metrics.jsonl and TensorBoard, from `images` on: what a cut run wrote beyond is dropped."""
    path = out / METRICS
    with storage_errors(f"cannot write {path}"):
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        kept = "".join(f"{line}\n" for line in text.splitlines() if images_of(line) <= images)
        if kept != text:
            with new_file(path) as aside:
                aside.write_text(kept, encoding="utf-8")
        stream = path.open("a", encoding="utf-8")
        board = _tensorboard(out, images, warn)
    try:
        yield Record(out, stream, board)
    finally:
        with storage_errors(f"cannot write {path}"), stream:  # closing writes what is left
            if board is not None:
                board.close()


def _tensorboard(out: Path, images: int, warn: Warn) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        warn("TensorBoard is not installed (pip install 'genzoo[train]'); metrics go to metrics.jsonl alone")
        return None
    return SummaryWriter(str(out / "tensorboard"), purge_step=images + 1)  # it hides that step and all after it


@contextlib.contextmanager
def reported(
    out: Path, recorded: Recorded, units: Mapping[str, str], modality: ModalitySpec, warn: Warn
) -> Iterator[None]:
    """Write report.html when the block ends, well or by an error of the zoo's own; a report that fails costs a line.

    `units` are the trainer's, and the samples are of that modality.
    """

    def report() -> None:
        try:
            write_report(out, recorded, details(out, recorded, running=False), units, modality)
        except Exception as error:  # noqa: BLE001  the run is worth more than its report
            warn(f"the report was not written ({type(error).__name__}: {error!s:.200}); the run is whole without it")

    try:
        yield
    except ZooError:
        report()
        raise
    report()
