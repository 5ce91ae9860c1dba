"""The process that has torch: takes jobs from its standard input, a line of JSON each, and tells what becomes of them.

It ends with the process that began it, whose end of the pipe closes then.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from zoo.configs import decode
from zoo.errors import ZooError
from zoo_gallery.asked import Asked

__all__ = ["Cancelled", "main"]

Tell = Callable[..., None]  # (event, **facts)


class Cancelled(Exception):
    """Nobody looks any longer."""


class _Desk:
    """Both ends of the pipe."""

    def __init__(self, lines: BinaryIO, out: BinaryIO) -> None:
        self.lines, self.out = lines, out
        self.jobs: queue.Queue[dict[str, Any]] = queue.Queue()
        self.cancelled: set[int] = set()

    def listen(self) -> None:
        """Take jobs and cancellations until the other end closes; then end the process, whatever it does."""
        for line in self.lines:
            given = json.loads(line)
            if "cancel" in given:
                self.cancelled.add(given["cancel"])
            else:
                self.jobs.put(given)
        os._exit(0)

    def tell(self, job: int, event: str, **facts: Any) -> None:
        """Say what became of a job. Raises Cancelled where nobody wants to know."""
        self.out.write(json.dumps({"job": job, "event": event, **facts}).encode() + b"\n")
        self.out.flush()
        if job in self.cancelled and event not in ("done", "error"):
            raise Cancelled


def main() -> None:
    """Work until the other end closes the pipe."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a model prints is no answer
    desk = _Desk(sys.stdin.buffer, out)
    threading.Thread(target=desk.listen, daemon=True).start()
    while True:
        given = desk.jobs.get()
        job = given["job"]
        try:
            _work(given, lambda event, job=job, **facts: desk.tell(job, event, **facts))
        except Cancelled:
            desk.tell(job, "error", message="it was cancelled")
        except ZooError as error:
            desk.tell(job, "error", message=_line(error))
        except Exception as error:  # noqa: BLE001 - a model's code may raise anything
            desk.tell(job, "error", message=_blame(given, error))
        desk.cancelled.discard(job)


def _work(given: dict[str, Any], tell: Tell) -> None:
    if "torch" not in sys.modules:
        tell("status", text="PyTorch is being loaded")
    from zoo_gallery.views import show

    asked = decode(Asked, given["asked"], "the view")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        found = show(asked, Path(given["folder"]), tell)
        for index, html in found.pop("items", ()):
            tell("item", html=html, index=index)  # it is seen while others are made
    notes = list(dict.fromkeys(_line(one.message) for one in told if issubclass(one.category, UserWarning)))
    tell("done", notes=notes, **found)


def _line(error: object) -> str:
    return " ".join(str(error).split())


def _blame(given: dict[str, Any], error: Exception) -> str:
    """What to say of code that failed: whose it is, how, and what helps."""
    from zoo.api import default_registry

    name = given["asked"].get("model", "") or given["asked"]["view"]
    try:
        owner = f" of {default_registry().owned('model', name).owner}"
    except ZooError:
        owner = ""
    cause = f"{type(error).__name__}: {_line(error):.300}"
    return f"{name}: the code{owner} failed ({cause}); `zoo plugins check` says more, another model works on"


if __name__ == "__main__":
    main()
