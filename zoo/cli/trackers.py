"""What `zoo train --log` means."""

from __future__ import annotations

from zoo.errors import UsageError

__all__ = ["trackers_of"]

NONE = "none"


def trackers_of(text: str | None) -> tuple[str, ...] | None:
    """The names of trackers, joined by commas; none for "none", None where nothing was said. Raises UsageError."""
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(","))
    if "" in names or (NONE in names and len(names) > 1):
        raise UsageError(f"--log is {text!r:.80}; name trackers of `zoo list trackers`, joined by commas, or {NONE}")
    return () if names == (NONE,) else names
