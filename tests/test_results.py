"""docs/results.md: its tables are what the weights folders hold."""

from __future__ import annotations

import importlib.util
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


def test_the_tables_are_what_was_measured() -> None:
    """Made anew they are the same; a figure that is changed by hand is put right."""
    found = importlib.util.spec_from_file_location("generate_results", DOCS / "generate_results.py")
    assert found is not None
    assert found.loader is not None
    generator = importlib.util.module_from_spec(found)
    found.loader.exec_module(generator)
    text = (DOCS / "results.md").read_text(encoding="utf-8")
    assert generator.page(text) == text
    assert generator.page(text.replace("| 82.31 |", "| 8.31 |")) == text
