"""What the verbs that look at pictures or draw them share: models, photos, examples of data sets, their latents."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.catalogue.weights.folder import Folder
    from zoo.data.loading import Examples
    from zoo.nn.models import Encodes, Model

__all__ = [
    "as_reference",
    "asked_labels",
    "check_size",
    "encoding_model",
    "examples_for",
    "find_latents",
    "labels_of",
    "loaded",
    "located",
    "own_data",
    "own_folder",
    "photo",
    "some",
    "takes_inversion",
    "takes_picture",
]

INVERSION_STEPS = 300
PATHS = "images"  # the dataset that a plain path is one of


def takes_picture(command: argparse.ArgumentParser, *, seed: bool = True) -> None:
    """Add --scale and --output, and --seed."""
    if seed:
        command.add_argument("--seed", type=int, default=0, help="whole number from 0 (default 0)")
    command.add_argument("--scale", type=int, default=3, help="screen pixels a pixel (default 3)")
    command.add_argument("-o", "--output", required=True, metavar="FILE", help="the picture: .png, .jpg, .webp, …")


def check_size(count: int, shape: Sequence[int], scale: int) -> None:
    """Refuse, with UsageError, what no picture can hold before it is made."""
    from zoo.images.sheet import MOST_PIXELS

    if count * shape[-2] * shape[-1] * max(scale, 1) ** 2 > MOST_PIXELS:
        raise UsageError(f"{count:,} samples at scale {scale} do not fit in one picture; use fewer or a smaller scale")


def located(name: str) -> Folder:
    """Where a model is. A command asks once, and hands the folder on: a branch of the Hub's may move in between."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.locate import locate

    return locate(name, default_registry())


def loaded(folder: Folder) -> Model:
    """The model of a folder. Raises what loading raises."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.nn.pretrained import load_folder

    return load_folder(folder, default_registry())


def encoding_model(folder: Folder) -> Encodes:
    """The model of a folder. Raises UsageError for one that has no encoder, and what loading raises."""
    from zoo.nn.models import encoding

    return encoding(loaded(folder), folder.name)


def examples_for(model: Model, reference: str, split: str) -> Examples:
    """A dataset's split as the model sees pictures. Raises what `load_dataset` raises."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.data.loading import load_dataset

    channels, size = model.data_shape[:2]
    return load_dataset(reference, registry=default_registry(), split=split, image_size=size, channels=channels)


def labels_of(model: Model, examples: Examples, rows: Tensor) -> list[str | int] | None:
    """The classes of some rows of a dataset, as the model knows them; None for a model without classes.

    Raises UsageError for data without labels.
    """
    if model.num_classes is None:
        return None
    if examples.labels is None:
        raise UsageError(f"the model has classes, and {examples.name} has no labels; name data that have")
    numbers = examples.labels[rows].tolist()
    return [examples.classes[number] for number in numbers] if model.classes else numbers


def asked_labels(model: Model, asked: Sequence[str] | None, n: int) -> tuple[list[str | int] | None, int | None]:
    """Labels of n samples that fill a row for each class asked for (each that there is), and the pictures a row."""
    from zoo.nn.sampling import in_rows

    if asked:
        rows = [int(text) if text.isdecimal() and text not in model.classes else text for text in asked]
        return in_rows(n, rows)
    return in_rows(n, range(model.num_classes or 0))


def as_reference(text: str) -> str:
    """A path as the dataset of that path: `./photos` -> `images:./photos`; what names a dataset stays as it is.

    Raises NotFoundError for a bare word that names a file or folder here, and no dataset.
    """
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.errors import NotFoundError

    name = text.partition("[")[0].partition(":")[0]
    if text in (".", "..") or text.startswith(("./", "../", "~", "/")) or name == text.removesuffix(".tar") + ".tar":
        return f"{PATHS}:{text}"
    if text and name == text and ("dataset", name) not in default_registry().entries and Path(text).exists():
        raise NotFoundError(
            f"no dataset is named {text!r:.100}; if the files of that name here are meant, write ./{text}"
        )
    return text


def own_data(model: Model, given: str | None) -> str:
    """The dataset that was given, or else the one of the training. Raises UsageError where neither is known."""
    name = as_reference(given) if given else model.info["data"].get("name")
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


def photo(path: Path, model: Model) -> Tensor:
    """A photo as (1, C, S, S) in [0, 1]. Raises NotFoundError, StorageError, and DataError for what is no picture."""
    from zoo.errors import DataError, NotFoundError
    from zoo.files import storage_errors
    from zoo.images.decode import MAX_FILE_BYTES, Rules, decode

    if not path.is_file():
        raise NotFoundError(f"there is no photo {path}")
    with storage_errors(f"cannot read {path}"), path.open("rb") as stream:
        content = stream.read(MAX_FILE_BYTES + 1)
    channels, size = model.data_shape[:2]
    try:
        pixels = decode(content, Rules(image_size=size, channels=channels))
    except DataError as error:
        raise DataError(f"{path}: {error}; give a JPEG, PNG or another picture") from error
    return pixels[None].float() / 255


def takes_inversion(command: argparse.ArgumentParser) -> None:
    """Add --inversion-steps."""
    text = f"of optimisation, for a model without an encoder (default {INVERSION_STEPS})"
    command.add_argument("--inversion-steps", type=int, default=INVERSION_STEPS, metavar="N", help=text)


def find_latents(model: Model, x: Tensor, steps: int) -> tuple[Tensor, str]:
    """Latents of pictures x (N, C, S, S) in [0, 1], and a clause that says how they were found and how well they fit.

    Raises UsageError for steps out of range where the model has no encoder.
    """
    from zoo.latent.inversion import MOST_STEPS, invert, pixel_error
    from zoo.nn.models import Encodes

    if isinstance(model, Encodes):
        z, how = model.encode(x).mean, "encoded"
    else:
        if not 1 <= steps <= MOST_STEPS:
            raise UsageError(f"--inversion-steps is {steps}; it must be a whole number from 1 to {MOST_STEPS:,}")
        z, how = invert(model, x, steps=steps).z, f"found by {steps} steps of inversion (the model has no encoder)"
    errors = pixel_error(model.decode(z), x).tolist()
    return z, f"{how}, root mean square error {' and '.join(f'{error:.4f}' for error in errors)} of 1"


def own_folder(name: str) -> Folder:
    """The weights folder of that name. Raises UsageError for one that is pinned, and what locating raises."""
    folder = located(name)
    if folder.source != "folder":
        raise UsageError(f"{name} is pinned and cannot change; copy its folder and name the copy: ./folder")
    return folder
