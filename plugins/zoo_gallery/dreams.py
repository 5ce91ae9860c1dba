"""A dream on a photo: the verb that the catalogue has for it is run, and its progress told."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zoo.api import CommandSpec, default_registry
from zoo.cli import progress_to
from zoo.errors import UsageError
from zoo.files import shell_line
from zoo_gallery.asked import Asked
from zoo_gallery.references import attribute, shown_by
from zoo_gallery.uploads import make_room

__all__ = ["VERB", "dreamt"]

VERB, KIND, ENDING = "dream", "image", ".png"
TAKEN = ("size", "octaves", "steps", "rate", "layers")  # of the verb's options
LARGEST = 1024  # pixels of the longer side


def dreamt(asked: Asked, folder: Path, tell: Callable[..., None]) -> dict[str, Any]:
    """Run the verb on the file that was sent; its `items` in HTML, and the `file` that was written below `folder`.

    Raises UsageError for options that it has not, and what the verb raises.
    """
    if unknown := set(asked.options) - set(TAKEN):
        raise UsageError(f"a dream takes {', '.join(TAKEN)}, not {', '.join(sorted(unknown))}")
    if not 32 <= float(asked.options.get("size", 0)) <= LARGEST:
        raise UsageError(f"a dream's size is a number of pixels from 32 to {LARGEST:,} here; `zoo dream` takes more")
    photo, out = folder / "uploads" / Path(asked.upload).name, folder / f"{secrets.token_hex(8)}{ENDING}"
    if not asked.upload or not photo.is_file():
        raise UsageError("there is no photo to dream on; choose one, and again after the gallery was started anew")
    options = [f"--{name}={value}" for name, value in asked.options.items()] + [f"--seed={asked.seed}"]
    registry = default_registry()
    spec: CommandSpec = registry.command(VERB)
    parser = argparse.ArgumentParser(prog=f"zoo {VERB}", exit_on_error=False)
    attribute(spec.arguments)(parser)
    try:
        arguments = parser.parse_args([str(photo), f"--output={out}", *options])
    except (argparse.ArgumentError, SystemExit) as error:
        raise UsageError(f"the dream's options cannot be meant: {error}; change them") from error
    make_room(folder)
    with progress_to(lambda done, total: tell("progress", done=done, total=total)):
        attribute(spec.run)(arguments)
    return {
        "items": [(0, shown_by(registry.modality(KIND), out))],
        "file": {"path": out.name, "name": f"dream{ENDING}"},
        "code": {
            "python": f'import zoo_dream\nx = zoo_dream.dream("photo.jpg", {_arguments(asked)})',
            "shell": shell_line(["zoo", VERB, "photo.jpg", "-o", f"dream{ENDING}", *options]),
        },
    }


def _arguments(asked: Asked) -> str:
    """The options in Python; of layers, which a command has as `NAME=WEIGHT,NAME`, the weights by name."""
    given: dict[str, Any] = dict(asked.options) | {"seed": asked.seed}
    if "layers" in given:
        parts = [part.strip().partition("=") for part in str(given["layers"]).split(",")]
        given["layers"] = {name: float(weight or 1) for name, _, weight in parts}
    return ", ".join(f"{name}={value!r}" for name, value in given.items())
