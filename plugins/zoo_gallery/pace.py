"""How far something is, told now and then: whoever looks wants no thousand lines a second."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Pace", "Tell"]

TICK = 0.1  # seconds between two looks

Tell = Callable[..., None]  # (event, **facts); it raises where nobody looks any longer


class Pace:
    """Called with (done, in all), it tells the progress of one of `count` equal pieces as that of all."""

    def __init__(self, tell: Tell, *, index: int = 0, count: int = 1) -> None:
        self.tell, self.index, self.count = tell, index, count
        self.told = time.monotonic()

    def due(self) -> bool:
        """Whether it is time to tell something again; then it counts as told."""
        if time.monotonic() - self.told < TICK:
            return False
        self.told = time.monotonic()
        return True

    def __call__(self, done: int, total: int) -> None:
        if self.due():
            self.tell("progress", done=self.index * total + done, total=self.count * total)
