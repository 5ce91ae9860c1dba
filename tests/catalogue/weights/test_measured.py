"""weights.measured: recorded figures side by side, and which of them rank."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.folder import Folder
from zoo.catalogue.weights.measured import ranked, recorded
from zoo.errors import UsageError, WeightsError

LITE0, RESNET = "efficientnet-lite0", "thin-resnet50"


def figures(network: str, frechet: float, samples: int = 5000, recall: float = 0.5) -> dict[str, Any]:
    return {
        "network": network,
        "network_sha256": "" if network == "pixels" else f"{len(network):064}",
        "samples": samples,
        "frechet": frechet,
        "kernel": frechet / 100,
        "precision": 0.75,
        "recall": recall,
    }


@pytest.fixture
def row(tmp_path: Path) -> Any:
    """Write a folder's config and evaluation, and give its row."""

    def make(name: str, told: dict[str, Any], *, against: str = "", data: str = "frogs", by: str = "") -> Any:
        path = tmp_path / name
        path.mkdir(exist_ok=True)
        training = {"trained_against": {against: "f" * 64}} if against else {}
        facts = {"name": data, "sha256": f"{len(data):064}", "shape": [3, 8, 8]}
        config = {"format": 1, "architecture": "dcgan", "config": {}, "data": facts, "training": training, "zoo": "1"}
        (path / "config.json").write_text(json.dumps(config))
        (path / "evaluation.json").write_text(json.dumps(told))
        return recorded(Folder(name=name, path=path), default_registry(), by)

    return make


def test_alike_figures_rank(row: Any) -> None:
    """The nearest to the data is first, as the models are given; by recall the highest is, and with `by` they move."""
    rows = [row("a", figures(LITE0, 30.0, recall=0.5)), row("b", figures(LITE0, 20.0, recall=0.25))]
    assert [(one["name"], one["rank"]) for one in ranked(rows)] == [("a", 2), ("b", 1)]
    assert [(one["name"], one["rank"]) for one in ranked(rows, "frechet")] == [("b", 1), ("a", 2)]
    assert [(one["name"], one["rank"]) for one in ranked(rows, "recall")] == [("a", 1), ("b", 2)]


def test_only_what_compares_is_ranked(row: Any) -> None:
    """Another network, other data, another number of samples and a contaminated figure have no rank among the rest."""
    rows = [
        row("a", figures(LITE0, 30.0)),
        row("b", figures(LITE0, 20.0)),
        row("c", figures(RESNET, 1.0)),
        row("d", figures(LITE0, 1.0), data="toads+"),
        row("e", figures(LITE0, 1.0, samples=4000)),
        row("f", figures(LITE0, 1.0), against="efficientnet-lite2"),
        row("g", figures(LITE0, 20.0)),
    ]
    assert [one["rank"] for one in ranked(rows)] == [3, 1, None, None, None, None, 1]
    assert [one["contaminated"] for one in rows] == [False] * 5 + [True, False]


@pytest.mark.parametrize(
    ("other", "more", "says"),
    [
        (figures(RESNET, 1.0), {}, rf"a \({LITE0}\) and b \({RESNET}\) are of different networks .* --features"),
        (figures(LITE0, 1.0), {"data": "toads+"}, r"a \(frogs\) and b \(toads\+\) are of different data"),
        (figures(LITE0, 1.0, samples=9), {}, r"a \(5000\) and b \(9\) are of different numbers of samples"),
        (figures(LITE0, 1.0), {"against": LITE0}, f"b was trained against {LITE0} or a sister, and is not ranked"),
    ],
)
def test_one_order_of_all_is_refused_where_figures_do_not_compare(
    other: dict[str, Any], more: dict[str, str], says: str, row: Any
) -> None:
    """With `by` it is a UsageError that names both models, what differs and what to do."""
    with pytest.raises(UsageError, match=says):
        ranked([row("a", figures(LITE0, 30.0)), row("b", other, **more)], "kernel")


def test_figures_of_a_network_are_found_wherever_they_stand(row: Any) -> None:
    """Leading, second, pixels or contaminated: a model that was trained against Lite0 compares by another network."""
    frog = figures(RESNET, 5.0) | {"pixels": figures("pixels", 8.0), "contaminated": {LITE0: figures(LITE0, 2.0)}}
    book = figures(LITE0, 30.0) | {"second": {RESNET: figures(RESNET, 7.0)}}

    def both(by: str) -> list[dict[str, Any]]:
        return [row("frog", frog, against=LITE0, by=by), row("book", book, by=by)]

    assert [(one["frechet"], one["rank"]) for one in ranked(both(RESNET), "frechet")] == [(5.0, 1), (7.0, 2)]
    assert [one["rank"] for one in ranked(both(LITE0))] == [None, None]
    with pytest.raises(UsageError, match="frog was trained against"):
        ranked(both(LITE0), "frechet")
    with pytest.raises(
        UsageError, match=rf"book has no .* by pixels; it has some by {LITE0}, {RESNET}: `zoo eval book"
    ):
        both("pixels")


def test_a_model_that_was_not_measured_is_named(row: Any) -> None:
    """Without an evaluation it is a UsageError with the command that makes one; a damaged one is a WeightsError."""
    with pytest.raises(UsageError, match="a has no recorded figures: `zoo eval a --write` makes them"):
        row("a", {})
    with pytest.raises(WeightsError, match=r"b: .* lacks 'recall'"):
        row("b", {key: value for key, value in figures(LITE0, 1.0).items() if key != "recall"})
