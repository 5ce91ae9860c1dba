"""The verb `concept`: directions of a latent space that have a meaning, fitted, listed, and measured."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from zoo.cli.examples import (
    as_given,
    decoded,
    encoding_model,
    examples_for,
    loaded,
    located,
    own_folder,
    reference_of,
    takes_device,
    takes_seeds,
    takes_write,
    writable_folder,
)
from zoo.cli.output import actions, plain, takes_json, takes_offline
from zoo.cli.progress import Bar
from zoo.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.catalogue.weights.folder import Folder
    from zoo.data.loading import Examples
    from zoo.latent.concepts import ConceptVector
    from zoo.nn.models import Model

__all__ = ["concept_arguments"]

CHECKED = 256  # examples of each side on which a fitted encoder is measured


def concept_arguments(command: argparse.ArgumentParser) -> None:
    """What `zoo concept` takes."""
    action = actions(command)
    _takes_fit(action("fit", _fit, "Fit a concept to labelled examples, and keep it in the weights folder."))
    listed = action("list", _list, "List the concepts of a model.")
    shown = action("show", _show, "Show one concept.")
    measured = action("measure", _measure, "Let judges of real examples measure what a concept does to examples.")
    for added in (listed, shown, measured):
        added.add_argument("model")
    for added in (shown, measured):
        added.add_argument("concept", metavar="CONCEPT")
    _takes_measure(measured)
    takes_device(measured)
    for added in (listed, shown, measured):
        takes_offline(added)
        takes_json(added)


def _takes_fit(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="FOLDER", help="a weights folder: ./folder")
    command.add_argument("concept", metavar="CONCEPT", help="its name")
    command.add_argument("--data", help="labelled examples to fit to, such as faces")
    command.add_argument("--factor", help="the factor that is 1 for positives, 0 for negatives, below 0 for unknown")
    command.add_argument("--positives", metavar="DATASET", help="instead of --data: examples that have the property")
    command.add_argument("--negatives", metavar="DATASET", help="and such as lack it: ./serious")
    command.add_argument("--balance", metavar="FACTOR", help="a factor that must not be carried along")
    command.add_argument("--split", default="train", help="of the dataset (default train)")
    command.add_argument("--probe", action="store_true", help="fit a linear probe instead of a mean difference")
    text = "samples that an encoder is fitted to first, where the model has none (default 10000)"
    command.add_argument("--encoder-examples", type=int, default=10_000, metavar="N", help=text)
    command.add_argument("--seed", type=int, default=0, help="of those samples: whole number from 0 (default 0)")
    command.add_argument("--orthogonal", metavar="NAME[,NAME]", help="take away what it shares with these concepts")
    takes_offline(command)
    takes_device(command)
    takes_json(command)


def _takes_measure(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", help="labelled examples with splits train and test, such as faces")
    command.add_argument("--factor", help="the factor that the concept should change")
    command.add_argument("--keep", metavar="FACTOR", help="a factor that should stay as it is")
    command.add_argument("--region", metavar="BOX", help="left,top,right,bottom of what may change, in pixels")
    takes_seeds(command, "that judges are fitted with")
    takes_write(command)


def _list(arguments: argparse.Namespace) -> None:
    from zoo.latent.concept_file import concepts_of

    _print(concepts_of(located(arguments.model)).values(), arguments)


def _show(arguments: argparse.Namespace) -> None:
    _print([_named(arguments.concept, located(arguments.model))], arguments)


def _fit(arguments: argparse.Namespace) -> None:
    _print([_named(arguments.concept, _fit_concept(arguments))], arguments)


def _named(name: str, folder: Folder) -> ConceptVector:
    from zoo.latent.concept_file import concepts_of
    from zoo.latent.concepts import concept_named

    return concept_named(name, concepts_of(folder), folder)


def _print(concepts: Iterable[ConceptVector], arguments: argparse.Namespace) -> None:
    from zoo.latent.concept_file import describe

    rows = [describe(concept) for concept in concepts]
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        measures = "  ".join(f"{key} {value:.4g}" for key, value in row["measures"].items())
        print(plain(f"{row['name']}, {row['method']} of {row['source'] or 'examples not named'}: {measures}"))


def _fit_concept(arguments: argparse.Namespace) -> Folder:
    """Fit a concept into a weights folder; gives the folder."""
    from zoo.latent.concept_file import concepts_of, save_concepts
    from zoo.latent.concepts import ConceptVector, concept_named, orthogonalise
    from zoo.nn.abilities import Encodes

    _check_sources(arguments)
    folder = own_folder(arguments.model)
    model, known = loaded(folder, arguments.device), concepts_of(folder)
    has, lacks, source = _labelled(arguments, model)
    (positives, first, mine), (negatives, second, theirs) = has, lacks
    encoder = None if isinstance(model, Encodes) else _LateEncoder(model, arguments)
    concept = ConceptVector.fit(
        model,
        as_given(model, positives),
        as_given(model, negatives),
        name=arguments.concept,
        balance=None if first is None or second is None else (first, second),
        method="linear_probe" if arguments.probe else "mean_difference",
        encoder=encoder,
        labels=(mine, theirs),
    )
    if encoder is not None:
        source += f", through an encoder fitted to {arguments.encoder_examples:,} of the model's own samples"
        concept = replace(concept, measures={**concept.measures, **encoder.measure(positives, negatives)})
    if arguments.orthogonal:
        others = [concept_named(name, known, folder) for name in arguments.orthogonal.split(",")]
        concept = orthogonalise(concept, [replace(other, model_sha256="") for other in others])  # as the new one
        source += f", made orthogonal to {arguments.orthogonal}"
    concept = replace(concept, source=source)
    save_concepts(folder, [*(c for name, c in known.items() if name != concept.name), concept])
    return folder


class _LateEncoder:
    """An encoder fitted to the model's own samples when it is first asked: after the cheap checks."""

    def __init__(self, model: Model, arguments: argparse.Namespace) -> None:
        self.model, self.arguments = model, arguments
        self.encode: Callable[[Tensor], Tensor] | None = None
        self.measures: dict[str, float] = {}

    def __call__(self, x: Tensor) -> Tensor:
        from zoo.latent.fitted_encoder import fit_encoder

        if self.encode is None:
            given = self.arguments
            with Bar(quiet=given.json) as advance:
                fitted = fit_encoder(self.model, examples=given.encoder_examples, seed=given.seed, progress=advance)
            self.encode, self.measures = fitted.encode, {f"encoder_{key}": v for key, v in fitted.measures.items()}
        return self.encode(x)

    def measure(self, positives: Tensor, negatives: Tensor) -> dict[str, float]:
        """The encoder's measures on samples, and its round trip on the examples, some of each side."""
        import torch

        x = as_given(self.model, torch.cat([positives[:CHECKED], negatives[:CHECKED]]))
        error = float((decoded(self.model, self(x)) - x).square().mean().sqrt())
        return self.measures | {"encoder_round_trip_examples": error}


def _check_sources(arguments: argparse.Namespace) -> None:
    """Raise UsageError unless there is one source of positives and negatives."""
    labelled, apart = (arguments.data, arguments.factor), (arguments.positives, arguments.negatives)
    if all(labelled) == all(apart) or any(labelled) == any(apart):
        raise UsageError("`zoo concept fit` needs --data DATASET and --factor NAME, or --positives and --negatives")
    if all(apart) and apart[0] == apart[1]:
        raise UsageError(f"--positives and --negatives are both {apart[0]}; there is no difference to find")


# Stored examples, the second label (N,) where one is asked for, and the classes of a model that has some.
_Side = tuple["Tensor", "Tensor | None", "list[str | int] | None"]


def _labelled(arguments: argparse.Namespace, model: Model) -> tuple[_Side, _Side, str]:
    """The examples that have the property, those that lack it, and where they came from in words."""
    from zoo.catalogue.recipes.recipe import neutral
    from zoo.latent.codes import labels_of

    balance, split = arguments.balance, arguments.split
    balanced = f", balanced over {balance}" if balance else ""
    if arguments.positives:
        names = [reference_of(model, name) for name in (arguments.positives, arguments.negatives)]
        both = [examples_for(model, name, split) for name in names]
        seconds = [_factor(e, balance, name) if balance else None for e, name in zip(both, names, strict=True)]
        classes = [labels_of(model, e) for e in both]
        has, lacks = zip([e.data for e in both], seconds, classes, strict=True)
        return has, lacks, f"{neutral(names[0])} against {neutral(names[1])}, split {split}{balanced}"
    examples = examples_for(model, arguments.data, split)
    factor = _factor(examples, arguments.factor, arguments.data)
    second = _factor(examples, balance, arguments.data) if balance else None
    rows = [(factor == value).nonzero()[:, 0] for value in (1, 0)]
    has, lacks = (
        (examples.data[of], None if second is None else second[of], labels_of(model, examples, of)) for of in rows
    )
    source = neutral(reference_of(model, arguments.data))
    return has, lacks, f"{source}, split {split}: {arguments.factor} 1 against 0{balanced}"


def _factor(examples: Examples, name: str, reference: str) -> Tensor:
    if name not in examples.factors:
        there = ", ".join(examples.factors) or "none"
        raise UsageError(f"{reference} has no factor {name!r:.80}; it has {there}")
    return examples.factors[name]


def _measure(arguments: argparse.Namespace) -> None:
    """Fit judges to real examples of the training split, and let them judge edits of the test split."""
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.cli.concept_measure import measured, print_concept, region_of
    from zoo.evaluation.results import record

    if not (arguments.data and arguments.factor and arguments.keep):
        raise UsageError("`zoo concept measure MODEL CONCEPT` needs --data DATASET, --factor NAME and --keep NAME")
    region, folder = region_of(arguments.region), writable_folder(arguments)
    model = encoding_model(folder, arguments.device)
    concept = _named(arguments.concept, folder)
    concept.check_fit(model)
    found = measured(folder, model, concept, region, arguments)
    told = {"records": {one.key: one.to_json() for one in found}}
    if arguments.write:
        record(folder, told, registry=default_registry())
    if arguments.json:
        print(json.dumps([{"name": arguments.model} | told], indent=1))
        return
    print_concept([one.to_json() for one in found])
