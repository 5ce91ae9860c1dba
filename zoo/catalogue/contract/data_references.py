"""How a dataset is named: `name`, `name[selection]`, `name:path`."""

from __future__ import annotations

import re
from pathlib import Path

from zoo.catalogue.contract.names import NAME
from zoo.errors import UsageError

__all__ = ["parse_reference"]

REFERENCE = re.compile(
    rf"(?P<name>(?:{NAME.pattern}/)?{NAME.pattern})(?:\[(?P<selection>[^\[\]]+)\])?(?::(?P<path>[^\x00]+))?", re.DOTALL
)


def parse_reference(text: str) -> tuple[str, str | None, Path | None]:
    """`name`, `name[selection]`, `name:path` or `name[selection]:path` as (name, selection, path).

    The name may carry a namespace: `acme/photos[x]`. Raises UsageError when `text` is none of these.
    """
    match = REFERENCE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise UsageError(
            f"dataset {text!r:.100}: cannot be read; write NAME, NAME[CLASS] or NAME:PATH, as in cifar10[frog]"
        )
    path = match["path"]
    return match["name"], match["selection"], None if path is None else Path(path)
