"""The verbs about pictures as a model sees them: reconstruct, edit, likelihood. Thin, like all of the command line."""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.cli_examples import (
    encoding_model,
    examples_for,
    find_latents,
    own_data,
    photo,
    some,
    takes_inversion,
    takes_picture,
)
from zoo.cli_output import Verb
from zoo.errors import UsageError
from zoo.progress import ImageBar

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
    command.add_argument("photos", nargs="*", metavar="PHOTO", help="cut to the central square and resized")
    command.add_argument("--model", required=True, help="a model with an encoder")
    takes_picture(command)
    command.add_argument("--data", help="examples of a dataset instead of photos: faces, mnist[3]")
    command.add_argument("--split", default="test", help="of the dataset (default test)")
    command.add_argument("-n", type=int, default=8, help="how many examples of the dataset, at random (default 8)")
    command = verb("edit", _edit, "Move a photo along a concept: a strip, one picture a strength.")
    command.add_argument("photo", metavar="PHOTO", help="cut to the central square and resized")
    command.add_argument("--model", required=True, help="whose latent space it is; a GAN's is found by inversion")
    takes_picture(command, seed=False)
    takes_inversion(command)
    command.add_argument("--concept", required=True, help="a name of `zoo concept list MODEL`")
    command.add_argument("--strength", default="-2,-1,0,1,2", help="standard deviations (default -2,-1,0,1,2)")
    command = verb("likelihood", _likelihood, "Estimate the likelihood of held-out data by importance sampling.")
    command.add_argument("model")
    command.add_argument("--data", help="another dataset than the model's own")
    command.add_argument("--split", default="test", help="of the dataset (default test)")
    command.add_argument("-n", type=int, help="how many examples, at random (default all)")
    command.add_argument("--samples", type=int, default=1000, help="latents an example (default 1000)")
    command.add_argument("--seed", type=int, default=0, help="whole number from 0 (default 0)")
    command.add_argument("--json", action="store_true", help="print a list of objects")


def _reconstruct(arguments: argparse.Namespace) -> None:
    import torch

    from zoo.pictures import check_picture_path, grid, save_picture

    out = check_picture_path(Path(arguments.output))
    if bool(arguments.photos) == bool(arguments.data) or len(arguments.photos) > MOST_PHOTOS:
        raise UsageError(f"give up to {MOST_PHOTOS:,} photos, or --data with a dataset")
    model = encoding_model(arguments.model)
    if arguments.photos:
        x = torch.cat([photo(Path(path), model) for path in arguments.photos])
    else:
        chosen = min(arguments.n, MOST_PHOTOS)
        data = examples_for(model, arguments.data, arguments.split).data
        x = data[some(len(data), chosen, arguments.seed)].float() / 255
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
    from zoo.nn.pretrained import load
    from zoo.pictures import check_picture_path, grid, save_picture

    out, strengths = check_picture_path(Path(arguments.output)), _strengths(arguments.strength)
    model = load(arguments.model)
    concept = load_concept(arguments.model, arguments.concept)
    x = photo(Path(arguments.photo), model)
    z, how = find_latents(model, x, arguments.inversion_steps)
    moved = torch.cat([x, model.decode(torch.cat([concept.apply(z, strength) for strength in strengths]))])
    save_picture(grid(moved, columns=len(moved), scale=arguments.scale), out)
    channels, size = model.data_shape[:2]
    done = f"cut to its central square and resized to {size}x{size}" + (", in grey" if channels == 1 else "")
    print(f"{out}: {arguments.photo}, {done}; its latent {how}; then {concept.name} at {', '.join(f'{s:g}' for s in strengths)}")


def _likelihood(arguments: argparse.Namespace) -> None:
    from zoo.evaluation.likelihood import importance_weighted_nll

    model = encoding_model(arguments.model)
    reference = own_data(model, arguments.data)
    data = examples_for(model, reference, arguments.split).data
    data = data[some(len(data), arguments.n, arguments.seed)]
    settings: dict[str, Any] = model.info.get("training", {}).get("recipe", {}).get("settings", {})
    with ImageBar(quiet=arguments.json) as advance:
        report = importance_weighted_nll(
            model,
            data,
            samples=arguments.samples,
            seed=arguments.seed,
            binarise=settings.get("binarise") is True,
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
