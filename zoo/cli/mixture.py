"""The verb `mixture`: a Gaussian mixture over a model's codes, kept in the weights folder as a prior."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from zoo.cli.examples import (
    encoding_model,
    examples_for,
    own_data,
    own_folder,
    some,
    split_if_any,
    takes_device,
)
from zoo.cli.output import actions, takes_json

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.nn.abilities import Encodes
    from zoo.nn.distributions import DiagonalGaussian

__all__ = ["mixture_arguments"]

HELD_OUT = 10  # one in so many examples is kept from the fit, where the dataset has no test split


def mixture_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo mixture` takes."""
    command = actions(command)("fit", _fit, "Fit a mixture to encoded examples, and keep it.")
    command.add_argument("model", metavar="FOLDER", help="a weights folder: ./folder (needs genzoo[latent])")
    text = "draw from it where no prior is named; golden samples, samples and card follow"
    command.add_argument("--default", action="store_true", help=text)
    command.add_argument("--components", type=int, default=10, help="normal distributions (default 10)")
    command.add_argument("--data", help="another dataset than the model's own")
    command.add_argument("--split", default="train", help="of the dataset, to fit to (default train)")
    command.add_argument("--seed", type=int, default=0, help="whole number from 0 (default 0)")
    takes_device(command)
    takes_json(command)


def _fit(arguments: argparse.Namespace) -> None:
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.folder import PRIOR
    from zoo.latent.priors import fit_mixture, fitter, held_out, save_mixture
    from zoo.training.priors import record_default_prior

    fitter()
    folder = own_folder(arguments.model)
    model = encoding_model(folder, arguments.device)
    reference = own_data(model, arguments.data)
    seen, labels, unseen, apart = _codes(model, reference, arguments)
    mixture = fit_mixture(seen, components=arguments.components, seed=arguments.seed, labels=labels)
    report = held_out(mixture, unseen, seed=arguments.seed)
    default = arguments.default or model.default_prior == "mixture"
    if default:
        recipe = _recipe(model, reference, arguments)
        record_default_prior(folder, model, mixture, recipe, registry=default_registry())
    else:
        save_mixture(folder, mixture)
    row = {
        "name": arguments.model,
        "default": default,
        "components": arguments.components,
        "data": reference,
        "split": arguments.split,
        "codes": len(seen.mean),
        "held_out": apart,
        "held_out_codes": report.codes,
        "mixture_nats": report.mixture,
        "normal_nats": report.normal,
    }
    if arguments.json:
        print(json.dumps([row], indent=1))
        return
    print(
        f"{folder.path / PRIOR}: {arguments.components} components{'' if labels is None else ' a class'} fitted to "
        f"{len(seen.mean):,} codes of {reference} ({arguments.split}); {report.codes:,} others ({apart}) have mean "
        f"log-density {report.mixture:.3f} nats under the mixture, {report.normal:.3f} under N(0, I)"
    )
    if default:
        print(f"{arguments.model} draws from it by default; measure its samples: zoo eval {arguments.model} --write")


def _recipe(model: Encodes, reference: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The keys by which the model's recipe fits this mixture on export; none where it would fit another one."""
    data, recipe = model.info["data"], model.info["training"].get("recipe", {})
    same = (reference, arguments.split, arguments.seed) == (data["name"], data.get("split"), recipe.get("seed"))
    return {"default_prior": "mixture", "components": arguments.components} if same else {}


def _codes(
    model: Encodes, reference: str, arguments: argparse.Namespace
) -> tuple[DiagonalGaussian, Tensor | None, DiagonalGaussian, str]:
    """The posteriors to fit to, their classes, others that are not fitted to, and what those are: the test split, or a
    tenth.
    """
    import torch

    from zoo.errors import DataError
    from zoo.latent.codes import codes_of

    examples = examples_for(model, reference, arguments.split)
    rows, others = torch.arange(len(examples.data)), examples
    test = None if arguments.split == "test" else split_if_any(model, reference, "test")
    if test is not None:
        others, apart, held = test, "split test", torch.arange(len(test.data))
    else:
        if len(rows) < HELD_OUT:
            raise DataError(f"{reference} has {len(rows)} examples in split {arguments.split}; too few to fit to")
        order = some(len(rows), len(rows), arguments.seed)
        kept = len(rows) // HELD_OUT
        rows, held, apart = order[kept:], order[:kept], f"one in {HELD_OUT}, kept out"
    labels = None if model.num_classes is None or examples.labels is None else examples.labels[rows]
    return codes_of(model, examples, rows), labels, codes_of(model, others, held), apart
