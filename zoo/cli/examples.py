"""What the verbs that read examples share: models, files, examples of data sets, their latents."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.catalogue.weights.folder import PRIORS
from zoo.cli.output import complain
from zoo.cli.progress import Bar
from zoo.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from zoo.catalogue.weights.folder import Folder
    from zoo.data.loading import Examples
    from zoo.nn.abilities import Encodes
    from zoo.nn.models import Model
    from zoo.nn.sampling import Labels

__all__ = [
    "as_given",
    "asked_labels",
    "decoded",
    "device_of",
    "encoding_model",
    "example_of",
    "examples_for",
    "find_latents",
    "loaded",
    "located",
    "other_data",
    "own_data",
    "own_folder",
    "reference_of",
    "row_labels",
    "seeds_of",
    "some",
    "split_if_any",
    "takes_device",
    "takes_inversion",
    "takes_label",
    "takes_prior",
    "takes_seeds",
    "takes_write",
    "writable_folder",
]

INVERSION_STEPS = 300
SEEDS = "0,1,2"


def located(name: str) -> Folder:
    """Where a model is. A command asks once, and hands the folder on: a branch of the Hub's may move in between."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.locate import locate

    return locate(name, default_registry())


def takes_device(command: argparse.ArgumentParser) -> None:
    """Add --device to the arguments of a verb's `command`."""
    text = "where the model computes: auto, cpu, cuda, cuda:1, mps (default cpu)"
    command.add_argument("--device", default="cpu", metavar="DEVICE", help=text)


def device_of(arguments: argparse.Namespace) -> torch.device:
    """What --device of the `arguments` names. Raises UsageError, naming those that are there, for one that is not."""
    from zoo.nn.devices import find_device

    return find_device(arguments.device)


def loaded(folder: Folder, device: str) -> Model:
    """The model of a folder, on a device. Raises UsageError for one that is not there, and what loading raises."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.nn.devices import find_device
    from zoo.nn.pretrained import load_folder

    place = find_device(device)
    return load_folder(folder, default_registry()).to(place)


def encoding_model(folder: Folder, device: str) -> Encodes:
    """The model of a folder. Raises UsageError for one that has no encoder, and what loading raises."""
    from zoo.nn.abilities import encoding

    return encoding(loaded(folder, device), folder.name)


def decoded(model: Model, z: Tensor, labels: Labels = None) -> Tensor:
    """What a model makes of latents, on the CPU."""
    return model.decode(z, labels).cpu()


def examples_for(model: Model, reference: str, split: str) -> Examples:
    """A dataset's split in the shape that the model takes; a line for what was left out of it.

    A path is read as the model's own data were. Raises what `load_dataset` raises.
    """
    from zoo.catalogue.contract.data_references import with_options_of
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.data.loading import load_dataset, told

    reference, own = reference_of(model, reference), model.info.get("data", {}).get("name")
    reference = with_options_of(reference, own) if isinstance(own, str) else reference
    examples = load_dataset(reference, registry=default_registry(), split=split, data_shape=model.data_shape)
    for line in told(examples):
        complain(line)
    return examples


def other_data(model: Model, reference: str) -> str | None:
    """What data are called that are not the model's own, wherever those lie now; None for its own."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.recipes.recipe import neutral
    from zoo.data.loading import load_dataset

    own = model.info["data"]
    try:
        there = load_dataset(
            reference, registry=default_registry(), split=own.get("split", "train"), data_shape=model.data_shape
        )
    except NotFoundError:  # no such split
        return neutral(reference)
    return None if there.sha256 == own.get("sha256") else neutral(reference)


def split_if_any(model: Model, reference: str, split: str) -> Examples | None:
    """As `examples_for`, or None where the dataset has no such split."""
    try:
        return examples_for(model, reference, split)
    except NotFoundError:
        return None


def reference_of(model: Model, text: str) -> str:
    """What a user has written for data, as the reference of a dataset: a path is one of the model's modality."""
    from zoo.catalogue.contract.data_references import as_reference
    from zoo.catalogue.plugins.loading import default_registry

    return as_reference(text, default_registry(), model.modality)


def takes_label(command: argparse.ArgumentParser) -> None:
    """Add --label."""
    text = "class, by name or number, of a model with classes; again for more rows"
    command.add_argument("--label", action="append", metavar="CLASS", help=text)


def takes_prior(command: argparse.ArgumentParser) -> None:
    """Add --prior."""
    text = "what latents are drawn from (default: as the model's config says); see `zoo mixture fit`"
    command.add_argument("--prior", choices=PRIORS, help=text)


def asked_labels(model: Model, asked: Sequence[str] | None) -> list[str | int]:
    """The classes asked for, or each that there is, in order; none for a model without."""
    if asked:
        return [int(text) if text.isdecimal() and text not in model.classes else text for text in asked]
    return list(range(model.num_classes or 0))


def row_labels(model: Model, asked: Sequence[str] | None, rows: int) -> list[str | int | None]:
    """The class of each of so many rows: those asked for in turn, or else all; None for a model without classes."""
    labels = asked_labels(model, asked)
    return [labels[row % len(labels)] if labels else None for row in range(rows)]


def as_given(model: Model, stored: Tensor) -> Tensor:
    """Stored examples as the model takes them and gives them."""
    from zoo.data.modality import modality_of

    return modality_of(model).values(stored)


def own_data(model: Model, given: str | None) -> str:
    """The dataset that was given, or else the one of the training. Raises UsageError where neither is known."""
    name = reference_of(model, given) if given else model.info["data"].get("name")
    if not isinstance(name, str):
        raise UsageError("the model's config does not name its data; give some with --data")
    return name


def some(count: int, n: int | None, seed: int) -> Tensor:
    """The indexes of n of `count` examples, drawn without replacement: they often stand in the order of their classes.

    None takes all as they are. Raises UsageError for an n that is not there.
    """
    import torch

    from zoo.nn.sampling import seeded

    if n is None:
        return torch.arange(count)
    if not 1 <= n <= count:
        raise UsageError(f"-n is {n}; it must be a whole number from 1 to {count:,}")
    return torch.randperm(count, generator=seeded(seed))[:n]


def example_of(path: Path, model: Model, *, whole: bool = False) -> Tensor:
    """A user's file as the model takes it, (1, *data_shape); with `whole` at its own size, where the model takes any.

    Raises what its modality raises.
    """
    from zoo.data.modality import modality_of

    if whole and model.stride is not None:
        return modality_of(model).read_whole(path, model.data_shape, model.stride)
    return modality_of(model).read(path, model.data_shape)


def takes_inversion(command: argparse.ArgumentParser) -> None:
    """Add --inversion-steps."""
    text = f"of optimisation, for a model without an encoder (default {INVERSION_STEPS})"
    command.add_argument("--inversion-steps", type=int, default=INVERSION_STEPS, metavar="N", help=text)


def find_latents(model: Model, x: Tensor, steps: int, labels: Sequence[str | int] | None = None) -> tuple[Tensor, str]:
    """Latents of examples x (N, *data_shape), on the CPU, and a clause: how they were found, and how well they fit.

    `labels` say of which classes they are, where there are classes. Raises UsageError for steps out of range where the
    model has no encoder.
    """
    from zoo.latent.inversion import MOST_STEPS, invert, value_error
    from zoo.nn.abilities import Encodes

    if isinstance(model, Encodes):
        z, how = model.encode(x, labels).mean.cpu(), "encoded"
    else:
        if not 1 <= steps <= MOST_STEPS:
            raise UsageError(f"--inversion-steps is {steps}; it must be a whole number from 1 to {MOST_STEPS:,}")
        with Bar(unit="step") as advance:
            z = invert(model, x, steps=steps, labels=labels, progress=advance).z.cpu()
        how = f"found by {steps} steps of inversion (the model has no encoder)"
    made = decoded(model, z, labels)
    if not made.is_floating_point():
        shares = (made != x).flatten(1).double().mean(1).tolist()
        return z, f"{how}, {' and '.join(f'{share:.0%}' for share in shares)} of them not as they were"
    errors = value_error(made, x).tolist()
    return z, f"{how}, root mean square error {' and '.join(f'{error:.4f}' for error in errors)} of 1"


def own_folder(name: str) -> Folder:
    """The weights folder of that name. Raises UsageError for one that is pinned, and what locating raises."""
    folder = located(name)
    if folder.source != "folder":
        raise UsageError(f"{name} is pinned and cannot change; copy its folder, {folder.path}, and name the copy")
    return folder


def takes_write(command: argparse.ArgumentParser) -> None:
    """Add --write."""
    command.add_argument("--write", action="store_true", help="write the figures and the card into the weights folder")


def takes_seeds(command: argparse.ArgumentParser, of: str) -> None:
    """Add --seeds; `of` says what they are of."""
    text = f"{of}, commas between; the spread is over them (default {SEEDS})"
    command.add_argument("--seeds", default=SEEDS, metavar="SEEDS", help=text)


def seeds_of(arguments: argparse.Namespace) -> tuple[int, ...]:
    """What --seeds of the `arguments` says. Raises UsageError for what is none."""
    seeds = arguments.seeds.split(",")
    if not all(seed.isdecimal() for seed in seeds) or len(set(seeds)) < len(seeds):
        raise UsageError(f"--seeds is {arguments.seeds!r:.80}; write whole numbers, each once: 0,1,2")
    return tuple(map(int, seeds))


def writable_folder(arguments: argparse.Namespace) -> Folder:
    """Where the model is; with --write the figures go there too, which is checked before any work is done."""
    from zoo.evaluation.results import check_writable

    folder = located(arguments.model)
    if arguments.write:
        check_writable(folder)
    return folder
