"""What a pipeline calls the classes that it is asked for: one name each. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

__all__ = ["classes_of"]


def classes_of(id2label: object, count: int) -> list[str]:
    """The names of `count` classes by a table of number -> names, with commas between; none where there is no table.

    The library finds a class by any of its names. Here its name is the first that no other class has, too; where there
    is none, the first with the number behind it: "crane (134)". Raises ValueError for a table that misses a class,
    knows another, or has anything but text for one.
    """
    if id2label is None:
        return []
    if not isinstance(id2label, Mapping):
        raise ValueError(f"id2label is {id2label!r:.40}; it must be a table of number -> name")
    if len(id2label) != count:
        raise ValueError(f"id2label names {len(id2label):,} classes, the network has {count:,}")
    if absent := next((key for key in map(str, range(count)) if key not in id2label), ""):
        raise ValueError(f"id2label has no class {absent}, of {count:,}")
    names = [_names(key, id2label[key]) for key in map(str, range(count))]
    owners = Counter(name for each in names for name in set(each))
    return [
        next((name for name in each if owners[name] == 1), f"{each[0]} ({number})") for number, each in enumerate(names)
    ]


def _names(key: str, text: object) -> list[str]:
    found = [name.strip() for name in text.split(",")] if isinstance(text, str) and text.isprintable() else []
    if not any(found):
        raise ValueError(f"id2label calls class {key} {text!r:.40}, which is no name")
    return [name for name in found if name]
