"""The verbs that fit something to a model's latents and keep it in the weights folder: concept, mixture."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from zoo.cli.examples import encoding_model, examples_for, loaded, located, own_data, own_folder, some
from zoo.cli.measure import add_measure_options, measure_concept
from zoo.cli.output import Verb, plain, takes_json, takes_offline
from zoo.cli.progress import ImageBar
from zoo.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.catalogue.weights.folder import Folder
    from zoo.data.loading import Examples
    from zoo.nn.distributions import DiagonalGaussian
    from zoo.nn.models import Encodes, Model

__all__ = ["add_fit_verbs"]

HELD_OUT = 10  # one in so many examples is kept from the fit, where the dataset has no test split
CHECKED = 256  # examples of each side on which a fitted encoder is measured


def add_fit_verbs(verb: Verb) -> None:
    """Add the verbs to the parser."""
    command = verb(
        "concept", _concept, "Fit a concept to labelled examples, list them, show one, or measure what it does."
    )
    takes_offline(command)
    command.add_argument("action", choices=["fit", "list", "show", "measure"])
    command.add_argument("model", help="for fit a weights folder: ./folder")
    command.add_argument("concept", nargs="?", help="the concept's name, but for list")
    command.add_argument("--data", help="labelled examples to fit to, such as faces")
    command.add_argument("--factor", help="the factor that is 1 for positives, 0 for negatives, below 0 for unknown")
    command.add_argument("--positives", metavar="DATASET", help="instead of --data: examples that have the property")
    command.add_argument("--negatives", metavar="DATASET", help="and such as lack it: 'images:./serious'")
    command.add_argument("--balance", metavar="FACTOR", help="a factor that must not be carried along")
    command.add_argument("--split", default="train", help="for fit: of the dataset (default train)")
    command.add_argument("--probe", action="store_true", help="fit a linear probe instead of a mean difference")
    text = "samples that an encoder is fitted to first, where the model has none (default 10000)"
    command.add_argument("--encoder-images", type=int, default=10_000, metavar="N", help=text)
    command.add_argument("--seed", type=int, default=0, help="of those samples: whole number from 0 (default 0)")
    command.add_argument("--orthogonal", metavar="NAME[,NAME]", help="take away what it shares with these concepts")
    add_measure_options(command)
    takes_json(command)
    command = verb("mixture", _mixture, "Fit a Gaussian mixture to encoded examples, as a prior to sample from.")
    command.add_argument("action", choices=["fit"])
    command.add_argument("model", metavar="FOLDER", help="a weights folder: ./folder (needs genzoo[latent])")
    command.add_argument("--components", type=int, default=10, help="normal distributions (default 10)")
    command.add_argument("--data", help="another dataset than the model's own")
    command.add_argument("--split", default="train", help="of the dataset, to fit to (default train)")
    command.add_argument("--seed", type=int, default=0, help="whole number from 0 (default 0)")
    takes_json(command)


def _concept(arguments: argparse.Namespace) -> None:
    from zoo.latent.concept_file import concepts_of, describe
    from zoo.latent.concepts import concept_named

    if arguments.action == "measure":
        measure_concept(arguments)
        return
    if arguments.action == "list":
        rows = [describe(concept) for concept in concepts_of(located(arguments.model)).values()]
    else:
        if not arguments.concept:
            raise UsageError(f"zoo concept {arguments.action} MODEL CONCEPT: the concept's name is missing")
        folder = _fit_concept(arguments) if arguments.action == "fit" else located(arguments.model)
        rows = [describe(concept_named(arguments.concept, concepts_of(folder), folder))]
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
    from zoo.nn.models import Encodes

    _check_sources(arguments)
    folder = own_folder(arguments.model)
    model, known = loaded(folder), concepts_of(folder)
    (positives, first), (negatives, second), source = _labelled(arguments, model)
    encoder = None if isinstance(model, Encodes) else _LateEncoder(model, arguments)
    concept = ConceptVector.fit(
        model,
        positives.float() / 255,
        negatives.float() / 255,
        name=arguments.concept,
        balance=None if first is None or second is None else (first, second),
        method="linear_probe" if arguments.probe else "mean_difference",
        encoder=encoder,
    )
    if encoder is not None:
        source += f", through an encoder fitted to {arguments.encoder_images:,} of the model's own samples"
        concept = replace(concept, measures={**concept.measures, **encoder.measure(positives, negatives)})
    if arguments.orthogonal:
        others = [concept_named(name, known, folder) for name in arguments.orthogonal.split(",")]
        concept = orthogonalise(concept, [replace(other, model_sha256="") for other in others])  # as the new one
        source += f", made orthogonal to {arguments.orthogonal}"
    concept = replace(concept, source=source)
    save_concepts(folder.path, [*(c for name, c in known.items() if name != concept.name), concept])
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
            with ImageBar(quiet=given.json) as advance:
                fitted = fit_encoder(self.model, images=given.encoder_images, seed=given.seed, progress=advance)
            self.encode, self.measures = fitted.encode, {f"encoder_{key}": v for key, v in fitted.measures.items()}
        return self.encode(x)

    def measure(self, positives: Tensor, negatives: Tensor) -> dict[str, float]:
        """The encoder's measures on samples, and its round trip on the examples, some of each side."""
        import torch

        x = torch.cat([positives[:CHECKED], negatives[:CHECKED]]).float() / 255
        error = float((self.model.decode(self(x)) - x).square().mean().sqrt())
        return self.measures | {"encoder_round_trip_examples": error}


def _check_sources(arguments: argparse.Namespace) -> None:
    """Raise UsageError unless there is one source of positives and negatives."""
    labelled, apart = (arguments.data, arguments.factor), (arguments.positives, arguments.negatives)
    if all(labelled) == all(apart) or any(labelled) == any(apart):
        raise UsageError("zoo concept fit needs --data DATASET and --factor NAME, or --positives and --negatives")
    if all(apart) and apart[0] == apart[1]:
        raise UsageError(f"--positives and --negatives are both {apart[0]}; there is no difference to find")


_Side = tuple["Tensor", "Tensor | None"]  # pixels (N, C, S, S) uint8, and the second label (N,) where one is asked for


def _labelled(arguments: argparse.Namespace, model: Model) -> tuple[_Side, _Side, str]:
    """The examples that have the property, those that lack it, and where they came from in words."""
    balance, split = arguments.balance, arguments.split
    balanced = f", balanced over {balance}" if balance else ""
    if arguments.positives:
        names = (arguments.positives, arguments.negatives)
        both = [examples_for(model, name, split) for name in names]
        sides = [(e.data, _factor(e, balance, name) if balance else None) for e, name in zip(both, names, strict=True)]
        return sides[0], sides[1], f"{names[0]} against {names[1]}, split {split}{balanced}"
    examples = examples_for(model, arguments.data, split)
    factor = _factor(examples, arguments.factor, arguments.data)
    second = _factor(examples, balance, arguments.data) if balance else None
    has, lacks = ((examples.data[factor == v], None if second is None else second[factor == v]) for v in (1, 0))
    return has, lacks, f"{arguments.data}, split {split}: {arguments.factor} 1 against 0{balanced}"


def _factor(examples: Examples, name: str, reference: str) -> Tensor:
    if name not in examples.factors:
        there = ", ".join(examples.factors) or "none"
        raise UsageError(f"{reference} has no factor {name!r:.80}; it has {there}")
    return examples.factors[name]


def _mixture(arguments: argparse.Namespace) -> None:
    from zoo.catalogue.weights.folder import PRIOR
    from zoo.latent.priors import fit_mixture, held_out, save_mixture

    folder = own_folder(arguments.model)
    model = encoding_model(folder)
    reference = own_data(model, arguments.data)
    seen, unseen, apart = _codes(model, reference, arguments)
    mixture = fit_mixture(seen, components=arguments.components, seed=arguments.seed)
    report = held_out(mixture, unseen, seed=arguments.seed)
    save_mixture(folder.path, mixture)
    row = {
        "name": arguments.model,
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
        f"{folder.path / PRIOR}: {arguments.components} components fitted to {len(seen.mean):,} "
        f"codes of {reference} ({arguments.split}); {report.codes:,} others ({apart}) have mean log-density "
        f"{report.mixture:.3f} nats under the mixture, {report.normal:.3f} under N(0, I)"
    )


def _codes(
    model: Encodes, reference: str, arguments: argparse.Namespace
) -> tuple[DiagonalGaussian, DiagonalGaussian, str]:
    """The posteriors to fit to, others that are not fitted to, and what those are: the test split, or a tenth."""
    from zoo.catalogue.contract.data_references import parse_reference
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.errors import DataError

    data = examples_for(model, reference, arguments.split).data
    splits = default_registry().dataset(parse_reference(reference)[0]).splits
    if "test" in splits and arguments.split != "test":
        other, apart = examples_for(model, reference, "test").data, "split test"
    else:
        if len(data) < HELD_OUT:
            raise DataError(f"{reference} has {len(data)} examples in split {arguments.split}; too few to fit to")
        order = some(len(data), len(data), arguments.seed)
        kept = len(data) // HELD_OUT
        data, other, apart = data[order[kept:]], data[order[:kept]], f"one in {HELD_OUT}, kept out"
    return model.encode(data.float() / 255), model.encode(other.float() / 255), apart
