"""Run as `python -m zoo.testing.worker SENT ANSWER`: take over a config and parts, as a worker process does.

SENT is a file that the parent process has just packed. ANSWER becomes a JSON file: the config as plain data, or a text
that says what went wrong.
"""

from __future__ import annotations

import json
import sys
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

from zoo.configs import as_data

__all__ = ["unpacked"]


def unpacked(sent: bytes) -> Any:
    """The config that was packed, as plain data, or what went wrong."""
    try:
        config, parts = ForkingPickler.loads(sent)
        for part in parts.values():
            part.state_dict()
        return as_data(config)
    except Exception as error:  # noqa: BLE001 - whatever the plugin's code raises is the answer
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(unpacked(Path(sys.argv[1]).read_bytes())), encoding="utf-8")
