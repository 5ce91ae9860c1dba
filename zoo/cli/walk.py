"""The verbs that go through a latent space: interpolate, traverse, manifold, scatter."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, cast

from zoo.cli.destination import check_output
from zoo.cli.examples import (
    as_given,
    asked_labels,
    decoded,
    encoding_model,
    examples_for,
    find_latents,
    loaded,
    located,
    own_data,
    row_labels,
    some,
    takes_device,
    takes_inversion,
    takes_label,
    takes_prior,
)
from zoo.cli.output import takes_offline
from zoo.cli.writing import check_size, output_of, takes_duration, takes_output, write_examples, write_walks
from zoo.errors import UsageError
from zoo.files import new_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from zoo.nn.models import Model
    from zoo.nn.prior import Prior
    from zoo.nn.sampling import Labels

__all__ = [
    "interpolate",
    "interpolate_arguments",
    "manifold",
    "manifold_arguments",
    "scatter",
    "scatter_arguments",
    "traverse",
    "traverse_arguments",
]

WAYS = {  # of `zoo.latent.interpolation.within`
    "normal": "great circles",
    "uniform": "straight lines",
    "mixture": "great circles around the mixture's mean, or straight lines where it has no mass on them,",
}


def interpolate_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo interpolate` takes."""
    command.add_argument("name")
    takes_offline(command)
    takes_device(command)
    command.add_argument(
        "--between",
        nargs=2,
        metavar="FILE",
        help="one walk between these, at its ends; of text the texts themselves, too",
    )
    command.add_argument("--data", help="walks between examples of a dataset, which stand at the ends: faces, mnist[3]")
    command.add_argument("--split", default="test", help="of the dataset (default test)")
    command.add_argument("--steps", type=int, default=8, help="examples a row (default 8)")
    command.add_argument("--rows", type=int, help="walks (default 4)")
    text = "straight lines instead of paths on which the prior has its mass"
    command.add_argument("--linear", action="store_true", help=text)
    takes_prior(command)
    takes_label(command)
    text = "class at the end of each walk, of a model that can mix classes: --label three --to-label eight"
    command.add_argument("--to-label", metavar="CLASS", help=text)
    takes_inversion(command)
    takes_output(command)
    takes_duration(command)


def interpolate(arguments: argparse.Namespace) -> None:
    """Write walks between samples, examples or files."""
    import torch

    folder = located(arguments.name)
    out = output_of(arguments, folder)
    if arguments.between:
        _check_between(arguments)
    rows = 1 if arguments.between else _rows(4 if arguments.rows is None else arguments.rows)
    model = loaded(folder, arguments.device)
    check_size(model, rows * (arguments.steps + 2), arguments.scale, out)
    x, what = _real_ends(arguments, model, 2 * rows)
    labels, prior = row_labels(model, arguments.label, rows), model.prior_of(arguments.prior)
    if x is None:
        of = _of_ends(model, labels, arguments)
        z, how = model.latents(2 * rows, seed=arguments.seed, prior=arguments.prior, labels=of), ""
    else:
        _path(arguments, prior, prior.sample(2, seed=0))  # refuses bad steps before the ends are looked for
        of = _of_ends(model, labels, arguments) if arguments.label else None
        z, how = find_latents(model, x, arguments.inversion_steps, of)
    walks = [
        decoded(model, _path(arguments, prior, z[2 * i : 2 * i + 2]), _classes_on_the_way(model, label, arguments))
        for i, label in enumerate(labels)
    ]
    if x is not None:
        walks = [torch.cat([x[2 * i : 2 * i + 1], walk, x[2 * i + 1 : 2 * i + 2]]) for i, walk in enumerate(walks)]
    write_walks(model, walks, out, arguments)
    line = "straight lines" if arguments.linear else WAYS[prior.name]
    ends = f"; the ends {how}" if how else ""
    out.say(f"{what}, {arguments.steps} steps along {line} through {arguments.name}{ends}")


def _path(arguments: argparse.Namespace, prior: Prior, ends: Tensor) -> Tensor:
    from zoo.latent.interpolation import linear, within

    start, end = ends
    return linear(start, end, arguments.steps) if arguments.linear else within(prior, start, end, arguments.steps)


def _of_ends(model: Model, labels: Sequence[str | int | None], arguments: argparse.Namespace) -> list[str | int] | None:
    """The class at the beginning and the end of each walk; None for a model without classes."""
    last = asked_labels(model, [arguments.to_label]) if arguments.to_label else [None]
    found = [end for label in labels if label is not None for end in (label, label if last[0] is None else last[0])]
    return found or None


def _classes_on_the_way(model: Model, label: str | int | None, arguments: argparse.Namespace) -> Labels:
    """The class of a walk, or the shares of two on the way from one to the other, (steps, num_classes)."""
    if arguments.to_label is None:
        return label
    import torch

    from zoo.nn.sampling import check_labels

    if not model.mixes_labels or label is None:
        raise UsageError(f"--to-label: {arguments.name} cannot mix classes; leave it out")
    ends = check_labels([label, *asked_labels(model, [arguments.to_label])], 2, model.num_classes, model.classes)
    shares = torch.nn.functional.one_hot(cast("Tensor", ends), model.num_classes or 0).float()
    return torch.lerp(shares[:1], shares[1:], torch.linspace(0, 1, arguments.steps)[:, None])


def _check_between(arguments: argparse.Namespace) -> None:
    first, last = arguments.between
    if arguments.rows is not None or arguments.data:
        raise UsageError("--between is one walk between two; leave --rows and --data out")
    if first == last:
        raise UsageError(f"--between has {first} twice; there is no way between")


def _real_ends(arguments: argparse.Namespace, model: Model, count: int) -> tuple[Tensor | None, str]:
    """The examples the walks begin and end with, (count, *data_shape), None for samples; and what they are."""
    import torch

    if arguments.between:
        return torch.cat([model.examples(end) for end in arguments.between]), " to ".join(arguments.between)
    if arguments.data:
        data = examples_for(model, arguments.data, arguments.split).data
        words = f"{count // 2} walks between examples of {arguments.data} ({arguments.split}), seed {arguments.seed}"
        return as_given(model, data[some(len(data), count, arguments.seed)]), words
    return None, f"{count // 2} walks between samples, seed {arguments.seed}"


def _rows(rows: int) -> int:
    if not 1 <= rows <= 1000:
        raise UsageError(f"--rows is {rows}; it must be a whole number from 1 to 1000")
    return rows


def traverse_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo traverse` takes."""
    command.add_argument("name")
    takes_offline(command)
    takes_device(command)
    command.add_argument("--dimension", type=int, required=True, help="which coordinate: whole number from 0")
    command.add_argument("--steps", type=int, default=9, help="examples a row (default 9)")
    command.add_argument("--rows", type=int, default=4, help="samples (default 4)")
    text = "from -reach to reach (default: where the prior has nearly all of it, 3 for a normal one)"
    command.add_argument("--reach", type=float, help=text)
    takes_prior(command)
    takes_label(command)
    takes_output(command)
    takes_duration(command)


def traverse(arguments: argparse.Namespace) -> None:
    """Write samples with one coordinate of the latent going from low to high."""
    from zoo.latent.interpolation import traversal
    from zoo.nn.given import whole

    folder = located(arguments.name)
    out, rows = output_of(arguments, folder), _rows(arguments.rows)
    model = loaded(folder, arguments.device)
    check_size(model, rows * arguments.steps, arguments.scale, out)
    if arguments.reach is not None and not 0 < arguments.reach < float("inf"):
        raise UsageError(f"--reach is {arguments.reach}; it must be a number above 0")
    prior, labels = model.prior_of(arguments.prior), row_labels(model, arguments.label, rows)
    of = [label for label in labels if label is not None] or None
    starts = model.latents(rows, seed=arguments.seed, prior=arguments.prior, labels=of)
    dimension = whole("dimension", arguments.dimension, 0, starts[0].numel() - 1)
    low, high = prior.limits(dimension) if arguments.reach is None else (-arguments.reach, arguments.reach)
    walks = [traversal(z, dimension, arguments.steps, low=low, high=high) for z in starts]
    write_walks(model, [decoded(model, z, of) for z, of in zip(walks, labels, strict=True)], out, arguments)
    at = f"coordinate {dimension} of {starts[0].numel()} from {low:.4g} to {high:.4g}"
    out.say(f"{rows} samples of {arguments.name}, seed {arguments.seed}, {at}")


def _check_plane(model: Model, name: str, instead: str) -> None:
    if model.latent_shape != (2,):
        shape = " x ".join(map(str, model.latent_shape))
        raise UsageError(f"{name} has {shape} latent dimensions, and a plane has 2; try `zoo {instead}`")


def manifold_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo manifold` takes."""
    command.add_argument("name")
    takes_offline(command)
    takes_device(command)
    command.add_argument("-n", type=int, default=20, help="examples a side (default 20)")
    takes_prior(command)
    takes_label(command)
    takes_output(command, seed=False)


def manifold(arguments: argparse.Namespace) -> None:
    """Write a grid over a plane of latents."""
    from zoo.latent.interpolation import plane

    folder = located(arguments.name)
    out = output_of(arguments, folder)
    if not 2 <= arguments.n <= 1000:
        raise UsageError(f"-n is {arguments.n}; it must be a whole number from 2 to 1000")
    model = loaded(folder, arguments.device)
    _check_plane(model, arguments.name, f"traverse {arguments.name} --dimension 0")
    check_size(model, arguments.n**2, arguments.scale)
    z = plane(arguments.n, prior=model.prior_of(arguments.prior))
    (label,) = row_labels(model, arguments.label, 1)
    write_examples(model, decoded(model, z, label), out, columns=arguments.n, scale=arguments.scale)
    out.say(f"the central 95 % of both latent dimensions of {arguments.name}, each cell as likely as any other")


def scatter_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo scatter` takes."""
    command.add_argument("name", help="a model with an encoder (needs genzoo[latent])")
    takes_offline(command)
    takes_device(command)
    command.add_argument("--data", help="another dataset than the model's own")
    command.add_argument("--split", default="test", help="of the dataset (default test)")
    command.add_argument("-n", type=int, help="how many examples, at random (default all)")
    command.add_argument("--seed", type=int, default=0, help="of their choice: whole number from 0 (default 0)")
    command.add_argument("-o", "--output", required=True, metavar="FILE", help="the plot: its ending says the format")


def scatter(arguments: argparse.Namespace) -> None:
    """Plot codes of examples, coloured by class."""
    from zoo.latent.codes import codes_of
    from zoo.latent.scatter import scatter

    out = _plot_path(Path(arguments.output))
    model = encoding_model(located(arguments.name), arguments.device)
    _check_plane(model, arguments.name, f"continuity {arguments.name}")
    reference = own_data(model, arguments.data)
    examples = examples_for(model, reference, arguments.split)
    chosen = some(len(examples.data), arguments.n, arguments.seed)
    z = codes_of(model, examples, chosen).mean
    labels = None if examples.labels is None else examples.labels[chosen]
    title = f"{len(z):,} examples of {reference} ({arguments.split}), encoded by {arguments.name}"
    plot = scatter(z, labels, examples.classes, title=title)
    with new_file(out) as aside:
        plot.save(aside)
    print(f"{out}: {title}")


def _plot_path(path: Path) -> Path:
    """The path, if a picture can be written there. Raises as `check_output`."""
    from zoo.catalogue.plugins.loading import default_registry

    return check_output(path, default_registry().modality("image").suffixes)
