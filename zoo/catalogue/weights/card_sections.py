"""The sections of a card that tell what was measured, and the pictures that stand in it: evaluation.json -> Markdown.

evaluation.json holds the report on samples at its top, and beside it, where they were measured, `reconstruction`,
`likelihood` and `concepts`.
"""

from __future__ import annotations

import mimetypes
import shlex
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from zoo.catalogue.weights.card_written import what_it_writes
from zoo.catalogue.weights.folder import PRIORS
from zoo.catalogue.weights.metrics import SAMPLES, independent

__all__ = ["PICTURES", "displayed", "sections", "shown"]

MOST_CLASSES = 10  # that a card names
SAYS_LITTLE = "The model was trained against this network or a sister: its figures do not say how good the model is."


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


def displayed(title: str, file: str) -> str:
    """Markdown that shows a file where a page can, and else leads to it."""
    kind = mimetypes.guess_type(file, strict=False)[0] or ""
    return f"{'!' if kind.startswith('image/') else ''}[{title}]({file})"


def sections(name: str, data: str, evaluation: dict[str, Any], files: Collection[str], suffix: str) -> list[str]:
    """The Markdown lines of all that was measured of model `name` on dataset `data`, and of the examples in `files`,
    whose names end in `suffix`.
    """
    lines: list[str] = []
    given = f" --data {shlex.quote(data)}" if ":" in data else ""  # of examples that only their owner has
    if SAMPLES[0] in evaluation:
        lines += _figures(f"{name}{given}", evaluation) + _beside(f"{name}{given}", evaluation)
        lines += _classes(evaluation) + _classified(f"{name}{given}", evaluation) + _neighbours(evaluation, suffix)
    if "reconstruction" in evaluation:
        lines += _reconstruction(f"{name}{given}", evaluation["reconstruction"])
    if "likelihood" in evaluation:
        lines += _likelihood(f"{name}{given}", evaluation["likelihood"])
    if "written" in evaluation:
        lines += what_it_writes(f"{name}{given}", evaluation["written"])
    concepts = evaluation.get("concepts", {})
    for concept in concepts.values():
        lines += _concept(name, data, concept)
    for stem, picture in PICTURES.items():
        if (file := f"{stem}{suffix}") in files:
            words = {"name": name, "data": shlex.quote(data), "concepts": ",".join(concepts) or "NAME", "file": file}
            command = picture.command.format_map(words)
            lines += [f"## {picture.title}", "", displayed(picture.title, file), "", f"{picture.text} `{command}`", ""]
    return lines


def _figures(model: str, report: dict[str, Any]) -> list[str]:
    lines = [
        "## Figures",
        "",
        f"On {report['network']} features, each set against {report['train_examples']:,} training examples. They "
        "compare with one another and not with published FID figures; a Fréchet distance is biased upward by a "
        "small count, so the floor stands beside as many samples.",
        "",
        *([] if independent(report) else [f"**{SAYS_LITTLE}**", ""]),
        "| | examples | Fréchet distance | kernel distance ± standard error |",
        "| --- | --- | --- | --- |",
        f"| samples | {report['samples']:,} | {report['frechet']:.2f} | {_kernel(report)} |",
    ]
    floor = report["floor"]
    if floor is not None:
        count = f"{floor['test_examples']:,}"
        lines += [
            f"| as many samples as test examples | {count} | {floor['frechet_of_samples']:.2f} | |",
            f"| test examples (the floor) | {count} | {floor['frechet']:.2f} | {_kernel(floor)} |",
        ]
    for prior in PRIORS:
        if (other := report.get(f"{prior}_frechet")) is not None:
            lines.append(f'| samples of `prior="{prior}"` | {report["samples"]:,} | {other:.2f} | |')
    command = f"zoo eval {model} --samples {report['samples']} --features {report['network']}"
    how = f"Computed by `{command}` (samples of seed 0, torch {report['torch']})."
    more = f"Precision {report['precision']:.3f}, recall {report['recall']:.3f} (Kynkäänniemi et al. 2019, k = 3)."
    return [*lines, "", more, "", how, ""]


def _beside(model: str, report: dict[str, Any]) -> list[str]:
    """The figures by other networks and by pixels, and those that say little."""
    clean = [*report.get("second", {}).values(), *([report["pixels"]] if "pixels" in report else [])]
    spoilt = list(report.get("contaminated", {}).values())
    if not clean and not spoilt:
        return []
    lines = [
        "### By other judges",
        "",
        "Figures of different judges do not compare: each has its own floor.",
        "",
        "| judge | Fréchet distance | of as many as test examples | the floor | kernel distance | precision | recall |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in (*clean, *spoilt):
        floor = row["floor"]
        held_out = f"{floor['frechet_of_samples']:.2f} | {floor['frechet']:.2f}" if floor else " | "
        name = row["network"] + (" (contaminated)" if row in spoilt else "")
        rest = f"{_kernel(row)} | {row['precision']:.3f} | {row['recall']:.3f}"
        lines.append(f"| {name} | {row['frechet']:.2f} | {held_out} | {rest} |")
    asked = ",".join(row["network"] for row in (report, *clean, *spoilt))
    told = [f"Contaminated: {SAYS_LITTLE[0].lower()}{SAYS_LITTLE[1:]}", ""] if spoilt else []
    return [*lines, "", *told, f"Computed by `zoo eval {model} --samples {report['samples']} --features {asked}`.", ""]


def _kernel(row: dict[str, Any]) -> str:
    return f"{row['kernel']:.5f} ± {row['kernel_standard_error']:.5f}"


def _classes(report: dict[str, Any]) -> list[str]:
    """The distance of each class, where each was asked for."""
    rows = [
        f"| `{found['name']}` | {found['samples']:,} | {found['frechet']:.2f} | {found['kernel']:.4f} |"
        for found in report.get("classes", [])
    ]
    head = [
        "| class | examples | Fréchet distance to its training examples | kernel distance |",
        "| --- | --- | --- | --- |",
    ]
    return [*head, *rows, ""] if rows else []


def _classified(model: str, report: dict[str, Any]) -> list[str]:
    """What a classifier says of the samples."""
    if (found := report.get("classified")) is None:
        return []
    others = ", ".join(f"{name} {share:.1%}" for name, share in list(found["told"].items())[:MOST_CLASSES])
    return [
        "### What they show",
        "",
        f"A classifier of real {found['data']}, right for {found['accuracy']:.1%} of all test examples, calls "
        f"{found['samples']:.1%} of the samples what they were made for, and {found['real']:.1%} of the test examples "
        f"of those classes. All that it calls them: {others}. `zoo eval {model} --classify` measures it.",
        "",
    ]


def _neighbours(report: dict[str, Any], suffix: str) -> list[str]:
    mine, real = report["sample_distances"], report["test_distances"]
    lines = [
        "## Nearest training examples",
        "",
        displayed("nearest training examples", f"neighbours{suffix}"),
        "",
        f"Each pair: one of the first {len(report['neighbours'])} samples, and to its right the training example "
        "nearest to it in feature space. Median distance of all samples to their nearest: "
        f"{mine['feature_median']:.2f} in features, {mine['value_median']:.3f} in values (root mean square, of 1).",
    ]
    if real is not None:
        lines.append(
            f"Test examples, which are no copies: {real['feature_median']:.2f} and {real['value_median']:.3f}, "
            f"the nearest 5 % below {real['feature_5_percent']:.2f} and {real['value_5_percent']:.3f}. "
            "A copy would lie far below that."
        )
    return [*lines, ""]


def _reconstruction(model: str, report: dict[str, Any]) -> list[str]:
    binary = "binarised " if report["binarised"] else ""
    told = [
        f"Of {report['examples']:,} {binary}examples of the split `{report['split']}`: decoding the mean of the "
        f"posterior misses them by {report['root_mean_square_error']:.4f} (root mean square, of 1), and "
        f"{report['active_units']} latent units are active."
    ]
    if report["negative_elbo"] is not None:
        told.append(
            f"The negative ELBO is {report['negative_elbo']:.2f} nats an example, of which the KL is "
            f"{report['kl']:.2f}: {report['bits_per_dim']:.4f} bits a dimension (one latent an example)."
        )
    if found := report.get("kept"):
        told.append(
            f"Of {found['examples']:,} of them, drawn at random, {found['share']:.0%} are kept: among all "
            f"{found['among']:,} examples the reconstruction is nearest to its own, by {found['network']}."
        )
    return ["## Coding", "", *told, f"Computed by `zoo eval {model}`.", ""]


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
