"""Warnings of others' code that are nobody's, kept silent while it runs."""

from __future__ import annotations

import contextlib
import re
import threading
import warnings

__all__ = ["Quiet"]


class Quiet:
    """Within it, by any number of threads at once, warnings of a kind, from modules whose name begins so, are silent.

    All threads share the filters of warnings: who puts them back as they were, as `warnings.catch_warnings` does,
    undoes what another thread has set meanwhile. Here one filter is added, and that one is taken away.
    """

    def __init__(self, category: type[Warning] = Warning, module: str = "") -> None:
        self.filter = ("ignore", None, category, re.compile(module) if module else None, 0)  # as `warnings` keeps one
        self.lock, self.within = threading.Lock(), 0

    def __enter__(self) -> None:
        with self.lock:
            if not self.within and not any(one is self.filter for one in warnings.filters):  # an equal one may be last
                warnings.filters.insert(0, self.filter)  # type: ignore[attr-defined]
            self.within += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.within -= 1
            if not self.within:
                with contextlib.suppress(ValueError):  # somebody has reset the filters
                    warnings.filters.remove(self.filter)  # type: ignore[attr-defined]
