"""The verb `likelihood`: how likely held-out examples are, estimated or exactly."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from zoo.cli.examples import (
    examples_for,
    loaded,
    other_data,
    own_data,
    some,
    takes_device,
    takes_write,
    writable_folder,
)
from zoo.cli.lines import say
from zoo.cli.output import takes_json, takes_offline
from zoo.cli.progress import Bar

if TYPE_CHECKING:
    from zoo.evaluation.exact import ExactReport
    from zoo.evaluation.likelihood import LikelihoodReport
    from zoo.nn.models import Model

__all__ = ["likelihood", "likelihood_arguments"]


def likelihood_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo likelihood` takes."""
    command.add_argument("model")
    takes_offline(command)
    takes_device(command)
    command.add_argument("--data", help="another dataset than the model's own")
    command.add_argument("--split", default="test", help="of the dataset (default test)")
    command.add_argument("-n", type=int, help="how many examples, at random (default all)")
    command.add_argument("--samples", type=int, default=1000, help="latents an example (default 1000)")
    command.add_argument("--seed", type=int, default=0, help="whole number from 0 (default 0)")
    takes_write(command)
    takes_json(command)


def likelihood(arguments: argparse.Namespace) -> None:
    """Measure the likelihood of held-out data."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.recipes.recipe import neutral
    from zoo.evaluation.results import record
    from zoo.nn.abilities import Scored, encoding

    folder = writable_folder(arguments)
    model = loaded(folder, arguments.device)
    if not isinstance(model, Scored):
        encoding(model, folder.name)
    reference = own_data(model, arguments.data)
    report = _measured(model, reference, arguments)
    found = {"data": neutral(reference), "split": arguments.split} | report.to_json()
    if arguments.write:
        other = other_data(model, reference) if arguments.data else None
        kept = {"likelihood": found} if other is None else {"other_data": {other: {"likelihood": found}}}
        record(folder, kept, registry=default_registry())
    if arguments.json:
        print(json.dumps([{"name": arguments.model} | found], indent=1))
        return
    say(f"{_told(report, f'{reference} ({arguments.split})')}. This is -log p(x): lower is better")


def _measured(model: Model, reference: str, arguments: argparse.Namespace) -> LikelihoodReport | ExactReport:
    from zoo.evaluation.exact import exact_nll
    from zoo.evaluation.likelihood import importance_weighted_nll, trained_on_bits
    from zoo.latent.codes import labels_of
    from zoo.nn.abilities import Scored, encoding

    examples = examples_for(model, reference, arguments.split)
    rows = some(len(examples.data), arguments.n, arguments.seed)
    with Bar(quiet=arguments.json) as advance:
        if isinstance(model, Scored):
            return exact_nll(model, examples.data[rows], progress=advance)
        return importance_weighted_nll(
            model,
            examples.data[rows],
            labels_of(encoding(model), examples, rows),
            samples=arguments.samples,
            seed=arguments.seed,
            binarise=trained_on_bits(model),
            progress=advance,
        )


def _told(report: LikelihoodReport | ExactReport, data: str) -> str:
    """The figures of a likelihood, and how they were had."""
    from zoo.evaluation.exact import ExactReport

    figure = f"{report.nll:.3f} nats ± {report.standard_error:.3f} (standard error"
    if isinstance(report, ExactReport):
        return f"{figure}), {report.bits_per_token:.4f} bits a token: {report.examples:,} examples of {data}, exactly"
    binary = "binarised " if report.binarised else ""
    return (
        f"{figure}; {report.monte_carlo_error:.3f} from the latents), {report.bits_per_dim:.4f} bits a dimension: "
        f"{report.examples:,} {binary}examples of {data}, {report.samples:,} latents each; "
        f"the ELBO gives {report.negative_elbo:.3f}"
    )
