"""The classes that a run's networks see, and whether the data have them."""

from __future__ import annotations

from zoo.catalogue.recipes.recipe import Resolved
from zoo.data.loading import Data
from zoo.errors import ConfigError
from zoo.nn.build import build_parts

__all__ = ["check_classes", "classes_seen"]


def classes_seen(resolved: Resolved) -> int:
    """How many classes the architecture's parts see labels of; 0: they see none. Raises what `build_parts` raises."""
    parts = build_parts(resolved.architecture, resolved.config).values()
    return max(getattr(part, "num_classes", None) or 0 for part in parts)


def check_classes(num_classes: int, data: tuple[Data | None, ...]) -> None:
    """Raise ConfigError for data without labels, or with another number of classes than the networks see.

    Every example has one of the classes: a loader gives no label below 0, and whoever has examples of an unknown class
    makes that a class, too.
    """
    for examples in data:
        if not num_classes or examples is None:
            continue
        where = f"{examples.name} ({examples.split})"
        networks = f"the networks see labels of {num_classes} classes"
        if examples.labels is None:
            raise ConfigError(f"{networks}, and {where} has no labels; set config.num_classes=0, or name other data")
        if len(examples.classes) != num_classes:
            found = len(examples.classes)
            raise ConfigError(
                f"{networks}, and {where} has {found}; set config.num_classes={found}, or name other data"
            )
