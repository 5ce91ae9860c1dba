"""The verbs that go through a latent space: interpolate, traverse, manifold, scatter, continuity."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.examples import (
    check_size,
    encoding_model,
    examples_for,
    find_latents,
    labels_of,
    located,
    own_data,
    photo,
    some,
    takes_inversion,
    takes_picture,
)
from zoo.cli.output import Verb, table, takes_json, takes_offline
from zoo.errors import DataError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.nn.models import Model

__all__ = ["add_walk_verbs"]

MOST_PAIRS = 5000


def add_walk_verbs(verb: Verb) -> None:
    """Add the verbs to the parser."""
    command = verb("interpolate", _interpolate, "Write walks between samples, examples or photos, a row each.")
    command.add_argument("name")
    takes_offline(command)
    command.add_argument("--between", nargs=2, metavar="PHOTO", help="one walk between these, which stand at its ends")
    command.add_argument("--data", help="walks between examples of a dataset, which stand at the ends: faces, mnist[3]")
    command.add_argument("--split", default="test", help="of the dataset (default test)")
    command.add_argument("--steps", type=int, default=8, help="pictures a row (default 8)")
    command.add_argument("--rows", type=int, help="walks (default 4)")
    command.add_argument("--linear", action="store_true", help="straight lines instead of great circles")
    takes_inversion(command)
    takes_picture(command)
    command = verb("traverse", _traverse, "Write samples with one coordinate of the latent going from low to high.")
    command.add_argument("name")
    takes_offline(command)
    command.add_argument("--dimension", type=int, required=True, help="which coordinate: whole number from 0")
    command.add_argument("--steps", type=int, default=9, help="pictures a row (default 9)")
    command.add_argument("--rows", type=int, default=4, help="samples (default 4)")
    command.add_argument("--reach", type=float, help="from -reach to reach (default 3; 1 for a uniform prior)")
    takes_picture(command)
    command = verb("manifold", _manifold, "Write a grid over a two-dimensional latent space, every cell as likely.")
    command.add_argument("name")
    takes_offline(command)
    command.add_argument("-n", type=int, default=20, help="pictures a side (default 20)")
    takes_picture(command, seed=False)
    command = verb("scatter", _scatter, "Plot two-dimensional codes of examples, coloured by class.")
    command.add_argument("name", help="a model with an encoder (needs genzoo[latent])")
    takes_offline(command)
    command.add_argument("--data", help="another dataset than the model's own")
    command.add_argument("--split", default="test", help="of the dataset (default test)")
    command.add_argument("-n", type=int, help="how many examples, at random (default all)")
    command.add_argument("--seed", type=int, default=0, help="of their choice: whole number from 0 (default 0)")
    command.add_argument("-o", "--output", required=True, metavar="FILE", help="the plot: .png, .jpg, .webp, …")
    command = verb("continuity", _continuity, "Measure how evenly latent spaces decode, models side by side.")
    command.add_argument("names", nargs="+", metavar="MODEL")
    takes_offline(command)
    command.add_argument("--data", help="another dataset than each model's own, for models with an encoder")
    command.add_argument("--split", default="test", help="of the dataset (default test)")
    command.add_argument("--pairs", type=int, default=200, help="ways that are walked (default 200)")
    command.add_argument("--seed", type=int, default=0, help="of their ends: whole number from 0 (default 0)")
    takes_json(command)


def _interpolate(arguments: argparse.Namespace) -> None:
    import torch

    from zoo.images.sheet import check_picture_path, grid, save_picture
    from zoo.nn.pretrained import load

    out = check_picture_path(Path(arguments.output))
    if arguments.between:
        _check_between(arguments)
    rows = 1 if arguments.between else _rows(4 if arguments.rows is None else arguments.rows)
    model = load(arguments.name)
    check_size(rows * (arguments.steps + 2), model.data_shape, arguments.scale)
    x, what = _real_ends(arguments, model, 2 * rows)
    if x is None:
        z, how = model.latents(2 * rows, seed=arguments.seed), ""
    else:
        _path(arguments, model.latents(2, seed=0))  # refuses bad steps before the ends are looked for
        z, how = find_latents(model, x, arguments.inversion_steps)
    walks = [model.decode(_path(arguments, z[i : i + 2])) for i in range(0, 2 * rows, 2)]
    if x is not None:
        walks = [torch.cat([x[2 * i : 2 * i + 1], walk, x[2 * i + 1 : 2 * i + 2]]) for i, walk in enumerate(walks)]
    save_picture(grid(torch.cat(walks), columns=len(walks[0]), scale=arguments.scale), out)
    line = "straight lines" if arguments.linear else "great circles"
    ends = f"; the ends {how}" if how else ""
    print(f"{out}: {what}, {arguments.steps} steps along {line} through {arguments.name}{ends}")


def _path(arguments: argparse.Namespace, ends: Tensor) -> Tensor:
    from zoo.latent.interpolation import linear, spherical

    return (linear if arguments.linear else spherical)(ends[0], ends[1], arguments.steps)


def _check_between(arguments: argparse.Namespace) -> None:
    first, last = arguments.between
    if arguments.rows is not None or arguments.data:
        raise UsageError("--between is one walk between two photos; leave --rows and --data out")
    if first == last:
        raise UsageError(f"--between has {first} twice; there is no way between")


def _real_ends(arguments: argparse.Namespace, model: Model, count: int) -> tuple[Tensor | None, str]:
    """The pictures the walks begin and end with, (count, C, S, S) in [0, 1], None for samples; and what they are."""
    import torch

    if arguments.between:
        return torch.cat([photo(Path(path), model) for path in arguments.between]), " to ".join(arguments.between)
    if arguments.data:
        data = examples_for(model, arguments.data, arguments.split).data
        words = f"{count // 2} walks between examples of {arguments.data} ({arguments.split}), seed {arguments.seed}"
        return data[some(len(data), count, arguments.seed)].float() / 255, words
    return None, f"{count // 2} walks between samples, seed {arguments.seed}"


def _rows(rows: int) -> int:
    if not 1 <= rows <= 1000:
        raise UsageError(f"--rows is {rows}; it must be a whole number from 1 to 1000")
    return rows


def _traverse(arguments: argparse.Namespace) -> None:
    import torch

    from zoo.images.sheet import check_picture_path, grid, save_picture
    from zoo.latent.interpolation import traversal
    from zoo.nn.pretrained import load

    out, rows = check_picture_path(Path(arguments.output)), _rows(arguments.rows)
    model = load(arguments.name)
    check_size(rows * arguments.steps, model.data_shape, arguments.scale)
    reach = arguments.reach if arguments.reach is not None else 1.0 if model.prior == "uniform" else 3.0
    if not 0 < reach < float("inf"):
        raise UsageError(f"--reach is {reach}; it must be a number above 0")
    starts = model.latents(rows, seed=arguments.seed)
    walks = [traversal(z, arguments.dimension, arguments.steps, low=-reach, high=reach) for z in starts]
    save_picture(grid(model.decode(torch.cat(walks)), columns=arguments.steps, scale=arguments.scale), out)
    at = f"coordinate {arguments.dimension} of {starts[0].numel()} from {-reach:g} to {reach:g}"
    print(f"{out}: {rows} samples of {arguments.name}, seed {arguments.seed}, {at}")


def _check_plane(model: Model, name: str, instead: str) -> None:
    if model.latent_shape != (2,):
        shape = " x ".join(map(str, model.latent_shape))
        raise UsageError(f"{name} has {shape} latent dimensions, and a plane has 2; try `zoo {instead}`")


def _manifold(arguments: argparse.Namespace) -> None:
    from zoo.images.sheet import check_picture_path, grid, save_picture
    from zoo.latent.interpolation import plane
    from zoo.nn.pretrained import load

    out = check_picture_path(Path(arguments.output))
    if not 2 <= arguments.n <= 1000:
        raise UsageError(f"-n is {arguments.n}; it must be a whole number from 2 to 1000")
    model = load(arguments.name)
    _check_plane(model, arguments.name, f"traverse {arguments.name} --dimension 0")
    check_size(arguments.n**2, model.data_shape, arguments.scale)
    z = plane(arguments.n, prior=model.prior)
    save_picture(grid(model.decode(z), columns=arguments.n, scale=arguments.scale), out)
    print(f"{out}: the central 95 % of both latent dimensions of {arguments.name}, each cell as likely as any other")


def _scatter(arguments: argparse.Namespace) -> None:
    from zoo.images.sheet import check_picture_path, save_picture
    from zoo.latent.scatter import scatter

    out = check_picture_path(Path(arguments.output))
    model = encoding_model(located(arguments.name))
    _check_plane(model, arguments.name, f"continuity {arguments.name}")
    reference = own_data(model, arguments.data)
    examples = examples_for(model, reference, arguments.split)
    chosen = some(len(examples.data), arguments.n, arguments.seed)
    z = model.encode(examples.data[chosen].float() / 255, labels_of(model, examples, chosen)).mean
    labels = None if examples.labels is None else examples.labels[chosen]
    title = f"{len(z):,} examples of {reference} ({arguments.split}), encoded by {arguments.name}"
    save_picture(scatter(z, labels, examples.classes, title=title), out)
    print(f"{out}: {title}")


def _continuity(arguments: argparse.Namespace) -> None:
    if not 2 <= arguments.pairs <= MOST_PAIRS:
        raise UsageError(f"--pairs is {arguments.pairs}; it must be a whole number from 2 to {MOST_PAIRS:,}")
    rows = [_measured(name, arguments) for name in arguments.names]
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        at = dict(zip(row["fractions"], row["relative"], strict=True))
        row |= {"latent": f"{row['latent_distance']:.3g}", "decoded": f"{row['decoded_distance']:.4f}"}
        row |= {f"{fraction:.0%}": f"{share:.3f}" for fraction, share in at.items()}
        row["longest step"] = f"{row['longest_step']:.4f} ± {row['longest_step_error']:.4f}"
    shares = [f"{fraction:.0%}" for fraction in rows[0]["fractions"] if fraction < 1]
    table(rows, ("name", "ends", "pairs", "latent", "decoded", *shares, "longest step"))
    print("latent, decoded: mean distance of the ends. N%: share of it decoded after N% of the way; less is smoother.")
    print("longest step: share of the decoded length that the longest of ten equal steps takes; 0.1 is even.")


def _measured(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    from dataclasses import asdict

    from zoo.latent.continuity import continuity
    from zoo.nn.pretrained import load

    model = load(name)
    ends, words = _ends(model, arguments)
    try:
        found = continuity(model.decode, ends[::2], ends[1::2])
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    return {"name": name, "ends": words, "seed": arguments.seed} | asdict(found)


def _ends(model: Model, arguments: argparse.Namespace) -> tuple[Tensor, str]:
    """The ends of the pairs, first and last in turn, (2 pairs, *latent_shape), and what they are."""
    from zoo.nn.models import Encodes

    count = 2 * arguments.pairs
    if not isinstance(model, Encodes):
        return model.latents(count, seed=arguments.seed), "draws from the prior"
    reference = own_data(model, arguments.data)
    data = examples_for(model, reference, arguments.split).data
    if count > len(data):
        raise UsageError(
            f"--pairs is {arguments.pairs}, and {reference} ({arguments.split}) has {len(data):,} examples"
        )
    x = data[some(len(data), count, arguments.seed)].float() / 255
    return model.encode(x).mean, f"codes of {reference} ({arguments.split})"
