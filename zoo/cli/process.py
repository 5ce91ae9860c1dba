"""The process of a command: its streams, its warnings and Ctrl-C, while the command runs."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from types import FrameType
from typing import Any

from zoo.catalogue.contract.process_state import OUTPUT_ASIDE
from zoo.cli.output import complain

__all__ = ["flush_output", "owned_process"]

IMPORT = "<frozen importlib._bootstrap>"  # the file of the code that imports


@contextlib.contextmanager
def owned_process(*, program: bool) -> Iterator[None]:
    """Set up the process for a command, and put it back.

    In the main thread warnings are lines of standard error, letters that the terminal's encoding lacks have
    backslashes, and what plugins print when they are imported goes to standard error. A `program`, whose the whole
    process is, has patient standard streams and a Ctrl-C that nothing swallows, too. Another thread changes nothing.
    """
    with contextlib.ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            if program:
                _open_streams()
                _interruptible()
            stack.enter_context(_words())
            if program:
                stack.callback(_let_go)
        yield


@contextlib.contextmanager
def _words() -> Iterator[None]:
    def show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
        complain(f"warning: {message}")

    stream, shown, aside = sys.stdout, warnings.showwarning, OUTPUT_ASIDE.set(True)
    errors = stream.errors if isinstance(stream, io.TextIOWrapper) else None
    warnings.showwarning = show_warning
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        OUTPUT_ASIDE.reset(aside)
        warnings.showwarning = shown
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(OSError, ValueError):  # what it still holds cannot be written; it was closed
                stream.reconfigure(errors=errors)


# --- standard streams ----------------------------------------------------------------------------------------------


class _Patient(io.FileIO):
    """A standard stream whose reader may go: what is written then is dropped, and the work goes on.

    Another fault, a full disk say, is raised, or with `quiet` not even that: nobody is left to be told.
    """

    def __init__(self, descriptor: int, *, quiet: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.quiet = quiet
        self.fault: OSError | None = None

    def write(self, content: Any, /) -> int:
        """Write, or drop what nobody reads."""
        try:
            return super().write(content)
        except BlockingIOError:
            raise
        except OSError as error:
            if not self.quiet and not isinstance(error, BrokenPipeError):
                self.fault = error
                raise
        return memoryview(content).nbytes


def flush_output() -> None:
    """Write out what was printed. Raises OSError where that fails, or has failed: argparse lets a fault go."""
    if sys.stdout is None:
        return
    sys.stdout.flush()
    if (raw := _own_output()) and raw.fault:
        raise raw.fault


def _own_output() -> _Patient | None:
    buffer = getattr(sys.stdout, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    return raw if isinstance(raw, _Patient) else None


def _open_streams() -> None:
    """Give the process three standard streams: a closed one is nowhere, and no file of ours takes its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, this one
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115 - it stays open
    sys.stdout = _patient(sys.stdout, quiet=False)
    sys.stderr = _patient(sys.stderr, quiet=True)


def _patient(stream: Any, *, quiet: bool) -> Any:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper) or stream.isatty():
        return stream
    raw = _Patient(stream.fileno(), quiet=quiet)
    through = stream.write_through
    return io.TextIOWrapper(
        raw if through else io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=through,
    )


# --- Ctrl-C --------------------------------------------------------------------------------------------------------


def _interruptible() -> None:
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored: `nohup`, `zoo … &`
        signal.signal(signal.SIGINT, _interrupt)


def _let_go() -> None:
    """The command is done: what is left to print is no fault any more, and Ctrl-C ends the rest without a word."""
    if raw := _own_output():
        raw.quiet = True
    if signal.getsignal(signal.SIGINT) is _interrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, and in the middle of an import again until that has ended.

    Modules that are imported, torch above all, catch what is raised in them, or make an ImportError of it.
    """
    if _imports(frame):
        sys.setprofile(_when_imported)
    raise KeyboardInterrupt


def _when_imported(frame: FrameType, event: str, result: object) -> None:
    if event != "return" or frame.f_code.co_filename != IMPORT:
        return
    if not _imports(frame.f_back):
        sys.setprofile(None)
        raise KeyboardInterrupt
    if result is not None and frame.f_code.co_name == "_find_and_load":  # a module, though Ctrl-C came
        signal.raise_signal(signal.SIGINT)


def _imports(frame: FrameType | None) -> bool:
    """Whether an import is under way in a frame, or in what called it."""
    while frame is not None and frame.f_code.co_filename != IMPORT:
        frame = frame.f_back
    return frame is not None
