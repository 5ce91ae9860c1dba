"""Who is told of a run: trackers by name, each of which costs itself alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from torch import Tensor

from zoo.catalogue.contract.references import import_reference
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.contract.trackers import TrackerSpec
from zoo.errors import PluginError
from zoo.training.attendant import Reading
from zoo.training.tracker import Tracked, Tracker

__all__ = ["Trackers", "find_trackers"]

USUAL = ("tensorboard",)  # where nobody names any: it is told where it is installed
Warn = Callable[[str], None]


class Trackers:
    """Those that a run tells. One that raises is named once, and is told no more."""

    def __init__(
        self, makers: dict[str, Callable[[Tracked], Tracker]], warn: Warn, usual: Iterable[TrackerSpec] = ()
    ) -> None:
        """`makers` build them, by name; `warn` takes the lines about those that fail. Of `usual` ones, which nobody has
        named, those are built that are installed.
        """
        self.makers, self.warn, self.usual = makers, warn, [*usual]
        self.open: dict[str, Tracker] = {}

    def begin(self, run: Tracked) -> None:
        """Build them for a run, from where it is."""
        while self.usual:
            spec = self.usual.pop()
            try:
                self.makers[spec.name] = _maker(spec, spec.name)
            except PluginError:
                self.warn(f"{spec.title} is not installed ({spec.install_hint}); metrics go to metrics.jsonl alone")
        for name, make in [*self.makers.items()]:
            self._try(name, partial(self._build, name, make, run))

    def _build(self, name: str, make: Callable[[Tracked], Tracker], run: Tracked) -> None:
        made = make(run)
        if not isinstance(made, Tracker):
            raise TypeError(f"it gives a {type(made).__name__}, no Tracker")
        self.open[name] = made

    def reading(self, reading: Reading) -> None:
        """Tell all of a reading."""
        for name, tracker in [*self.open.items()]:
            self._try(name, partial(tracker.reading, reading))

    def samples(self, x: Tensor, path: Path, examples: int) -> None:
        """Tell all of samples x (N, *data_shape), made after so many `examples`, in the file `path`."""
        for name, tracker in [*self.open.items()]:
            self._try(name, partial(tracker.samples, x, path, examples))

    def close(self) -> None:
        """The run stops, or is taken back: `begin` opens them again."""
        for name, tracker in [*self.open.items()]:
            self._try(name, tracker.close)
        self.open.clear()

    def _try(self, name: str, tell: Callable[[], None]) -> None:
        try:
            tell()
        except (Exception, SystemExit) as error:  # noqa: BLE001  the run is worth more than who looks at it
            self.open.pop(name, None)
            self.makers.pop(name, None)
            cause = " ".join(f"{type(error).__name__}: {error!s:.200}".split())
            self.warn(f"tracker {name} failed ({cause}); the run goes on without it")


def find_trackers(names: Sequence[str] | None, registry: Registry, warn: Warn) -> Trackers:
    """The trackers of these names; for None TensorBoard, where it is installed.

    Raises NotFoundError for a name that is none, and PluginError, with what to install, where its code cannot be
    imported: before anything is written.
    """
    if names is None:
        return Trackers({}, warn, [registry.tracker(name) for name in USUAL])
    return Trackers({name: _maker(registry.tracker(name), name) for name in names}, warn)


def _maker(spec: TrackerSpec, name: str) -> Callable[[Tracked], Tracker]:
    make: Callable[[Tracked], Tracker] = import_reference(spec.tracker, f"tracker {name}", spec.install_hint)
    return make
