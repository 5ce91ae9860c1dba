"""What the verbs that write examples share: a sheet of them in one file, or a walk that moves."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.destination import NPZ, Destination, find_destination
from zoo.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.catalogue.weights.folder import Folder
    from zoo.nn.models import Model

__all__ = ["check_size", "output_of", "takes_duration", "takes_output", "write_examples", "write_walks"]

FRAME = 100  # milliseconds
SHORTEST, LONGEST = 20, 60_000
SCALE = 3  # screen pixels a pixel, in a sheet


def takes_output(command: argparse.ArgumentParser, *, seed: bool = True, samples: bool = False) -> None:
    """Add --scale, --output and --format, and --seed; of `samples` the output may be left out, or be a folder."""
    if seed:
        command.add_argument("--seed", type=int, default=0, help="whole number from 0 (default 0)")
    text = f"screen pixels a pixel (default {SCALE}" + (", 1 in a folder)" if samples else ")")
    command.add_argument("--scale", type=int, default=None if samples else SCALE, help=text)
    file = "the file, whose ending says the format; - is standard output"
    folder = "the file, whose ending says the format; a folder/ gets a file an example; - is standard output"
    more = "; of text it may be left out" if samples else ""
    text = (folder if samples else file) + more
    command.add_argument("-o", "--output", required=not samples, metavar="FILE", help=text)
    text = "png, wav, mid …: of standard output" + (" and of the files in a folder" if samples else "")
    command.add_argument("--format", metavar="FORMAT", help=text)


def takes_duration(command: argparse.ArgumentParser) -> None:
    """Add --duration: for verbs whose walks can be animations."""
    text = f"milliseconds a step in an animation, as -o walk.gif is one (default {FRAME})"
    command.add_argument("--duration", type=int, default=FRAME, metavar="MS", help=text)


def check_size(model: Model, count: int, scale: int, out: Destination | None = None) -> None:
    """Refuse what no file can hold, and a format that needs what is not installed, before anything is made.

    Raises UsageError, NotFoundError.
    """
    from zoo.data.modality import modality_of

    modality = modality_of(model)
    modality.fits(count, model.data_shape, scale=scale)
    if out is not None:
        modality.check_writable(Path(f"{out.path}{out.suffix}" if out.piped else out.path))


def output_of(arguments: argparse.Namespace, folder: Folder, *, samples: bool = False) -> Destination:
    """Where the examples go; nothing is loaded yet. Raises as `find_destination`.

    A verb that takes --duration writes walks: animations, where the ending is that of one. `samples` may go into a
    folder, and be numbers.
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
    suffixes = (*spec.suffixes, NPZ) if samples else spec.suffixes
    return find_destination(arguments, suffixes, spec.animations if walks else (), folders=samples)


def write_examples(model: Model, x: Tensor, out: Destination, *, columns: int | None, scale: int) -> None:
    """Write what a model gives into one file. Raises what its modality raises."""
    from zoo.data.modality import modality_of

    with out.file() as path:
        modality_of(model).write(x.cpu(), path, columns=columns, scale=scale)


def write_walks(
    model: Model,
    walks: Sequence[Tensor],
    out: Destination,
    arguments: argparse.Namespace,
    *,
    beside: Sequence[Tensor] = (),
) -> None:
    """Write walks (T, *data_shape), as a sheet of one row each, or as an animation of T frames that runs for ever.

    `beside` is an example (1, *data_shape) for each walk, which stands before it and stays while it moves.
    """
    import torch

    from zoo.catalogue.plugins.loading import default_registry
    from zoo.data.modality import modality_of

    if out.suffix not in default_registry().modality(model.modality).animations:
        rows = [torch.cat(pair) for pair in zip(beside, walks, strict=True)] if beside else walks
        write_examples(model, torch.cat(list(rows)), out, columns=len(rows[0]), scale=arguments.scale)
        return
    moving = list(walks)
    if beside:
        moving = [x for still, walk in zip(beside, walks, strict=True) for x in (still.expand_as(walk), walk)]
    frames, columns = torch.stack(moving, 1), 2 if beside else None
    with out.file() as path:
        how = {"columns": columns, "scale": arguments.scale, "duration": arguments.duration}
        modality_of(model).animate(frames, path, **how)
