"""zoo.cli.compare: what models are recorded to have, and how several judges are printed."""

from __future__ import annotations

import json
import re

import pytest
from cli.commands import Run

from zoo.cli import measure

FROGS = ("dcgan-cifar-frog", "dcgan-cifar-frog-book")


def test_models_of_the_same_data_are_ranked(run: Run) -> None:
    """The recorded figures stand in a table with a rank; --by puts the best first, --json gives them whole."""
    code, out, err = run("compare", *FROGS[::-1])
    lines = [re.split("  +", line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert lines[0] == ["NAME", "DATA", "BY", "SAMPLES", "FRECHET", "KERNEL", "PRECISION", "RECALL", "RANK"]
    assert [(line[0], line[2], line[-1]) for line in lines[1:3]] == [
        (FROGS[1], "efficientnet-lite0", "2"),
        (FROGS[0], "efficientnet-lite0", "1"),
    ]
    code, out, _ = run("compare", *FROGS[::-1], "--by", "frechet", "--json")
    assert [(one["name"], one["rank"]) for one in json.loads(out)] == [(FROGS[0], 1), (FROGS[1], 2)]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((FROGS[0], "vae-faces", "--by", "frechet"), "are of different data and do not compare; leave one out"),
        ((FROGS[0], "--features", "no-such"), "has no recorded figures by no-such; it has some by efficientnet-lite0"),
    ],
)
def test_what_does_not_compare_is_refused(words: tuple[str, ...], says: str, run: Run) -> None:
    """One line and exit code 2."""
    code, out, err = run("compare", *words)
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1


def test_the_leading_judge_is_printed_first_and_the_contaminated_last(capsys: pytest.CaptureFixture[str]) -> None:
    """Each judge has a row with its own floor; the figures that say little are marked in words."""

    def of(network: str, frechet: float) -> dict[str, object]:
        floor = {"frechet": frechet / 2, "frechet_of_samples": 2 * frechet, "kernel": 0.5, "test_examples": 10}
        return {
            "network": network,
            "frechet": frechet,
            "kernel": 0.25,
            "precision": 0.5,
            "recall": 0.75,
            "floor": floor,
        }

    data = of("other", 8.0) | {"name": "m", "samples": 20, "train_examples": 30, "independent": True}
    data |= {"pixels": of("pixels", 4.0), "contaminated": {"own": of("own", 2.0) | {"note": "says little"}}}
    measure._print_distances(data, [])
    out = capsys.readouterr().out
    rows = [re.split("  +", line) for line in out.splitlines()]
    head = next(i for i, row in enumerate(rows) if row[0] == "BY")
    assert rows[head + 1 : head + 4] == [
        ["other", "8.0000", "0.2500", "0.5000", "0.7500", "16.0000", "4.0000"],
        ["pixels", "4.0000", "0.2500", "0.5000", "0.7500", "8.0000", "2.0000"],
        ["own", "2.0000", "0.2500", "0.5000", "0.7500", "4.0000", "1.0000", "contaminated"],
    ]
    assert "do not say how good the model is" in out
    measure._print_distances(
        of("own", 2.0) | {"name": "m", "samples": 20, "train_examples": 3, "independent": False}, []
    )
    assert "by own, which it was trained against" in capsys.readouterr().out
