"""Run as `python -m zoo.testing.imported MODULE ANSWER`: import a module in this fresh process.

ANSWER becomes a JSON file: the heavy packages that came along.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

__all__ = ["heavy_of"]

HEAVY = ("torch", "torchvision")


def heavy_of(module: str) -> list[str]:
    """The heavy packages that importing the module loads."""
    importlib.import_module(module)
    return [name for name in HEAVY if name in sys.modules]


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(heavy_of(sys.argv[1])), encoding="utf-8")
