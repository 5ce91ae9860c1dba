"""The verbs about examples as a model sees them: reconstruct, edit."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.examples import (
    as_given,
    asked_labels,
    decoded,
    encoding_model,
    example_of,
    examples_for,
    find_latents,
    loaded,
    located,
    some,
    takes_device,
    takes_inversion,
)
from zoo.cli.output import takes_offline
from zoo.cli.writing import check_size, output_of, takes_duration, takes_output, write_examples, write_walks
from zoo.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.nn.models import Model

__all__ = ["edit", "edit_arguments", "reconstruct", "reconstruct_arguments"]

MOST_FILES = 1000


def reconstruct_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo reconstruct` takes."""
    command.add_argument("--model", required=True, help="a model with an encoder")
    takes_offline(command)
    takes_device(command)
    _takes_examples(command)


def edit_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo edit` takes."""
    command.add_argument("--model", required=True, help="whose latent space it is; a GAN's is found by inversion")
    takes_offline(command)
    takes_device(command)
    _takes_examples(command)
    takes_inversion(command)
    command.add_argument("--concept", required=True, metavar="NAME[,NAME]", help="names of `zoo concept list MODEL`")
    command.add_argument("--strength", default="-2,-1,0,1,2", help="standard deviations (default -2,-1,0,1,2)")
    takes_duration(command)


def _takes_examples(command: argparse.ArgumentParser) -> None:
    command.add_argument("files", nargs="*", metavar="FILE", help="brought to the shape of the model's data")
    takes_output(command)
    command.add_argument("--data", help="examples of a dataset instead of files: faces, mnist[3]")
    command.add_argument("--split", default="test", help="of the dataset (default test)")
    command.add_argument("-n", type=int, default=8, help="how many examples of the dataset, at random (default 8)")
    text = "their class, by name or number, where the model has classes; again for one each"
    command.add_argument("--label", action="append", metavar="CLASS", help=text)


def reconstruct(arguments: argparse.Namespace) -> None:
    """Write examples and what the model makes of them."""
    import torch

    folder = located(arguments.model)
    out = output_of(arguments, folder)
    _check_examples(arguments)
    model = encoding_model(folder, arguments.device)
    x, labels = _asked(arguments, model, whole=True)
    y = model.reconstruct(x, labels).cpu()
    write_examples(model, torch.cat([x, y]), out, columns=len(x), scale=arguments.scale)
    error = float((x - y).square().mean().sqrt())
    out.say(f"{len(x)} examples above, their reconstructions below; root mean square error {error:.4f} of 1")


def _check_examples(arguments: argparse.Namespace) -> None:
    if bool(arguments.files) == bool(arguments.data) or len(arguments.files) > MOST_FILES:
        raise UsageError(f"give up to {MOST_FILES:,} files, or --data with a dataset")


def _asked(
    arguments: argparse.Namespace, model: Model, *, whole: bool = False
) -> tuple[Tensor, list[str | int] | None]:
    """The files, or examples of the dataset, (N, *data_shape) as the model takes them, and their classes if told.

    With `whole` one file alone keeps its size, where the model takes examples of any.
    """
    import torch

    from zoo.latent.codes import labels_of

    asked = asked_labels(model, arguments.label) if arguments.label else None
    if arguments.files:
        single = whole and len(arguments.files) == 1
        x = torch.cat([example_of(Path(path), model, whole=single) for path in arguments.files])
        return x, asked if asked is None or len(asked) > 1 else asked * len(x)
    if asked is not None:
        raise UsageError("--label is for files; the examples of a dataset have their own")
    examples = examples_for(model, arguments.data, arguments.split)
    rows = some(len(examples.data), min(arguments.n, MOST_FILES), arguments.seed)
    return as_given(model, examples.data[rows]), labels_of(model, examples, rows)


def _strengths(text: str) -> list[float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not 1 <= len(values) <= 100 or not all(math.isfinite(value) for value in values):
        raise UsageError(f"--strength is {text!r:.80}; write up to 100 finite numbers, as in -2,-1,0,1,2")
    return values


def edit(arguments: argparse.Namespace) -> None:
    """Write examples moved along concepts."""
    import torch

    from zoo.data.modality import modality_of
    from zoo.latent.concept_file import concepts_of
    from zoo.latent.concepts import concept_named

    folder = located(arguments.model)
    out, strengths = output_of(arguments, folder), _strengths(arguments.strength)
    _check_examples(arguments)
    model, known = loaded(folder, arguments.device), concepts_of(folder)
    concepts = [concept_named(name, known, folder) for name in arguments.concept.split(",")]
    for concept in concepts:
        concept.check_fit(model)
    x, labels = _asked(arguments, model)
    check_size(model, len(x) * len(concepts) * (1 + len(strengths)), arguments.scale, out)
    z, how = find_latents(model, x, arguments.inversion_steps, labels)
    walks = [
        decoded(model, torch.cat([concept.apply(z[i], s) for s in strengths]), None if labels is None else labels[i])
        for concept in concepts
        for i in range(len(x))
    ]
    write_walks(model, walks, out, arguments, beside=[x[i : i + 1] for _ in concepts for i in range(len(x))])
    done = modality_of(model).how_read(model.data_shape)
    what = f"{', '.join(arguments.files)}, {done}" if arguments.files else f"{len(x)} examples of {arguments.data}"
    moves = f"{' and '.join(c.name for c in concepts)} at {', '.join(f'{s:g}' for s in strengths)}"
    out.say(f"{what}; latents {how}; then {moves}")
