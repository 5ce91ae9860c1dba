"""What the tests of the command line share."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from zoo.catalogue.contract.references import import_reference
from zoo.catalogue.contract.specs import CommandSpec
from zoo.catalogue.plugins.loading import default_registry
from zoo.cli.main import _Parser, join_negatives, main
from zoo.cli.verbs import VERBS
from zoo.errors import UsageError

RECIPE = """
name = "tiny"
summary = "Shapes of 8 pixels."
architecture = "dcgan"
dataset = "shapes[circle]"
trainer = "adversarial"
licence = "Apache-2.0"
examples = 32
batch_size = 4
log_every = 8
sample_every = 16
checkpoint_every = 16

[config]
image_size = 8
latent_size = 4
generator_widths = [4]
discriminator_widths = [4]
"""


Run = Callable[..., tuple[int, str, str]]


def listing(folder: Path) -> dict[str, str]:
    """Every file and folder below a folder, files with the sha256 of their content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in folder.rglob("*")
    }


def python(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """A Python of its own, with warnings as errors and buffered output."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-W", "error", *arguments]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": env}
    return subprocess.run(command, text=True, check=False, **(streams | more))


def verbs() -> list[CommandSpec]:
    """The core's verbs, and those of the zoo's own plugins."""
    owned = default_registry().list("command")
    return [*VERBS, *(one.spec for one in owned if "/" not in one.name and isinstance(one.spec, CommandSpec))]


def code_of(*argv: object) -> int:
    """The exit code of a command in this process; its words may be paths and numbers."""
    return main([str(word) for word in argv])


def parsed(words: Sequence[str]) -> argparse.Namespace:
    """What the command line's own parser makes of the words behind `zoo`. Raises UsageError where it takes them not,
    SystemExit of 0 for --help.
    """
    spec = next((verb for verb in verbs() if verb.name == words[0]), None)
    if spec is None:
        raise UsageError(f"no command is named {words[0]!r}")
    parser = _Parser(prog=f"zoo {spec.name}")
    import_reference(spec.arguments, spec.name)(parser)
    return parser.parse_args(join_negatives(words[1:]))


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def change(path: Path, how: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads(path.read_text())
    how(data)
    path.write_text(json.dumps(data))
