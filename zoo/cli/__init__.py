"""The command line."""

from __future__ import annotations

from zoo.cli.main import main

__all__ = ["main"]
