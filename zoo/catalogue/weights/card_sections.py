"""The sections of a card that tell what was measured, and the pictures that stand in it: evaluation.json -> Markdown.

evaluation.json holds the records, which `card_figures`, `card_written` and `card_concepts` tell too, and beside them
`reconstruction`, where it was measured.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from zoo.catalogue.weights.card_concepts import computed_by, concepts
from zoo.catalogue.weights.card_figures import displayed, figures, told, with_spread
from zoo.catalogue.weights.card_written import what_it_writes
from zoo.catalogue.weights.records import NOT_RECORDED, records_of

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
    records = records_of(evaluation)
    lines = what_it_writes(evaluation) if "written" in evaluation else figures(evaluation, suffix)
    if "reconstruction" in evaluation:
        lines += _reconstruction(evaluation["reconstruction"], records)
    lines += _likelihood(records) + concepts(records, data)
    named = dict.fromkeys(one["settings"]["concept"] for one in records if "concept" in one["settings"])
    for stem, picture in PICTURES.items():
        if (file := f"{stem}{suffix}") in files:
            words = {"name": name, "data": shlex.quote(data), "concepts": ",".join(named) or "NAME", "file": file}
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


def _likelihood(records: Sequence[dict[str, Any]]) -> list[str]:
    """A paragraph for each way in which it was measured."""
    bits = {_way(one): one for one in records if one["metric"] == "bits"}
    lines = []
    for nats in (one for one in records if one["metric"] == "likelihood"):
        how, more, reference = nats["settings"], nats["details"], nats["reference"]
        value = bits.get(_way(nats))
        said = "" if value is None else f" (**{value['value']:.4f} bits a {'value' if how else 'token'}**)"
        error = (
            f"; the standard error over the examples is {more['standard_error']:.3f}"
            if "standard_error" in more
            else ""
        )
        data = f"`{reference['name'] or NOT_RECORDED}`, split `{reference['split'] or NOT_RECORDED}`"
        of = f"{nats['n_real']:,} {'binarised ' if how.get('binarised') else ''}examples of {data}"
        way = "exactly"
        if how:
            way = f"by importance sampling with {how['latents']:,} latents each (Burda et al. 2016, equation 8)"
        if nats["spread"] is not None:
            way += f"; ± is the standard deviation over the seeds {', '.join(map(str, nats['seeds']))} of the latents"
        if "monte_carlo_error" in more:
            way += f"; the latents of one seed leave it {more['monte_carlo_error']:.3f} uncertain"
        if "negative_elbo" in more:
            way += f"; the ELBO of the same latents gives {more['negative_elbo']:.3f}"
        lines += [
            f"Negative log-likelihood **{with_spread(nats)} nats** an example{said}, of {of}, {way}{error}. "
            f"{computed_by(nats)}",
            "",
        ]
    return ["## Likelihood", "", *lines] if lines else []


def _way(record: dict[str, Any]) -> tuple[object, ...]:
    return record["n_real"], record["settings"].get("latents"), record["reference"]["sha256"]
