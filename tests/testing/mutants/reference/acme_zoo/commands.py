"""The verb `zoo acme/hello`."""

from __future__ import annotations


def hello(arguments: list[str]) -> int:
    """Say nothing."""
    return 0
