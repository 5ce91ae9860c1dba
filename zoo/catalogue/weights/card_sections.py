"""The sections of a card that tell what was measured, and the pictures that stand in it: evaluation.json -> Markdown.

evaluation.json holds the records, which `card_figures` and `card_written` tell, and beside them, where they were
measured, `reconstruction`, `likelihood` and `concepts`.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from zoo.catalogue.weights.card_figures import displayed, figures, told
from zoo.catalogue.weights.card_written import what_it_writes
from zoo.catalogue.weights.records import records_of

__all__ = ["PICTURES", "sections", "shown"]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A file of examples that may stand in a weights folder, and how it is made there."""

    title: str
    text: str
    command: str  # {name} is the model, {data} its dataset, {file} the file


PICTURES = {  # by the file's name without its suffix
    "reconstructions": Picture(
        title="Reconstructions",
        text="Held-out examples at random, and below each what decoding its code gives back.",
        command="zoo reconstruct --data {data} -n 8 --model {name} --scale 1 -o {file}",
    ),
    "manifold": Picture(
        title="The latent plane",
        text="Decoded points of the plane, evenly spaced in the prior's probability.",
        command="zoo manifold {name} --scale 1 -o {file}",
    ),
    "scatter": Picture(
        title="Where the test set lies",
        text="The posterior means of the test examples, coloured by class.",
        command="zoo scatter {name} -o {file}",
    ),
    "mixture": Picture(
        title="Samples of the mixture",
        text="64 samples of the Gaussian mixture that was fitted to the codes of the training set, not selected.",
        command="zoo sample {name} --prior mixture -n 64 --seed 0 -o {file}",
    ),
    "interpolation": Picture(
        title="Walks",
        text="Walks between held-out examples, which stand at the ends of each row.",
        command="zoo interpolate {name} --data {data} --rows 4 --steps 8 -o {file}",
    ),
    "concepts": Picture(
        title="Concepts at work",
        text="Held-out examples on the left, then moved along a concept, from negative strengths to positive ones.",
        command="zoo edit --data {data} -n 5 --model {name} --concept {concepts} -o {file}",
    ),
}


def shown(suffix: str) -> tuple[str, ...]:
    """The files of examples that may stand in a weights folder, of a modality that writes files of that suffix."""
    return tuple(f"{stem}{suffix}" for stem in ("samples", "neighbours", *PICTURES))


def sections(name: str, data: str, evaluation: dict[str, Any], files: Collection[str], suffix: str) -> list[str]:
    """The Markdown lines of all that was measured of model `name` on dataset `data`, and of the examples in `files`,
    whose names end in `suffix`.
    """
    given = f" --data {shlex.quote(data)}" if ":" in data else ""  # of examples that only their owner has
    lines = what_it_writes(evaluation) if "written" in evaluation else figures(evaluation, suffix)
    if "reconstruction" in evaluation:
        lines += _reconstruction(evaluation["reconstruction"], records_of(evaluation))
    if "likelihood" in evaluation:
        lines += _likelihood(f"{name}{given}", evaluation["likelihood"])
    concepts = evaluation.get("concepts", {})
    for concept in concepts.values():
        lines += _concept(name, data, concept)
    for stem, picture in PICTURES.items():
        if (file := f"{stem}{suffix}") in files:
            words = {"name": name, "data": shlex.quote(data), "concepts": ",".join(concepts) or "NAME", "file": file}
            command = picture.command.format_map(words)
            lines += [f"## {picture.title}", "", displayed(picture.title, file), "", f"{picture.text} `{command}`", ""]
    return lines


def _reconstruction(report: dict[str, Any], records: Sequence[dict[str, Any]]) -> list[str]:
    binary = "binarised " if report["binarised"] else ""
    spreads = {one["metric"]: one["spread"] for one in records if one["spread"] is not None}
    lines = [
        f"Of {report['examples']:,} {binary}examples of the split `{report['split']}`: decoding the mean of the "
        f"posterior misses them by {report['root_mean_square_error']:.4f} (root mean square, of 1), and "
        f"{report['active_units']} latent units are active."
    ]
    if report["negative_elbo"] is not None:
        over = f" (± {told(spreads['elbo'])} over the seeds of the latents)" if "elbo" in spreads else ""
        lines.append(
            f"The negative ELBO is {report['negative_elbo']:.2f} nats an example{over}, of which the KL is "
            f"{report['kl']:.2f}: {report['bits_per_dim']:.4f} bits a dimension (one latent an example)."
        )
    if found := report.get("kept"):
        lines.append(
            f"Of {found['examples']:,} of them, drawn at random, {found['share']:.0%} are kept: among all "
            f"{found['among']:,} examples the reconstruction is nearest to its own, by {found['network']}."
        )
    commands = [one["command"] for one in records if one["metric"] in ("reconstruction", "elbo")]
    return ["## Coding", "", *lines, *(f"Computed by `{command}`." for command in commands[:1]), ""]


def _likelihood(model: str, report: dict[str, Any]) -> list[str]:
    if "bits_per_token" in report:
        return [
            "## Likelihood",
            "",
            f"**{report['bits_per_token']:.4f} bits a token** of {report['examples']:,} test examples: "
            f"{report['nll']:.3f} ± {report['standard_error']:.3f} nats each (standard error over them), exactly. "
            f"Computed by `zoo likelihood {model}`.",
            "",
        ]
    binary = "binarised " if report["binarised"] else ""
    return [
        "## Likelihood",
        "",
        f"Negative log-likelihood **{report['nll']:.3f} ± {report['standard_error']:.3f} nats** an example (standard "
        f"error over the examples; {report['monte_carlo_error']:.3f} from the latents), by importance sampling with "
        f"{report['samples']:,} latents for each of {report['examples']:,} {binary}test examples (Burda et al. 2016, "
        f"equation 8); the ELBO of the same latents gives {report['negative_elbo']:.3f}. Computed by "
        f"`zoo likelihood {model} --samples {report['samples']}`.",
        "",
    ]


def _concept(name: str, data: str, report: dict[str, Any]) -> list[str]:
    factor, other = report["factor"], report["other"]
    share = "{:.1%}".format
    of = f" of `{report['data']}`, which are other data than it was trained on" if "data" in report else ""
    lines = [
        f"## Concept `{report['name']}`",
        "",
        f"Measured on the {report['positives'] + report['negatives']:,} labelled examples of the test split{of}, which "
        f"nothing was fitted to: {report['negatives']:,} without `{factor}` are moved by the strength (in standard "
        f"deviations), {report['positives']:,} with it moved back by as much. A classifier of real pixels says whether "
        f"`{factor}` came or went (on real held-out pictures it has AUC {report['probe_auc']:.3f}, accuracy "
        f"{share(report['probe_accuracy'])} with both sides counting the same), and another whether `{other}` changed "
        f"({report['other_auc']:.3f}, {share(report['other_accuracy'])}).",
        "",
        f"| strength | `{factor}` gained | `{other}` changed | `{factor}` lost | `{other}` changed | moved inside | "
        "outside |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in report["rows"]:
        shares = [share(row[key]) for key in ("gained", "gained_drift", "lost", "lost_drift")]
        lines.append(f"| {row['strength']:g} | {' | '.join(shares)} | {row['inside']:.4f} | {row['outside']:.4f} |")
    region = f" --region {','.join(map(str, report['region']))}" if report["region"] else ""
    moved = "Pixels move by root mean squares, of 1, inside and outside of the region (left, top, right, bottom)."
    if not report["region"]:
        moved = "Pixels move by root mean squares, of 1; without a region all of them count as outside."
    measured = f"zoo concept measure {name} {report['name']} --data {shlex.quote(report.get('data', data))}"
    return [*lines, "", f"{moved} `{measured} --factor {factor} --keep {other}{region}`", ""]
