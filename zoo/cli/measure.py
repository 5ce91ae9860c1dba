"""The verbs that measure samples and latent spaces: eval, which can write its figures into the folder, continuity."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from zoo.catalogue.weights.folder import PRIORS
from zoo.cli.examples import (
    decoded,
    examples_for,
    loaded,
    located,
    own_data,
    some,
    takes_device,
    takes_write,
)
from zoo.cli.lines import say
from zoo.cli.output import complain, table, takes_json, takes_offline
from zoo.cli.progress import Bar
from zoo.errors import DataError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.nn.models import Model

__all__ = [
    "continuity",
    "continuity_arguments",
    "eval_arguments",
    "evaluate",
]

FRECHET, KERNEL, PIXELS = "frechet", "kernel", "pixels"
SAMPLES, WRITTEN = 5000, 200
WRITES = ("share of", "samples", "test examples")
MOST_PAIRS = 5000


def eval_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo eval` takes."""
    command.add_argument("name")
    takes_offline(command)
    takes_device(command)
    command.add_argument("--samples", type=int, help=f"how many (default {SAMPLES:,}; of tokens {WRITTEN})")
    text = "where the examples are that it was trained on, or others to compare with: ./photos (default: by name)"
    command.add_argument("--data", help=text)
    text = "the networks that look (see `zoo list --features`), or pixels, with commas between: the first leads"
    command.add_argument("--features", metavar="NAMES", help=text)
    command.add_argument("--per-class", action="store_true", help="also each class by itself, of a model with classes")
    text = "also what a classifier of the real examples of all classes says of the samples (minutes, the first time)"
    command.add_argument("--classify", action="store_true", help=text)
    takes_write(command)
    takes_json(command)


def evaluate(arguments: argparse.Namespace) -> None:
    """Measure how far samples are from the data."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.judges import networks_of
    from zoo.catalogue.weights.measured import measured_on
    from zoo.data.modality import modality_of
    from zoo.evaluation.model import evaluate_model

    folder = located(arguments.name)
    model = loaded(folder, arguments.device)
    if modality_of(model).vocabulary is not None and not networks_of(model.modality, default_registry()):
        _evaluate_tokens(model, arguments)
        return
    with Bar(quiet=arguments.json) as advance:
        report = evaluate_model(
            model,
            default_registry(),
            samples=SAMPLES if arguments.samples is None else arguments.samples,
            data=arguments.data,
            features=arguments.features.split(",") if arguments.features else (),
            per_class=arguments.per_class,
            classify=arguments.classify,
            write=arguments.write,
            progress=advance,
        )
    for line in report.notes:
        complain(line)
    data = {"name": arguments.name} | report.to_json()
    if arguments.json:
        print(json.dumps([data], indent=1))
        return
    other = report.other_data is not None
    yardsticks = (
        []
        if other or data.get("independent") is False
        else measured_on(folder.config()["data"], data["network_sha256"], default_registry())
    )
    _print_distances(data, [one for one in yardsticks if one["name"] != arguments.name])
    if told := data.get("classified"):
        say(
            f"classified as what they were made for: {told['samples']:.1%} of the samples, {told['real']:.1%} of real "
            f"test examples, by a classifier of {told['data']} that is right for {told['accuracy']:.1%} of all"
        )
    if coding := data.get("reconstruction"):
        _print_coding(coding)


def _print_coding(coding: Mapping[str, Any]) -> None:
    """How examples come back."""
    nats = "" if coding["negative_elbo"] is None else f"; negative ELBO {coding['negative_elbo']:.2f} nats"
    error = f"{100 * coding['root_mean_square_error']:.2f} %"
    what = f"reconstructions of {coding['examples']:,} {coding['split']} examples"
    say(f"{what}: off by {error} of the range (root mean square){nats}; lower is better")
    if found := coding["kept"]:
        say(
            f"kept: {found['share']:.0%} of {found['examples']:,} reconstructions are nearest to their own example "
            f"among {found['among']:,}, by {found['network']}; higher is better"
        )


def _evaluate_tokens(model: Model, arguments: argparse.Namespace) -> None:
    """What a model of tokens copies, and which rules it keeps."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.card_written import written_rows
    from zoo.evaluation.written import evaluate_written

    if arguments.features or arguments.per_class or arguments.classify:
        raise UsageError("--features, --per-class and --classify are for data that networks look at, not for tokens")
    with Bar(quiet=arguments.json) as advance:
        report = evaluate_written(
            model,
            default_registry(),
            samples=WRITTEN if arguments.samples is None else arguments.samples,
            data=arguments.data,
            write=arguments.write,
            progress=advance,
        )
    if arguments.json:
        print(json.dumps([{"name": arguments.name} | report.to_json()], indent=1))
        return
    rows = [dict(zip(WRITES, row, strict=True)) for row in written_rows(report.to_json())]
    table(rows, WRITES)
    say(f"{report.samples:,} samples (seed 0), beside what test examples of {report.data} have.")


def _print_distances(data: Mapping[str, Any], yardsticks: Sequence[Mapping[str, Any]]) -> None:
    """The distances of an evaluation, beside what real examples and the zoo's own models have."""
    count, floor = data["samples"], data["floor"]
    rows = [_row("samples", count, data)]
    if floor:
        test = floor["test_examples"]
        rows.append(_row("as many samples as there are test examples", min(test, count), floor, "frechet_of_samples"))
        rows.append(_row("the floor: real test examples", test, floor))
    others = [prior for prior in PRIORS if f"{prior}_frechet" in data]
    rows += [_row(f"samples of --prior {prior}", count, data, f"{prior}_frechet") for prior in others]
    rows += [_row(f"class {one['name']}", one["samples"], one) for one in data.get("classes", ())]
    rows += [_row(f"for comparison: {one['name']}", one["samples"], one) for one in yardsticks]
    table(rows, ("name", "examples", FRECHET, KERNEL))
    judge = data["network"] + (", which it was trained against" if data.get("independent") is False else "")
    say(
        f"{FRECHET} and {KERNEL}: distances to {data['train_examples']:,} {_whose(data)}, by {judge}; "
        f"lower is better. Few examples have a larger {FRECHET} distance: compare rows of as many."
    )
    if not floor:
        say("There is no floor: these data have no test examples to compare with.")
    _print_judges(data)


def _print_judges(data: Mapping[str, Any]) -> None:
    """The figures of the samples by each judge, the leading one first, where there are several."""
    marked = {"note": ""} if data.get("independent") is False else {}
    rows = [{**data, **marked}, *data.get("second", {}).values()]
    rows += [data[PIXELS]] if PIXELS in data else []
    rows += data.get("contaminated", {}).values()
    if len(rows) < 2:
        return
    say("")
    keys = (FRECHET, KERNEL, "precision", "recall")
    shown = []
    for row in rows:
        figures = {key: f"{row[key]:.4f}" for key in keys}
        floor = row["floor"]
        figures |= {"floor": f"{floor[FRECHET]:.4f}", "as many": f"{floor['frechet_of_samples']:.4f}"} if floor else {}
        shown.append({"by": row["network"]} | figures | ({"": "contaminated"} if "note" in row else {}))
    table(shown, ("by", *keys, "as many", "floor", ""))
    say("Figures of different judges do not compare. as many, floor: Fréchet distances, as above.")
    if any("note" in row for row in rows):
        say("contaminated: trained against this network or a sister; these do not say how good the model is.")


def _whose(data: Mapping[str, Any]) -> str:
    other = data.get("other_data")
    if other is None:
        return "training examples"
    return f"examples of {other['name']} ({other['split']}), which {data['name']} was not trained on"


def _row(name: str, examples: int, found: Mapping[str, Any], key: str = FRECHET) -> dict[str, Any]:
    row = {"name": name, "examples": f"{examples:,}", FRECHET: f"{found[key]:.4f}"}
    return row | ({KERNEL: f"{found[KERNEL]:.4f}"} if key == FRECHET else {})


def continuity_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo continuity` takes."""
    command.add_argument("names", nargs="+", metavar="MODEL")
    takes_offline(command)
    takes_device(command)
    command.add_argument("--data", help="another dataset than each model's own, for models with an encoder")
    command.add_argument("--split", default="test", help="of the dataset (default test)")
    command.add_argument("--pairs", type=int, default=200, help="ways that are walked (default 200)")
    command.add_argument("--seed", type=int, default=0, help="of their ends: whole number from 0 (default 0)")
    takes_json(command)


def continuity(arguments: argparse.Namespace) -> None:
    """Measure how evenly latent spaces decode."""
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
    say("latent, decoded: mean distance of the ends. N%: share of it decoded after N% of the way; less is smoother.")
    say("longest step: share of the decoded length that the longest of ten equal steps takes; 0.1, the least, is even.")


def _measured(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    from dataclasses import asdict

    from zoo.latent.continuity import continuity

    model = loaded(located(name), arguments.device)
    ends, words = _ends(model, arguments)
    try:
        found = continuity(partial(decoded, model), ends[::2], ends[1::2])
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    return {"name": name, "ends": words, "seed": arguments.seed} | asdict(found)


def _ends(model: Model, arguments: argparse.Namespace) -> tuple[Tensor, str]:
    """The ends of the pairs, first and last in turn, (2 pairs, *latent_shape), and what they are."""
    from zoo.latent.codes import codes_of
    from zoo.nn.abilities import Encodes

    count = 2 * arguments.pairs
    if not isinstance(model, Encodes):
        return model.latents(count, seed=arguments.seed), "draws from the prior"
    reference = own_data(model, arguments.data)
    examples = examples_for(model, reference, arguments.split)
    there = len(examples.data)
    if count > there:
        raise UsageError(f"--pairs is {arguments.pairs}, and {reference} ({arguments.split}) has {there:,} examples")
    z = codes_of(model, examples, some(there, count, arguments.seed)).mean
    return z, f"codes of {reference} ({arguments.split})"
