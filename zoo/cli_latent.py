"""The verbs of models that encode: reconstruct, edit, concept, likelihood. Thin, like the rest of the command line."""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli_output import Verb, plain, takes_offline
from zoo.errors import UsageError
from zoo.progress import ImageBar

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.data.loading import Examples
    from zoo.nn.models import VAE

__all__ = ["add_latent_verbs", "join_negatives"]

MOST_PHOTOS = 1000
NEGATIVES = re.compile(r"-[\d.][\d.,e+-]*")


def join_negatives(argv: Sequence[str]) -> list[str]:
    """`--strength -2,-1` as `--strength=-2,-1`: argparse takes a list that begins with a minus for an option."""
    words: list[str] = []
    for word in argv:
        if words and words[-1].startswith("--") and "=" not in words[-1] and NEGATIVES.fullmatch(word):
            words[-1] += f"={word}"
        else:
            words.append(word)
    return words


def add_latent_verbs(verb: Verb) -> None:
    """Add the verbs to the parser."""
    command = verb("reconstruct", _reconstruct, "Encode pictures and decode them again: two rows, the first as given.")
    takes_offline(command)
    command.add_argument("photos", nargs="*", metavar="PHOTO", help="cut to the central square and resized")
    _model_and_picture(command)
    command.add_argument("--data", help="examples of a dataset instead of photos: faces, mnist[3]")
    command.add_argument("--split", default="test", help="of the dataset (default test)")
    command.add_argument("-n", type=int, default=8, help="how many examples of the dataset, at random (default 8)")
    command.add_argument("--seed", type=int, default=0, help="of their choice: whole number from 0 (default 0)")
    command = verb("edit", _edit, "Move a photo along a concept: a strip, one picture a strength.")
    takes_offline(command)
    command.add_argument("photo", metavar="PHOTO", help="cut to the central square and resized")
    _model_and_picture(command)
    command.add_argument("--concept", required=True, help="a name of `zoo concept list MODEL`")
    command.add_argument("--strength", default="-2,-1,0,1,2", help="standard deviations (default -2,-1,0,1,2)")
    command = verb("concept", _concept, "Fit a concept to labelled examples, list them, or show one.")
    takes_offline(command)
    command.add_argument("action", choices=["fit", "list", "show"])
    command.add_argument("model", help="for fit a weights folder: ./folder")
    command.add_argument("concept", nargs="?", help="the concept's name, for fit and show")
    command.add_argument("--data", help="labelled examples to fit to, such as faces")
    command.add_argument("--factor", help="the factor that is 1 for positives, 0 for negatives, below 0 for unknown")
    command.add_argument("--balance", metavar="FACTOR", help="a factor that must not be carried along")
    command.add_argument("--split", default="train", help="of the dataset (default train)")
    command.add_argument("--probe", action="store_true", help="fit a linear probe instead of a mean difference")
    command.add_argument("--json", action="store_true", help="print a list of objects")
    command = verb("likelihood", _likelihood, "Estimate the likelihood of held-out data by importance sampling.")
    takes_offline(command)
    command.add_argument("model")
    command.add_argument("--data", help="another dataset than the model's own")
    command.add_argument("--split", default="test", help="of the dataset (default test)")
    command.add_argument("-n", type=int, help="how many examples, at random (default all)")
    command.add_argument("--samples", type=int, default=1000, help="latents an example (default 1000)")
    command.add_argument("--seed", type=int, default=0, help="whole number from 0 (default 0)")
    command.add_argument("--json", action="store_true", help="print a list of objects")


def _model_and_picture(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", required=True, help="a model with an encoder")
    command.add_argument("--scale", type=int, default=3, help="screen pixels a pixel (default 3)")
    command.add_argument("-o", "--output", required=True, metavar="FILE", help="the picture: .png, .jpg, .webp, …")


def _encoding_model(name: str) -> VAE:
    from zoo.nn.models import VAE
    from zoo.nn.pretrained import load

    model = load(name)
    if not isinstance(model, VAE):
        raise UsageError(f"{name} has no encoder: it can sample and decode, but not look at a picture")
    return model


def _examples(reference: str, split: str, model: VAE) -> Examples:
    from zoo.data.loading import load_dataset
    from zoo.plugins import default_registry

    channels, size = model.data_shape[:2]
    return load_dataset(reference, registry=default_registry(), split=split, image_size=size, channels=channels)


def _some(data: Tensor, n: int | None, seed: int) -> Tensor:
    """n of the data, drawn without replacement: they often stand in the order of their classes."""
    import torch

    from zoo.nn.sampling import seeded

    if n is None:
        return data
    if not 1 <= n <= len(data):
        raise UsageError(f"-n is {n}; it must be a whole number from 1 to {len(data):,}")
    return data[torch.randperm(len(data), generator=seeded(seed))[:n]]


def _photo(path: Path, model: VAE) -> Tensor:
    """A photo as (1, C, S, S) in [0, 1], and a line that says what was done to it."""
    from zoo.data.images import MAX_FILE_BYTES, Rules, decode
    from zoo.errors import DataError, NotFoundError
    from zoo.files import storage_errors

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


def _reconstruct(arguments: argparse.Namespace) -> None:
    import torch

    from zoo.pictures import check_picture_path, grid, save_picture

    out = check_picture_path(Path(arguments.output))
    if bool(arguments.photos) == bool(arguments.data) or len(arguments.photos) > MOST_PHOTOS:
        raise UsageError(f"give up to {MOST_PHOTOS:,} photos, or --data with a dataset")
    model = _encoding_model(arguments.model)
    if arguments.photos:
        x = torch.cat([_photo(Path(photo), model) for photo in arguments.photos])
    else:
        chosen = min(arguments.n, MOST_PHOTOS)
        x = _some(_examples(arguments.data, arguments.split, model).data, chosen, arguments.seed).float() / 255
    y = model.reconstruct(x)
    save_picture(grid(torch.cat([x, y]), columns=len(x), scale=arguments.scale), out)
    error = float((x - y).square().mean().sqrt())
    print(f"{out}: {len(x)} pictures above, their reconstructions below; root mean square error {error:.4f} of 1")


def _strengths(text: str) -> list[float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not 1 <= len(values) <= 100 or not all(math.isfinite(value) for value in values):
        raise UsageError(f"--strength is {text!r:.80}; write up to 100 finite numbers, as in -2,-1,0,1,2")
    return values


def _edit(arguments: argparse.Namespace) -> None:
    import torch

    from zoo.latent.concepts import load_concept
    from zoo.pictures import check_picture_path, grid, save_picture

    out, strengths = check_picture_path(Path(arguments.output)), _strengths(arguments.strength)
    model = _encoding_model(arguments.model)
    concept = load_concept(arguments.model, arguments.concept)
    concept.check_fit(model)
    x = _photo(Path(arguments.photo), model)
    z = model.encode(x).mean
    moved = torch.cat([x, model.decode(torch.cat([concept.apply(z, strength) for strength in strengths]))])
    save_picture(grid(moved, columns=len(moved), scale=arguments.scale), out)
    channels, size = model.data_shape[:2]
    done = f"cut to its central square and resized to {size}x{size}" + (", in grey" if channels == 1 else "")
    print(f"{out}: {arguments.photo}, {done}; then {concept.name} at {', '.join(f'{s:g}' for s in strengths)}")


def _concept(arguments: argparse.Namespace) -> None:
    from zoo.latent.concepts import concepts_of, describe, load_concept
    from zoo.plugins import default_registry
    from zoo.weights import locate

    if arguments.action == "list":
        known = concepts_of(locate(arguments.model, default_registry()))
        rows = [describe(concept) for concept in known.values()]
    else:
        if not arguments.concept:
            raise UsageError(f"zoo concept {arguments.action} MODEL CONCEPT: the concept's name is missing")
        if arguments.action == "fit":
            _fit(arguments)
        rows = [describe(load_concept(arguments.model, arguments.concept))]
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        measures = "  ".join(f"{key} {value:.4g}" for key, value in row["measures"].items())
        print(plain(f"{row['name']}, {row['method']} of {row['source'] or 'examples not named'}: {measures}"))


def _fit(arguments: argparse.Namespace) -> None:
    from dataclasses import replace

    from zoo.latent.concepts import ConceptVector, concepts_of, save_concepts
    from zoo.plugins import default_registry
    from zoo.weights import locate

    if not arguments.data or not arguments.factor:
        raise UsageError("zoo concept fit needs --data DATASET and --factor NAME")
    folder = locate(arguments.model, default_registry())
    if folder.source != "folder":
        raise UsageError(f"{arguments.model} is pinned and cannot change; copy its folder and name the copy: ./folder")
    model = _encoding_model(arguments.model)
    names = [arguments.factor, *([arguments.balance] if arguments.balance else [])]
    sides = _labelled(arguments.data, arguments.split, names, model)
    balance = (sides[0][1], sides[1][1]) if arguments.balance else None
    positives, negatives = (pixels.float() / 255 for pixels, _ in sides)
    concept = ConceptVector.fit(
        model,
        positives,
        negatives,
        name=arguments.concept,
        balance=balance,
        method="linear_probe" if arguments.probe else "mean_difference",
    )
    balanced = f", balanced over {arguments.balance}" if arguments.balance else ""
    source = f"{arguments.data}, split {arguments.split}: {arguments.factor} 1 against 0{balanced}"
    concept = replace(concept, source=source)
    kept = {name: c for name, c in concepts_of(folder).items() if name != concept.name}
    save_concepts(folder.path, [*kept.values(), concept])


def _labelled(reference: str, split: str, names: Sequence[str], model: VAE) -> list[tuple[Tensor, Tensor]]:
    """The examples whose first factor is 1, then those whose is 0: (pixels, the last factor) of each side."""
    examples = _examples(reference, split, model)
    missing = [name for name in names if name not in examples.factors]
    if missing:
        there = ", ".join(examples.factors) or "none"
        raise UsageError(f"{reference} has no factor {missing[0]!r:.80}; it has {there}")
    factor, second = examples.factors[names[0]], examples.factors[names[-1]]
    return [(examples.data[factor == value], second[factor == value]) for value in (1, 0)]


def _likelihood(arguments: argparse.Namespace) -> None:
    from zoo.evaluation.likelihood import importance_weighted_nll

    model = _encoding_model(arguments.model)
    reference = arguments.data or model.info["data"].get("name")
    if not isinstance(reference, str):
        raise UsageError(f"the config of {arguments.model} does not name its data; give some with --data")
    data = _some(_examples(reference, arguments.split, model).data, arguments.n, arguments.seed)
    recipe = model.info["training"].get("recipe")
    settings = recipe.get("settings") if isinstance(recipe, dict) else None
    with ImageBar(quiet=arguments.json) as advance:
        report = importance_weighted_nll(
            model,
            data,
            samples=arguments.samples,
            seed=arguments.seed,
            binarise=isinstance(settings, dict) and settings.get("binarise") is True,
            progress=advance,
        )
    row = {"name": arguments.model, "data": reference, "split": arguments.split} | report.to_json()
    if arguments.json:
        print(json.dumps([row], indent=1))
        return
    binary = "binarised " if report.binarised else ""
    print(
        f"{report.nll:.3f} nats ± {report.standard_error:.3f} (standard error; {report.monte_carlo_error:.3f} from the "
        f"latents), {report.bits_per_dim:.4f} bits a dimension: {report.examples:,} {binary}examples of {reference} "
        f"({arguments.split}), {report.samples:,} latents each; the ELBO gives {report.negative_elbo:.3f}"
    )
