"""Others' code is imported by one thread at a time, and what it changes of the process is put back and named."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar

from zoo.catalogue.contract.process_things import ABSENT, THINGS, UNKNOWN

__all__ = ["LOCK", "OUTPUT_ASIDE", "ProcessState", "foreign_code"]

OUTPUT_ASIDE = ContextVar("OUTPUT_ASIDE", default=False)  # true where the command line runs, whose the process is
LOCK = threading.RLock()  # one for all: who imports others' code may ask for the catalogue, and the other way round


class ProcessState:
    """What the process has set when this is made, and again after each `put_back`.

    Random numbers and the filters of warnings are left alone where other threads run: these change them too.
    """

    def __init__(self) -> None:
        self._alone = _alone()
        self._seen = [None if thing.alone and not self._alone else thing.now() for thing in THINGS]

    def put_back(self) -> tuple[str, ...]:
        """Set what has changed to what it was, and give the names of what had.

        What belongs to a module that was imported meanwhile is set to what it is in a process that has set nothing;
        random numbers are then seeded anew.
        """
        changed = []
        for index, thing in enumerate(THINGS):
            if thing.alone and not (self._alone and _alone()):
                continue
            now, before = thing.now(), self._seen[index]
            wanted = thing.fresh if before is ABSENT else before
            if now is ABSENT or now == wanted:
                continue
            with contextlib.suppress(OSError, ValueError, RuntimeError):  # what cannot be set is named all the same
                thing.put(sys.modules[thing.module], wanted)
            if wanted is not UNKNOWN:
                changed.append(thing.name)
            self._seen[index] = thing.now()
        return tuple(dict.fromkeys(changed))


def _alone() -> bool:
    return threading.active_count() == 1


@contextlib.contextmanager
def foreign_code() -> Iterator[ProcessState]:
    """Import others' code within: other threads that want to wait, and what it has changed is put back at the end.

    In the command line what it prints goes to standard error: standard output is the command's own.
    """
    with LOCK, _output_aside() if OUTPUT_ASIDE.get() else contextlib.nullcontext():
        state = ProcessState()
        try:
            yield state
        finally:
            state.put_back()


@contextlib.contextmanager
def _output_aside() -> Iterator[None]:
    """Where this is the only thread, what is written past Python (by C code, by another program) goes aside too."""
    with contextlib.redirect_stdout(sys.stderr), contextlib.ExitStack() as stack:
        if _alone():
            with contextlib.suppress(OSError, ValueError):  # a closed stream
                _flush()
                saved = os.dup(1)
                stack.callback(os.close, saved)
                os.dup2(2, 1)
                stack.callback(os.dup2, saved, 1)
                stack.callback(_flush)
        yield


def _flush() -> None:
    if sys.__stdout__ is not None and not sys.__stdout__.closed:
        sys.__stdout__.flush()
