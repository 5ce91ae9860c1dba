"""What `zoo concept measure` does: judges fitted to real examples, edits of others, and a table of what they say."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoo.cli.examples import examples_for, reference_of, seeds_of
from zoo.cli.lines import say
from zoo.cli.output import table
from zoo.errors import UsageError

if TYPE_CHECKING:
    from zoo.catalogue.weights.folder import Folder
    from zoo.evaluation.records import Origin, Record
    from zoo.latent.concepts import ConceptVector
    from zoo.nn.abilities import Encodes

__all__ = ["Box", "measured", "print_concept", "region_of"]

Box = tuple[int, int, int, int]


def measured(
    folder: Folder, model: Encodes, concept: ConceptVector, region: Box | None, arguments: argparse.Namespace
) -> list[Record]:
    """The records of a concept of a folder's model, by the judges of each seed.

    Raises UsageError for factors, seeds and a region that cannot be meant, and what loading the data raises.
    """
    from zoo.catalogue.recipes.recipe import neutral
    from zoo.data.modality import modality_of
    from zoo.evaluation.concept_records import Judges, concept_records
    from zoo.evaluation.concepts import measure_concept
    from zoo.latent.codes import labels_of

    seeds, factors = seeds_of(arguments), (arguments.factor, arguments.keep)
    train, test = (examples_for(model, arguments.data, split) for split in ("train", "test"))
    for name in factors:
        if name not in test.factors or name not in train.factors:
            raise UsageError(f"{arguments.data} has no factor {name!r:.80}; it has {', '.join(test.factors) or 'none'}")
    judge = modality_of(model).judge
    pairs = [
        [judge((train.data, train.factors[f]), (test.data, test.factors[f]), seed=seed) for f in factors]
        for seed in seeds
    ]
    classes = model.labels_of(labels_of(model, test), len(test.data))
    classes = None if classes is None else classes.cpu()
    labelled = test.data, test.factors[arguments.factor]
    reports = [
        measure_concept(model, concept, labelled, *pair, region=region, names=factors, classes=classes)
        for pair in pairs
    ]
    learnt = {"name": neutral(reference_of(model, arguments.data)), "split": train.split, "sha256": train.sha256}
    judges = Judges(probes=[one for one, _ in pairs], others=[one for _, one in pairs], learnt_from=learnt)
    tested = learnt | {"split": test.split, "sha256": test.sha256}
    return concept_records(reports, judges, _origin(folder, model, tested, arguments))


def _origin(folder: Folder, model: Encodes, reference: Mapping[str, Any], arguments: argparse.Namespace) -> Origin:
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.card import HERE, named_by_catalogue
    from zoo.evaluation.records import Origin, device_of

    seeds = seeds_of(arguments)
    name = named_by_catalogue(folder.model_sha256(), default_registry()) or HERE
    words = ["zoo", "concept", "measure", name, arguments.concept, "--data", reference["name"]]
    words += ["--factor", arguments.factor, "--keep", arguments.keep]
    words += ["--region", arguments.region] if arguments.region else []
    words += ["--seeds", ",".join(map(str, seeds))]
    return Origin(seeds=seeds, command=shlex.join(words), device=device_of(model), reference=reference)


def region_of(text: str | None) -> Box | None:
    """What --region says: left, top, right, bottom. Raises UsageError for what is none."""
    if text is None:
        return None
    try:
        left, top, right, bottom = (int(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(
            f"--region is {text!r:.80}; write left,top,right,bottom in pixels, as in 14,38,50,60"
        ) from error
    return left, top, right, bottom


def print_concept(records: Sequence[Mapping[str, Any]]) -> None:
    """The records of one concept, a row a strength, and what real examples have in the place of edited ones."""
    from zoo.catalogue.weights.card_concepts import COLUMNS, about, strengths

    factor, other = (records[0]["settings"][key] for key in ("factor", "keep"))
    head = [column.format(factor=factor, other=other) for column in COLUMNS]
    table([dict(zip(head, row, strict=True)) for row in strengths(records)], tuple(head))
    say(about(records))
