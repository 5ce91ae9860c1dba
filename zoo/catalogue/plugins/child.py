"""A process of its own in which a plugin is loaded, bounded in time and output."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from zoo.catalogue.contract.registry import KINDS
from zoo.catalogue.plugins.installed import Installed
from zoo.catalogue.plugins.loading import load_plugin, owned_by

__all__ = ["in_a_child", "probe"]

HEAVY = ("torch", "torchvision", "numpy", "huggingface_hub", "safetensors", "PIL", "scipy", "pandas", "tqdm")


MOST_OUTPUT = 4_096  # bytes of a plugin's output that are kept


CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from zoo.catalogue.plugins.child import probe; probe(*sys.argv[2:])"
)


def in_a_child(plugin: Installed, time_limit: float) -> tuple[dict[str, Any], str, str]:
    """What `probe` saw, what was printed, and how the process ended: "", "hangs" or its exit status in words."""
    with tempfile.TemporaryDirectory(prefix="zoo-examine-", ignore_cleanup_errors=True) as folder:
        told = Path(folder) / "answer.json"
        words = [sys.executable, "-P", "-c", CHILD, json.dumps(sys.path), json.dumps(asdict(plugin)), str(told)]
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
    }
    Path(answer).write_text(json.dumps(seen), encoding="utf-8")
