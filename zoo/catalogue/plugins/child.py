"""A process of its own in which a plugin is loaded, bounded in time and output."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from zoo.catalogue.contract.process_state import foreign_code
from zoo.catalogue.contract.references import CODE
from zoo.catalogue.contract.registry import KINDS
from zoo.catalogue.plugins.installed import Installed
from zoo.catalogue.plugins.loading import Plugin, load_plugin, owned_by

__all__ = ["changes_of", "in_a_child", "probe", "probe_code"]

HEAVY = ("torch", "torchvision", "numpy", "huggingface_hub", "safetensors", "PIL", "scipy", "pandas", "tqdm")
MOST_OUTPUT = 4_096  # bytes of a plugin's output that are kept
TO_IMPORT = 100.0  # seconds that a process has beyond its time limit which must import torch first

CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from zoo.catalogue.plugins import child; getattr(child, sys.argv[2])(*sys.argv[3:])"
)


def in_a_child(plugin: Installed, time_limit: float, look: str = "probe") -> tuple[dict[str, Any], str, str]:
    """What `look`, `probe` or `probe_code`, saw, what was printed, and how the process ended: "", "hangs" or its exit
    status in words.
    """
    with tempfile.TemporaryDirectory(prefix="zoo-examine-", ignore_cleanup_errors=True) as folder:
        told = Path(folder) / "answer.json"
        words = [sys.executable, "-P", "-c", CHILD, json.dumps(sys.path), look, json.dumps(asdict(plugin)), str(told)]
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        with _reading(process) as printed:
            try:
                code = process.wait(time_limit)
                how = ""
            except subprocess.TimeoutExpired:
                code, how = 0, "hangs"
            finally:
                _kill(process)
        try:
            answer = json.loads(told.read_bytes())
        except (OSError, ValueError):
            answer = {}
            how = how or (f"exit code {code}" if code >= 0 else f"signal {-code}")
    return answer, " ".join(bytes(printed).decode("utf-8", "replace").split()), how


@contextlib.contextmanager
def _reading(process: subprocess.Popen[bytes]) -> Iterator[bytearray]:
    """The first bytes of what the process prints; the rest is read and dropped."""
    kept = bytearray()

    def read(stream: IO[bytes]) -> None:
        while piece := os.read(stream.fileno(), 65_536):
            kept.extend(piece[: MOST_OUTPUT - len(kept)])

    assert process.stdout is not None
    with process.stdout as stream:
        reader = threading.Thread(target=read, args=[stream], daemon=True)
        reader.start()
        yield kept
        reader.join(1)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it started."""
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def probe(plugin: str, answer: str) -> None:
    """In the child: load the plugin that the JSON text describes; what was seen becomes the JSON file `answer`."""
    before = set(sys.modules)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        start = time.perf_counter()
        loaded = load_plugin(Installed(**json.loads(plugin)))
        milliseconds = 1000 * (time.perf_counter() - start)
    seen = {
        "milliseconds": round(milliseconds, 1),
        "error": loaded.error,
        "heavy": [name for name in HEAVY if name in sys.modules and name not in before],
        "names": [(KINDS[type(owned.spec)], owned.name) for owned in owned_by(loaded)],
        "warnings": [f"{w.category.__name__}: {w.message!s:.200}" for w in caught],
        "changes": loaded.changes,
        "code": list(_code(loaded)),
    }
    Path(answer).write_text(json.dumps(seen), encoding="utf-8")


def changes_of(plugin: Installed, time_limit: float) -> tuple[tuple[str, ...], str]:
    """What importing a plugin, its spec module and what its specs refer to, changes of a process in which numpy and
    torch are there; and how the process ended, as `in_a_child` has it.
    """
    answer, _, how = in_a_child(plugin, time_limit + TO_IMPORT, "probe_code")
    return tuple(answer.get("changes", ())), how


def probe_code(plugin: str, answer: str) -> None:
    """In the child: as `probe`, but import what the specs refer to as well; `changes` is all that is told."""
    _import_all(("numpy.random", "PIL.ImageFile", "torch"))  # only of what is there can a change be told
    loaded = load_plugin(Installed(**json.loads(plugin)))
    with foreign_code() as state:
        _import_all(_code(loaded))
        changes = dict.fromkeys([*loaded.changes, *state.put_back()])
    Path(answer).write_text(json.dumps({"changes": list(changes)}), encoding="utf-8")


def _import_all(modules: Iterable[str]) -> None:
    """As many of them as there are: a plugin's may need a package that is not installed."""
    for module in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(module)


def _code(plugin: Plugin) -> Iterable[str]:
    """The modules of its own that its specs refer to."""

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for inner in value.values():
                yield from texts(inner)
        elif isinstance(value, str) and CODE.fullmatch(value) and not value.startswith("zoo."):
            yield value.partition(":")[0]

    return dict.fromkeys(module for spec in plugin.specs for module in texts(vars(spec)))
