"""TensorBoard: events in the run's folder `tensorboard/`."""

from __future__ import annotations

from pathlib import Path
from typing import final

from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from zoo.training.attendant import Reading
from zoo.training.tracker import Tracked, Tracker

__all__ = ["TensorBoard"]


@final
class TensorBoard(Tracker):
    """Metrics as scalars, and samples as their kind of data is shown there."""

    def __init__(self, run: Tracked) -> None:
        self.log = run.modality.log
        # purge_step hides that step and all after it
        self.board = SummaryWriter(str(run.folder / "tensorboard"), purge_step=run.examples + 1)

    def reading(self, reading: Reading) -> None:
        """Scalars, by examples seen."""
        for name, value in reading.metrics.items():
            self.board.add_scalar(name, value, reading.examples)

    def samples(self, x: Tensor, path: Path, examples: int) -> None:
        """What the kind of data shows there."""
        self.log(self.board, x, examples)

    def close(self) -> None:
        """Write what is left."""
        self.board.close()
