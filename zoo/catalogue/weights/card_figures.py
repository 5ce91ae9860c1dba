"""The sections of a card that tell the records of evaluation.json, and whether samples are copies: data -> Markdown."""

from __future__ import annotations

import math
import mimetypes
from collections.abc import Mapping, Sequence
from typing import Any

from zoo.catalogue.weights.records import SAYS_LITTLE, features_of, records_of, versions_of

__all__ = ["displayed", "figures", "told", "with_spread"]

MOST_CLASSES = 10  # that a card names
VERDICTS = {  # what the signs of `memorisation` mean
    "memorised": "samples lie nearer to training examples than unseen real examples do: copies",
    "collapsed": "samples are far more alike than real examples, and leave most of the data out",
    "far from the data": "hardly a sample lies where real examples lie",
}
Record = Mapping[str, Any]


def displayed(title: str, file: str) -> str:
    """Markdown that shows a file where a page can, and else leads to it."""
    kind = mimetypes.guess_type(file, strict=False)[0] or ""
    return f"{'!' if kind.startswith('image/') else ''}[{title}]({file})"


def told(value: float) -> str:
    """A figure with as many digits as say something."""
    if not value:
        return "0"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}" if abs(value) >= 0.001 else f"{value:.5f}"


def with_spread(record: Record) -> str:
    """`8.01 ± 0.10`: the mean over the seeds, and the standard deviation over them where there are several: two digits
    of that, and as many decimals of the mean.
    """
    value, spread = record["value"], record["spread"]
    if not spread:
        return told(value) + ("" if spread is None else " ± 0")
    decimals = max(0, 1 - math.floor(math.log10(spread)))
    return f"{value:,.{decimals}f} ± {spread:,.{decimals}f}"


def figures(evaluation: Mapping[str, Any], suffix: str) -> list[str]:
    """The Markdown lines of a `current` evaluation: a table for each judge, classes, classifier, nearest examples.

    `suffix` is that of files of examples.
    """
    if evaluation.get("outdated"):
        return ["## Figures", "", "What was measured of it is of an older zoo, and is not told. Measure it anew.", ""]
    records = records_of(evaluation)
    seen = [one for one in records if one["features"] and one["metric"] != "kept"]
    lines = []
    if seen:
        lines += [
            "## Figures",
            "",
            "Each is the mean over seeds, ± the standard deviation over them; beside it the floor: what as many "
            "held-out real examples have in the place of samples. Figures compare where judge, counts and reference "
            "are the same, and not with published FID figures unless the judge is Inception.",
            "",
        ]
    rank = {True: 2, False: 1}
    names = sorted(
        {(features_of(one), one["n_fake"], one.get("prior", "")) for one in seen if not one.get("group")},
        key=lambda key: (key[0] != evaluation.get("leading"), key[0] == "pixels", key[2], -key[1], key[0]),
    )
    tables = [[one for one in seen if _of(one, key)] for key in names]
    for table in sorted(tables, key=lambda table: rank[table[0]["contaminated"]]):
        lines += _table(table)
    lines += _classes([one for one in seen if one.get("group")])
    for one in records:
        if one["metric"] == "classified":
            lines += _classified(one)
    return lines + (_nearest(evaluation["memorisation"], suffix) if "memorisation" in evaluation else [])


def _of(record: Record, key: tuple[str, int, str]) -> bool:
    return not record.get("group") and (features_of(record), record["n_fake"], record.get("prior", "")) == key


def _table(records: Sequence[Record]) -> list[str]:
    """All figures by one judge of so many samples."""
    first = records[0]
    reference, seen = first["reference"], first["features"]
    prior = f' of `prior="{first["prior"]}"`' if first.get("prior") else ""
    seeds = f"seed {first['seeds'][0]}" if len(first["seeds"]) == 1 else f"each seed of {_listed(first['seeds'])}"
    most = max(one["n_real"] for one in records)
    spoilt = " (contaminated)" if first["contaminated"] else ""
    resized = f"; pictures are resized {seen['resize']}" if seen["resize"].startswith("bilinear") else ""
    warning = [f"**Contaminated: {SAYS_LITTLE}.**", ""] if spoilt else []
    rows = [f"| {one['metric']} | {with_spread(one)} | {_floor(one)} | {one['better']} |" for one in records]
    return [
        f"### By {seen['name']}{spoilt}, {first['n_fake']:,} samples",
        "",
        *warning,
        f"{first['n_fake']:,} samples{prior} of {seeds}, against {most:,} examples of `{reference['name']}`, split "
        f"`{reference['split']}`{resized}.",
        "",
        "| figure | samples | floor | better |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
        f"Computed by `{first['command']}` ({versions_of(first)}).",
        "",
    ]


def _floor(record: Record) -> str:
    return "" if record["floor"] is None else told(record["floor"])


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))


def _classes(records: Sequence[Record]) -> list[str]:
    """The figures of each class, a row a class and a column a metric, by each judge."""
    lines = []
    for network in dict.fromkeys(map(features_of, records)):
        own = [one for one in records if features_of(one) == network]
        metrics = list(dict.fromkeys(one["metric"] for one in own))
        groups = list(dict.fromkeys(one["group"] for one in own))
        lines += [f"### Each class, by {network}", "", f"| class | samples | {' | '.join(metrics)} |"]
        lines.append(f"| --- | --- |{' --- |' * len(metrics)}")
        for group in groups:
            rows = {one["metric"]: one for one in own if one["group"] == group}
            cells = [with_spread(rows[metric]) if metric in rows else "" for metric in metrics]
            lines.append(f"| `{group}` | {next(iter(rows.values()))['n_fake']:,} | {' | '.join(cells)} |")
        lines.append("")
    return lines


def _classified(record: Record) -> list[str]:
    """What a classifier says of the samples."""
    judge, seeds = record["judge"], _listed(record["seeds"])
    others = ", ".join(f"{name} {share:.1%}" for name, share in list(record["details"]["told"].items())[:MOST_CLASSES])
    spread = "" if record["spread"] is None else f" ± {record['spread']:.1%}"
    return [
        "### What they show",
        "",
        f"A classifier of real {judge['learnt_from']['name']}, right for {judge['accuracy']:.1%} of all test examples, "
        f"calls {record['value']:.1%}{spread} of {record['n_fake']:,} samples of each seed ({seeds}) what they were "
        f"made for, and {record['floor']:.1%} of the {record['n_real']:,} test examples of those classes. "
        f"All that it calls the samples: {others}. It is {judge['design']}. "
        f"Computed by `{record['command']}` ({versions_of(record)}).",
        "",
    ]


def _nearest(found: Mapping[str, Any], suffix: str) -> list[str]:
    """Whether samples are copies."""
    near, values, unseen = found["by_features"], found["by_values"], found["test_examples"]
    third = ", and then the nearest test example" if unseen else ""
    shown = len(found["neighbours"])
    groups = (
        f"Each group: one of the first {shown} samples, to its right the training example nearest to it as "
        f"{found['network']} sees them{third}. "
        if shown
        else ""
    )
    lines = [
        "## Nearest training examples",
        "",
        *([displayed("nearest training and test examples", f"neighbours{suffix}"), ""] if shown else []),
        f"{groups}Of {found['samples']:,} samples{f' and {unseen:,} test examples' if unseen else ''}:",
        "",
        f"| | as {found['network']} sees them | by values (root mean square, of 1) |",
        "| --- | --- | --- |",
        f"| training examples searched | {near['train_examples']:,} | {values['train_examples']:,} |",
        _row("median distance of a sample to its nearest training example", near, values, "samples_to_train"),
        *(
            [
                _row("the same of a test example, which is no copy", near, values, "test_to_train"),
                _row("nearest training by nearest test example: **ratio**", near, values, "ratio"),
                _row("the ratio that test examples have", near, values, "ratio_of_test"),
                _row("share of samples that are copies", near, values, "copies"),
            ]
            if unseen
            else []
        ),
        _row("distance between samples, by that between real ones", near, values, "spacing"),
        "",
    ]
    signs = found["signs"]
    if not signs:
        lines.append("**Verdict: no sign** that it has memorised, has collapsed, or is far from the data.")
    lines += [f"**Verdict: {sign}.** {VERDICTS[sign].capitalize()}." for sign in signs]
    return [*lines, ""]


def _row(what: str, near: Mapping[str, Any], values: Mapping[str, Any], key: str) -> str:
    form = "{:.1%}".format if key == "copies" else told
    cells = ("" if one[key] is None else form(one[key]) for one in (near, values))
    return f"| {what} | {' | '.join(cells)} |"
