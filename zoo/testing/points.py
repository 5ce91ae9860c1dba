"""The entry points of plugins as `importlib.metadata` has them, with their distributions."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint, distributions

from zoo.catalogue.plugins.installed import GROUP

__all__ = ["points"]


def points() -> list[EntryPoint]:
    """Every entry point of the group `zoo` on the path, one distribution after another, a name's first one only.

    A distribution whose entry points cannot be read is passed over: `entry_points()` would fail for all.
    """
    found: list[EntryPoint] = []
    seen: set[str] = set()
    for distribution in distributions():
        try:
            name = re.sub(r"[-_.]+", "-", distribution.name).lower()
            listed = list(distribution.entry_points)
        except Exception:  # noqa: BLE001  # whatever a damaged file makes the reader say
            continue
        if name not in seen:
            found += [point for point in listed if point.group == GROUP]
        seen.add(name)
    return found
