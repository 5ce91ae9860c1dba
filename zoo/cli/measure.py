"""The verbs that measure samples and latent spaces: eval, which can write its figures into the folder, continuity."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from zoo.catalogue.weights.records import SAYS_LITTLE, records_of
from zoo.cli.examples import (
    decoded,
    examples_for,
    loaded,
    located,
    own_data,
    seeds_of,
    some,
    takes_device,
    takes_prior,
    takes_seeds,
    takes_write,
)
from zoo.cli.lines import say
from zoo.cli.output import complain, table, takes_json, takes_offline
from zoo.cli.progress import Bar
from zoo.errors import DataError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.catalogue.weights.folder import Folder
    from zoo.evaluation.model import Asked
    from zoo.nn.models import Model

__all__ = [
    "asked_of",
    "continuity",
    "continuity_arguments",
    "eval_arguments",
    "evaluate",
    "print_records",
    "takes_counts",
    "takes_judges",
]

SAMPLES, WRITTEN, REAL = 1000, 200, 5000
WRITES = ("share of", "samples", "test examples")
MOST_PAIRS = 5000


def eval_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo eval` takes."""
    command.add_argument("name")
    takes_offline(command)
    takes_device(command)
    takes_counts(command)
    text = "where the examples are that it was trained on, or others to compare with: ./photos (default: by name)"
    command.add_argument("--data", help=text)
    takes_judges(command)
    command.add_argument("--per-class", action="store_true", help="also each class by itself, of a model with classes")
    text = "also what a classifier of the real examples of all classes says of the samples (minutes, the first time)"
    command.add_argument("--classify", action="store_true", help=text)
    text = "samples shown beside their nearest examples, with --write (default 16); 0 keeps examples out of the folder"
    command.add_argument("--neighbours", type=int, default=16, metavar="N", help=text)
    takes_prior(command)
    takes_write(command)
    takes_json(command)


def takes_counts(command: argparse.ArgumentParser) -> None:
    """Add --samples, --seeds and --real."""
    text = f"how many, of each seed (default {SAMPLES:,}; of tokens {WRITTEN})"
    command.add_argument("--samples", type=int, metavar="N", help=text)
    takes_seeds(command, "that samples are drawn with")
    text = f"training examples to compare with, at random where there are more (default {REAL:,})"
    command.add_argument("--real", type=int, default=REAL, metavar="N", help=text)


def takes_judges(command: argparse.ArgumentParser) -> None:
    """Add --features and --metrics."""
    text = "the networks that look (see `zoo list features`), or pixels, with commas between: the first leads"
    command.add_argument("--features", metavar="NAMES", help=text)
    text = "the figures to take, with commas between (see `zoo list metrics`; default: those of that tag)"
    command.add_argument("--metrics", metavar="NAMES", help=text)


def asked_of(arguments: argparse.Namespace, *, written: bool = False) -> Asked:
    """What is to be measured, as the command line says it. Raises UsageError for seeds that are none."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.evaluation.figures import CLASSIFIED, default_metrics
    from zoo.evaluation.model import Asked

    metrics = tuple(arguments.metrics.split(",")) if arguments.metrics else ()
    if getattr(arguments, "classify", False) and CLASSIFIED not in metrics:
        metrics = (*(metrics or default_metrics(default_registry())), CLASSIFIED)
    return Asked(
        samples=(WRITTEN if written else SAMPLES) if arguments.samples is None else arguments.samples,
        seeds=seeds_of(arguments),
        real=arguments.real,
        data=getattr(arguments, "data", None),
        features=tuple(arguments.features.split(",")) if arguments.features else (),
        metrics=metrics,
        per_class=getattr(arguments, "per_class", False),
        prior=getattr(arguments, "prior", None),
        neighbours=getattr(arguments, "neighbours", Asked.neighbours),
    )


def evaluate(arguments: argparse.Namespace) -> None:
    """Measure a model's samples against its data."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.judges import networks_of
    from zoo.catalogue.weights.measured import measured_on
    from zoo.catalogue.weights.records import leading
    from zoo.data.modality import modality_of
    from zoo.evaluation.figures import CLASSIFIED
    from zoo.evaluation.model import evaluate_model

    folder, registry = located(arguments.name), default_registry()
    model = loaded(folder, arguments.device)
    if modality_of(model).vocabulary is not None and not networks_of(model.modality, registry):
        _evaluate_tokens(folder, model, arguments)
        return
    with Bar(quiet=arguments.json) as advance:
        report = evaluate_model(model, registry, asked_of(arguments), write=arguments.write, progress=advance)
    for line in report.notes:
        complain(line)
    data = {"name": arguments.name} | report.to_json()
    if arguments.json:
        print(json.dumps([data], indent=1))
        return
    own = [] if report.other_data else [one for one in leading(data) if one["features"]]
    print_records(data, [one for one in measured_on(own, registry) if one["name"] != arguments.name])
    if "memorisation" in data:
        _print_nearest(data["memorisation"])
    for told in (one for one in data["records"].values() if one["metric"] == CLASSIFIED):
        say(
            f"classified as what they were made for: {told['value']:.1%} of the samples, {told['floor']:.1%} of "
            f"{told['n_real']:,} real test examples, by a classifier of {told['judge']['learnt_from']['name']} that is "
            f"right for {told['judge']['accuracy']:.1%} of all"
        )
    if not report.other_data:
        _print_kept(folder, data["records"])


def print_records(data: Mapping[str, Any], yardsticks: Sequence[Mapping[str, Any]] = ()) -> None:
    """The records of a model, and below each metric what the zoo's own models have where it compares."""
    from zoo.catalogue.weights.card_figures import told, with_spread

    rows = []
    for key, one in data["records"].items():
        floor = "" if one["floor"] is None else told(one["floor"])
        marked = {"": "contaminated"} if one["contaminated"] else {}
        rows.append({"figure": key, "value": with_spread(one), "floor": floor, "better": one["better"]} | marked)
        rows += [
            {"figure": f"  for comparison: {other['name']}", "value": with_spread(other), "floor": "", "better": ""}
            for other in yardsticks
            if other["key"] == key
        ]
    table(rows, ("figure", "value", "floor", "better", ""))
    first = max(data["records"].values(), key=lambda one: bool(one["features"]))
    reference, whose = first["reference"], ""
    if other := data.get("other_data"):
        whose = f", which {data['name']} was not trained on ({other['name']})"
    say(
        f"value: mean over {len(first['seeds'])} seeds ± their standard deviation, against {reference['name']} "
        f"({reference['split']}){whose}. floor: what as many held-out real examples have."
    )
    if any(one["contaminated"] for one in data["records"].values()):
        say(f"contaminated: {SAYS_LITTLE}.")


def _print_kept(folder: Folder, now: Mapping[str, Any]) -> None:
    """What is recorded of the model beside what was measured now: its likelihood, its concepts."""
    from zoo.catalogue.weights.card_figures import told, with_spread
    from zoo.catalogue.weights.records import key_of, standing
    from zoo.evaluation.results import read_results

    kept = [one for one in standing(records_of(read_results(folder))) if key_of(one) not in now and not one["n_fake"]]
    if not kept:
        return
    say("recorded before, by other commands:")
    floors = ["" if one["floor"] is None else told(one["floor"]) for one in kept]
    rows = [
        {"figure": key_of(one), "value": with_spread(one), "floor": floor, "better": one["better"]}
        for one, floor in zip(kept, floors, strict=True)
    ]
    table(rows, ("figure", "value", "floor", "better"))


def _print_nearest(found: Mapping[str, Any]) -> None:
    """Whether the samples are copies."""
    near = found["by_features"]
    if near["ratio"] is not None:
        say(
            f"nearest training by nearest test example: {near['ratio']:.3f}; of unseen real examples "
            f"{near['ratio_of_test']:.3f}; copies: {max(near['copies'], found['by_values']['copies']):.1%}"
        )
    signs = found["signs"]
    say(f"verdict: {', '.join(signs) if signs else 'no sign of memorisation, collapse or noise'}")


def _evaluate_tokens(folder: Folder, model: Model, arguments: argparse.Namespace) -> None:
    """What a model of tokens copies, and which rules it keeps."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.card_written import written_rows
    from zoo.evaluation.written import evaluate_written

    if arguments.features or arguments.metrics or arguments.per_class or arguments.classify:
        raise UsageError(
            "--features, --metrics, --per-class and --classify are for data that networks look at, not for tokens"
        )
    asked = asked_of(arguments, written=True)
    with Bar(quiet=arguments.json) as advance:
        report = evaluate_written(model, default_registry(), asked, write=arguments.write, progress=advance)
    found = report.to_json()
    if arguments.json:
        print(json.dumps([{"name": arguments.name} | found], indent=1))
        return
    table([dict(zip(WRITES, row, strict=True)) for row in written_rows(found)], WRITES)
    seeds = len(asked.seeds)
    say(f"{asked.samples:,} samples of each of {seeds} seeds, beside what test examples of {report.data} have.")
    _print_kept(folder, found["records"])


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
