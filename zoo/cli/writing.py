"""What the verbs that write examples share: a sheet of them in one file, or a walk that moves."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import StorageError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.catalogue.weights.folder import Folder
    from zoo.nn.models import Model

__all__ = [
    "check_output",
    "check_size",
    "output_of",
    "takes_duration",
    "takes_output",
    "write_examples",
    "write_walks",
]

FRAME = 100  # milliseconds
SHORTEST, LONGEST = 20, 60_000


def takes_output(command: argparse.ArgumentParser, *, seed: bool = True, required: bool = True) -> None:
    """Add --scale and --output, which may be `required`, and --seed."""
    if seed:
        command.add_argument("--seed", type=int, default=0, help="whole number from 0 (default 0)")
    command.add_argument("--scale", type=int, default=3, help="screen pixels a pixel (default 3)")
    text = "the file: its ending says the format" + ("" if required else "; of text it may be left out")
    command.add_argument("-o", "--output", required=required, metavar="FILE", help=text)


def takes_duration(command: argparse.ArgumentParser) -> None:
    """Add --duration: for verbs whose walks can be animations."""
    text = f"milliseconds a step in an animation, as -o walk.gif is one (default {FRAME})"
    command.add_argument("--duration", type=int, default=FRAME, metavar="MS", help=text)


def check_size(model: Model, count: int, scale: int) -> None:
    """Refuse, with UsageError, what no file can hold before it is made."""
    from zoo.data.modality import modality_of

    modality_of(model).fits(count, model.data_shape, scale=scale)


def output_of(arguments: argparse.Namespace, folder: Folder) -> Path:
    """Where the examples go. Raises as `check_output` for a file that cannot be meant; nothing is loaded yet.

    A verb that takes --duration writes walks: animations, where the ending is that of one.
    """
    from zoo.catalogue.plugins.loading import default_registry

    spec = default_registry().modality_of(folder.config()["architecture"])
    walks = "duration" in arguments
    if walks and not SHORTEST <= arguments.duration <= LONGEST:
        wanted = f"a whole number of milliseconds from {SHORTEST} to {LONGEST:,}"
        raise UsageError(f"--duration is {arguments.duration}; it must be {wanted}")
    out = Path(arguments.output)
    if not walks and out.suffix.lower() in set(spec.animations) - set(spec.suffixes):
        asked = f"zoo interpolate {folder.name} -o {out}"
        raise UsageError(
            f"{out} would be an animation, and a sheet stands still: end in {spec.suffixes[0]}, or {asked}"
        )
    return check_output(out, spec.suffixes, spec.animations if walks else ())


def check_output(out: Path, suffixes: Sequence[str], animations: Sequence[str] = ()) -> Path:
    """The path `out`, if a file that ends in one of `suffixes` or `animations` can be written there.

    Raises UsageError for another ending and for `-`, StorageError for a folder, and where its folder is not there.
    """
    if str(out) == "-":
        raise UsageError(f"-o - is standard output, and a file is written: name one, as in -o samples{suffixes[0]}")
    if out.is_dir():
        raise StorageError(f"cannot write {out}: it is a folder; name a file in it: {out / 'samples'}{suffixes[0]}")
    if out.suffix.lower() not in (*suffixes, *animations):
        moving = f", or for an animation {', '.join(animations)}" if animations else ""
        raise UsageError(f"{out} must end in one of {', '.join(suffixes)}{moving}")
    if not out.parent.is_dir():
        raise StorageError(f"cannot write {out}: there is no folder {out.parent}; make it first")
    return out


def write_examples(model: Model, x: Tensor, out: Path, *, columns: int | None, scale: int) -> None:
    """Write what a model gives into one file. Raises what its modality raises."""
    from zoo.data.modality import modality_of

    modality_of(model).write(x.cpu(), out, columns=columns, scale=scale)


def write_walks(
    model: Model, walks: Sequence[Tensor], arguments: argparse.Namespace, *, beside: Sequence[Tensor] = ()
) -> None:
    """Write walks (T, *data_shape), as a sheet of one row each, or as an animation of T frames that runs for ever.

    `beside` is an example (1, *data_shape) for each walk, which stands before it and stays while it moves.
    """
    import torch

    from zoo.catalogue.plugins.loading import default_registry
    from zoo.data.modality import modality_of

    out, modality = Path(arguments.output), modality_of(model)
    if out.suffix.lower() not in default_registry().modality(model.modality).animations:
        rows = [torch.cat(pair) for pair in zip(beside, walks, strict=True)] if beside else walks
        write_examples(model, torch.cat(list(rows)), out, columns=len(rows[0]), scale=arguments.scale)
        return
    moving = list(walks)
    if beside:
        moving = [x for still, walk in zip(beside, walks, strict=True) for x in (still.expand_as(walk), walk)]
    columns = 2 if beside else None
    modality.animate(torch.stack(moving, 1), out, columns=columns, scale=arguments.scale, duration=arguments.duration)
