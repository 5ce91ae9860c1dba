"""A model's weights folder, written again where the user wants it."""

from __future__ import annotations

from pathlib import Path

import zoo
from zoo.nn import Model

__all__ = ["write"]


def write(model: Model, name: str, out: Path) -> list[Path]:
    """Write the files of a loaded model, every byte checked once more, into `out`, a new folder; gives them.

    `name` is what it was asked for by. Raises what `zoo.pull` raises.
    """
    zoo.pull(name if model.origin in ("", "bundled") else model.origin, to=out)
    return sorted(path for path in out.rglob("*") if path.is_file())
