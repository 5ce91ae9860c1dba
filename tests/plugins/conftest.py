"""Fixtures: what the tests of shards share: tars of pictures that say their number, and how they are read."""

from __future__ import annotations

from pathlib import Path

import pytest
from plugins.shard_files import (
    files_of,
    make,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty shards of ten pictures, numbered as they stand, in the classes 0, 1 and 2; and one of the split test."""
    for shard in range(20):
        rows = range(10 * shard, 10 * shard + 10)
        make(tmp_path / "shards" / f"part-{shard:02}.tar", files_of(rows, lambda row: f"{row % 3}\n"))
    make(tmp_path / "shards" / "test-00.tar", files_of(range(900, 910), lambda row: f"{row % 3}\n"))
    return tmp_path / "shards"
