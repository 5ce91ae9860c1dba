"""What follows runs from outside, as a plugin names it. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.catalogue.contract.names import check_name
from zoo.catalogue.contract.references import CODE, check_reference
from zoo.errors import PluginError

__all__ = ["TrackerSpec"]


@dataclass(frozen=True, kw_only=True)
class TrackerSpec:
    """What a run can be followed with, `zoo train --log NAME`: a board, a service, a file."""

    name: str
    summary: str
    tracker: str  # reference to a callable (zoo.training.Tracked) -> zoo.training.Tracker
    title: str = ""  # how it calls itself: "TensorBoard"; the name where it is empty
    install_hint: str = ""  # said when its code needs a package that is not installed: "pip install acme-zoo[board]"

    def __post_init__(self) -> None:
        check_name(self.name, "tracker")
        for key in ("summary", "title", "install_hint"):
            if not isinstance(getattr(self, key), str):
                raise PluginError(f"{self.name}: {key} must be a string")
        check_reference(self.tracker, CODE, f"tracker {self.name}: tracker")
