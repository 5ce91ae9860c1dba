"""The verb `likelihood`: how likely held-out examples are, estimated or exactly."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from zoo.cli.examples import (
    examples_for,
    loaded,
    other_data,
    own_data,
    seeds_of,
    takes_device,
    takes_seeds,
    takes_write,
    writable_folder,
)
from zoo.cli.lines import say
from zoo.cli.output import takes_json, takes_offline
from zoo.cli.progress import Bar

if TYPE_CHECKING:
    from zoo.evaluation.records import Record

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
    takes_seeds(command, "that latents are drawn with")
    takes_write(command)
    takes_json(command)


def likelihood(arguments: argparse.Namespace) -> None:
    """Measure the likelihood of held-out data."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.evaluation.likelihoods import AskedLikelihood, likelihood_records
    from zoo.evaluation.results import record
    from zoo.nn.abilities import Scored, encoding

    folder, registry = writable_folder(arguments), default_registry()
    model = loaded(folder, arguments.device)
    if not isinstance(model, Scored):
        encoding(model, folder.name)
    asked = AskedLikelihood(
        data=arguments.data,
        split=arguments.split,
        examples=arguments.n,
        samples=arguments.samples,
        seeds=seeds_of(arguments),
    )
    reference = own_data(model, arguments.data)
    examples = examples_for(model, reference, arguments.split)
    with Bar(quiet=arguments.json) as advance:
        found = likelihood_records(model, folder, examples, asked, registry, progress=advance)
    told = {"records": {one.key: one.to_json() for one in found}}
    if arguments.write:
        other = other_data(model, reference) if arguments.data else None
        record(folder, told if other is None else {"other_data": {other: told}}, registry=registry)
    if arguments.json:
        print(json.dumps([{"name": arguments.model} | told], indent=1))
        return
    say(f"{_told(found, f'{reference} ({arguments.split})')}. This is -log p(x): lower is better")


def _told(found: Sequence[Record], data: str) -> str:
    """The figures of a likelihood, and how they were had."""
    from zoo.catalogue.weights.card_figures import with_spread

    nats, bits = found
    how, more = nats.settings, nats.details
    figure = f"{with_spread(nats.to_json())} nats"
    error = f"the standard error over them is {more['standard_error']:.3f}"
    if not how:
        return f"{figure}, {bits.value:.4f} bits a token: {nats.n_real:,} examples of {data}, exactly; {error}"
    binary = "binarised " if how["binarised"] else ""
    seeds = ", ".join(map(str, nats.seeds))
    return (
        f"{figure}, {bits.value:.4f} bits a value: {nats.n_real:,} {binary}examples of {data}, {how['latents']:,} "
        f"latents each, seeds {seeds} (± is their standard deviation); {error}, {more['monte_carlo_error']:.3f} from "
        f"the latents of one seed; the ELBO gives {more['negative_elbo']:.3f}"
    )
