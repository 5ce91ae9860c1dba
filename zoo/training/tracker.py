"""What follows a run from outside: the interface of a tracker, and the run that it is told of."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from torch import Tensor

from zoo.catalogue.runs.folder import read_bounded
from zoo.configs import strict_json
from zoo.data.modality import Modality
from zoo.files import new_file
from zoo.training.attendant import Reading

__all__ = ["Tracked", "Tracker"]

KNOWN = "tracking.json"  # in a run's folder: tracker -> what it calls the run
MOST_KNOWN = 2**16  # bytes of it


@final
@dataclass(frozen=True, kw_only=True)
class Tracked:
    """The run that a tracker follows."""

    folder: Path  # the run's; what a tracker keeps on the disk lies in it
    name: str  # of its recipe
    recipe: Mapping[str, Any]  # as recipe.json has it, JSON-able
    examples: int  # seen already: what a run that was cut wrote beyond is told again
    modality: Modality  # of its samples
    html: Callable[[Path], str]  # a file of samples as a page shows it

    def known_as(self, tracker: str) -> str | None:
        """What that tracker has called this run before it was cut, None for a new one."""
        found = self._known().get(tracker)
        return found if isinstance(found, str) else None

    def call(self, tracker: str, known: str) -> None:
        """Keep `known`, what that tracker calls this run, for `known_as`. Raises StorageError."""
        with new_file(self.folder / KNOWN) as aside:
            aside.write_text(json.dumps(self._known() | {tracker: known}, indent=1) + "\n", encoding="utf-8")

    def _known(self) -> dict[str, Any]:
        """What was kept; nothing where that cannot be read: the run is then a new one there."""
        try:
            known = strict_json(read_bounded(self.folder / KNOWN, MOST_KNOWN))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}


class Tracker(ABC):
    """Is told how a run is doing, from the run's own thread. What it raises costs itself alone.

    It is built by a callable (Tracked) -> Tracker, when the run begins, goes on, or was taken back by the doctor.
    """

    @abstractmethod
    def reading(self, reading: Reading) -> None:
        """One reading: means of metrics since the last one, at so many examples."""

    def samples(self, x: Tensor, path: Path, examples: int) -> None:  # noqa: B027 - many show figures alone
        """Samples x (N, *data_shape), made after so many examples, and the file of them in the run's folder."""

    @abstractmethod
    def close(self) -> None:
        """The run has ended, or stops for now: what is held back is written."""
