"""The verbs that measure: eval, likelihood, `concept measure`. Each can write its figures into the weights folder."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from zoo.cli.examples import as_reference, encoding_model, examples_for, labels_of, located, own_data, some
from zoo.cli.output import Verb, table, takes_json, takes_offline
from zoo.cli.progress import ImageBar
from zoo.errors import UsageError

if TYPE_CHECKING:
    from zoo.catalogue.weights.folder import Folder
    from zoo.evaluation.concepts import ConceptReport
    from zoo.images.probes import Probe
    from zoo.nn.models import Encodes

__all__ = ["add_measure_options", "add_measure_verbs", "measure_concept"]

FRECHET, KERNEL = "frechet", "kernel"


def add_measure_verbs(verb: Verb) -> None:
    """Add the verbs to the parser."""
    command = verb("eval", _eval, "Measure a model's distance to its data (needs genzoo[eval]).")
    command.add_argument("name")
    takes_offline(command)
    command.add_argument("--samples", type=int, default=5000, help="how many (default 5000)")
    command.add_argument("--data", help="where the pictures are that it was trained on: ./photos (default: by name)")
    command.add_argument("--features", metavar="NAME", help="the feature network that looks: see `zoo list --features`")
    command.add_argument("--per-class", action="store_true", help="also each class by itself, of a model with classes")
    _takes_write(command)
    takes_json(command)
    command = verb("likelihood", _likelihood, "Estimate the likelihood of held-out data by importance sampling.")
    command.add_argument("model")
    takes_offline(command)
    command.add_argument("--data", help="another dataset than the model's own")
    command.add_argument("--split", default="test", help="of the dataset (default test)")
    command.add_argument("-n", type=int, help="how many examples, at random (default all)")
    command.add_argument("--samples", type=int, default=1000, help="latents an example (default 1000)")
    command.add_argument("--seed", type=int, default=0, help="whole number from 0 (default 0)")
    _takes_write(command)
    takes_json(command)


def add_measure_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `concept measure`."""
    command.add_argument("--keep", metavar="FACTOR", help="for measure: a factor that should stay as it is")
    command.add_argument(
        "--region", metavar="BOX", help="for measure: left,top,right,bottom of what may change, in pixels"
    )
    _takes_write(command)


def _takes_write(command: argparse.ArgumentParser) -> None:
    command.add_argument("--write", action="store_true", help="write the figures and the card into the weights folder")


def _eval(arguments: argparse.Namespace) -> None:
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.evaluation.model import evaluate_model

    folder = located(arguments.name)
    with ImageBar(quiet=arguments.json) as advance:
        report = evaluate_model(
            folder,
            default_registry(),
            samples=arguments.samples,
            data=None if arguments.data is None else as_reference(arguments.data),
            features=arguments.features,
            per_class=arguments.per_class,
            write=arguments.write,
            progress=advance,
        )
    data = {"name": arguments.name} | report.to_json()
    if arguments.json:
        print(json.dumps([data], indent=1))
        return
    count = data["samples"]
    rows = [{"name": "samples", "images": count} | {key: f"{data[key]:.4f}" for key in (FRECHET, KERNEL)}]
    if floor := data["floor"]:
        test = floor["test_examples"]
        rows.append(
            {"name": "as many samples", "images": min(test, count), FRECHET: f"{floor['frechet_of_samples']:.4f}"}
        )
        rows.append({"name": "test images", "images": test} | {key: f"{floor[key]:.4f}" for key in (FRECHET, KERNEL)})
    if report.mixture_frechet is not None:
        rows.append({"name": "samples of the mixture", "images": count, FRECHET: f"{report.mixture_frechet:.4f}"})
    for found in data.get("classes", ()):
        row = {"name": f"class {found['name']}", "images": found["samples"]}
        rows.append(row | {key: f"{found[key]:.4f}" for key in (FRECHET, KERNEL)})
    table(rows, ("name", "images", FRECHET, KERNEL))
    print(f"{FRECHET} and {KERNEL}: distances to {data['train_examples']:,} training examples by {data['network']}")
    if coding := data.get("reconstruction"):
        nats = "" if coding["negative_elbo"] is None else f"; negative ELBO {coding['negative_elbo']:.2f} nats"
        error = f"{coding['root_mean_square_error']:.4f} of 1"
        print(f"reconstructions of {coding['examples']:,} {coding['split']} examples: off by {error}{nats}")


def _folder(arguments: argparse.Namespace) -> Folder:
    """Where the model is; with --write the figures go there too, which is checked before any work is done."""
    from zoo.evaluation.results import check_writable

    folder = located(arguments.model)
    if arguments.write:
        check_writable(folder)
    return folder


def _likelihood(arguments: argparse.Namespace) -> None:
    from zoo.evaluation.likelihood import importance_weighted_nll, trained_on_bits
    from zoo.evaluation.results import record

    folder = _folder(arguments)
    model = encoding_model(folder)
    reference = own_data(model, arguments.data)
    examples = examples_for(model, reference, arguments.split)
    rows = some(len(examples.data), arguments.n, arguments.seed)
    with ImageBar(quiet=arguments.json) as advance:
        report = importance_weighted_nll(
            model,
            examples.data[rows],
            labels_of(model, examples, rows),
            samples=arguments.samples,
            seed=arguments.seed,
            binarise=trained_on_bits(model),
            progress=advance,
        )
    found = {"data": reference, "split": arguments.split} | report.to_json()
    if arguments.write:
        record(folder, {"likelihood": found})
    if arguments.json:
        print(json.dumps([{"name": arguments.model} | found], indent=1))
        return
    binary = "binarised " if report.binarised else ""
    print(
        f"{report.nll:.3f} nats ± {report.standard_error:.3f} (standard error; {report.monte_carlo_error:.3f} from the "
        f"latents), {report.bits_per_dim:.4f} bits a dimension: {report.examples:,} {binary}examples of {reference} "
        f"({arguments.split}), {report.samples:,} latents each; the ELBO gives {report.negative_elbo:.3f}"
    )


def measure_concept(arguments: argparse.Namespace) -> None:
    """Fit judges to real pictures of the training split, and let them judge edits of the test split."""
    from zoo.evaluation import concepts
    from zoo.evaluation.results import record
    from zoo.latent.concept_file import concepts_of
    from zoo.latent.concepts import concept_named

    if not (arguments.concept and arguments.data and arguments.factor and arguments.keep):
        raise UsageError("zoo concept measure MODEL CONCEPT needs --data DATASET, --factor NAME and --keep NAME")
    region = _region(arguments.region)
    folder = _folder(arguments)
    model = encoding_model(folder)
    concept = concept_named(arguments.concept, concepts_of(folder), folder)
    concept.check_fit(model)
    examples, probe, other = _judges(arguments, model)
    report = concepts.measure_concept(
        model, concept, examples, probe, other, region=region, names=(arguments.factor, arguments.keep)
    )
    if arguments.write:
        record(folder, {"concepts": {concept.name: report.to_json()}})
    _show(report, arguments)


def _judges(arguments: argparse.Namespace, model: Encodes) -> tuple[Any, Probe, Probe]:
    """The test split's pictures and labels, and a probe for each of the two factors."""
    from zoo.images.probes import fit_probe

    train, test = (examples_for(model, arguments.data, split) for split in ("train", "test"))
    for name in (arguments.factor, arguments.keep):
        if name not in test.factors or name not in train.factors:
            raise UsageError(f"{arguments.data} has no factor {name!r:.80}; it has {', '.join(test.factors) or 'none'}")
    factors = (arguments.factor, arguments.keep)
    probes = [fit_probe((train.data, train.factors[f]), (test.data, test.factors[f])) for f in factors]
    return (test.data, test.factors[arguments.factor]), probes[0], probes[1]


def _region(text: str | None) -> tuple[int, int, int, int] | None:
    if text is None:
        return None
    try:
        left, top, right, bottom = (int(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(
            f"--region is {text!r:.80}; write left,top,right,bottom in pixels, as in 14,38,50,60"
        ) from error
    return left, top, right, bottom


def _show(report: ConceptReport, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps([report.to_json()], indent=1))
        return
    print(
        f"{report.name}: {report.negatives:,} examples without {report.factor}, {report.positives:,} with it, judged "
        f"by probes of real pictures (AUC {report.probe_auc:.3f} for {report.factor}, {report.other_auc:.3f} for "
        f"{report.other})"
    )
    gained, lost, changed = f"{report.factor} gained", f"{report.factor} lost", f"{report.other} changed"
    rows = [
        {"strength": f"{row.strength:g}", gained: f"{row.gained:.1%}", lost: f"{row.lost:.1%}"}
        | {changed: f"{row.gained_drift:.1%}, {row.lost_drift:.1%}"}
        | {"inside": f"{row.inside:.4f}", "outside": f"{row.outside:.4f}"}
        for row in report.rows
    ]
    table(rows, ("strength", gained, lost, changed, "inside", "outside"))
