"""zoo.cli.measure: likelihood and `concept measure`, what they write, and what they say to bad input."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from cli.commands import code_of

from zoo.catalogue.weights.card_figures import with_spread
from zoo.catalogue.weights.records import SAYS_LITTLE, key_of
from zoo.cli import measure

Make = Callable[..., SimpleNamespace]
MEASURE = ("--data", "faces", "--factor", "smiling", "--keep", "gender")


@pytest.fixture
def tiny(vae_folder: Make) -> SimpleNamespace:
    """A folder whose config says enough for a card."""
    made = vae_folder()
    path = made.path / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    recipe = {"name": "tiny", "summary": "Shapes.", "trainer": "vae", "licence": "MIT", "settings": {}}
    config["data"] |= {"split": "train", "count": 9, "sha256": "cd" * 32, "licence": "CC0-1.0"}
    config["training"] = {"recipe": recipe, "examples": 5, "torch": "2.13.0", "threads": 1}
    path.write_text(json.dumps(config), encoding="utf-8")
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_likelihood_prints_nats_with_their_error(tiny: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    """The data are the model's own unless others are named; nothing is written unless it is asked for."""
    before = contents(tiny.path)
    assert code_of("likelihood", tiny.path, "-n", 3, "--samples", 4) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "3 examples of shapes (test), 4 latents each, seeds 0, 1, 2 (± is their standard deviation)" in said
    assert code_of("likelihood", tiny.path, "-n", 3, "--samples", 4, "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    nats, bits = row["records"].values()
    assert list(row["records"]) == ["likelihood@3#latents=4", "bits@3#latents=4"]
    assert (nats["n_real"], nats["settings"]) == (3, {"latents": 4, "binarised": False})
    assert (nats["seeds"], len(nats["values"]), len(set(nats["values"]))) == ([0, 1, 2], 3, 3)
    assert nats["spread"] > 0
    assert nats["details"]["standard_error"] > 0
    assert (nats["reference"]["name"], nats["reference"]["split"]) == ("shapes", "test")
    assert len(nats["reference"]["sha256"]) == 64
    assert nats["command"] == "zoo likelihood . -n 3 --samples 4 --seeds 0,1,2"
    assert bits["value"] == pytest.approx(nats["value"] / (3 * 8 * 8) / math.log(2) + 8)  # a byte a value
    assert contents(tiny.path) == before
    assert code_of("likelihood", tiny.path, "-n", 3, "--samples", 4, "--write") == 0
    written = json.loads((tiny.path / "evaluation.json").read_text())["records"]
    assert written == row["records"]
    card = (tiny.path / "README.md").read_text(encoding="utf-8")
    assert f"**{with_spread(nats)} nats**" in card
    assert f"`{nats['command']}`" in card
    assert code_of("verify", tiny.path) == 0
    capsys.readouterr()
    assert code_of("info", tiny.path) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "negative log-likelihood of held-out examples, nats each, with 4 latents each" in said
    assert code_of("compare", tiny.path, "--by", "likelihood", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["key"], found["value"]) == ("likelihood@3#latents=4", nats["value"])


@pytest.mark.usefixtures("labelled")
def test_a_concept_is_measured_on_held_out_people(tiny: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    """Probes learn from the training split and judge the test split; --write puts the table into the card."""
    fit = ("concept", "fit", tiny.path)
    assert code_of(*fit, "gender", *MEASURE[:2], "--factor", "gender") == 0
    assert code_of(*fit, "smile", *MEASURE[:4], "--orthogonal", "gender") == 0
    assert "made orthogonal to gender" in capsys.readouterr().out
    measure = ("concept", "measure", tiny.path, "smile", *MEASURE, "--region", "0,4,8,8", "--seeds", "0,1")
    assert code_of(*measure, "--json", "--write") == 0
    (row,) = json.loads(capsys.readouterr().out)
    records = list(row["records"].values())
    gained, lost, drift, _, outside = records[:5]
    assert [one["metric"] for one in (gained, lost, drift)] == [
        "concept_gained",
        "concept_lost",
        "concept_gained_drift",
    ]
    settings = {"concept": "smile", "factor": "smiling", "keep": "gender", "region": [0, 4, 8, 8], "strength": 0.0}
    assert all(one["settings"] == settings for one in records[:5])
    assert gained["n_real"] + lost["n_real"] == outside["n_real"] > 40
    assert (gained["judge"]["tells"], drift["judge"]["tells"]) == ("smiling", "gender")
    assert min(gained["judge"]["auc"], drift["judge"]["auc"]) > 0.9
    assert len(set(gained["judge"]["sha256"])) == 2  # a judge a seed
    assert gained["judge"]["learnt_from"]["split"] == "train"
    assert (gained["seeds"], len(gained["values"]), gained["reference"]["split"]) == ([0, 1], 2, "test")
    assert min(gained["floor"], lost["floor"]) > 0.8  # the judges tell real ones
    assert (outside["values"], outside["seeds"]) == ([0.0], [])
    assert [one["settings"]["strength"] for one in records[::5]][:2] == [0, 0.5]
    words = gained["command"].split()
    assert words[:5] == ["zoo", "concept", "measure", ".", "smile"]
    assert words[-4:] == ["--region", "0,4,8,8", "--seeds", "0,1"]
    card = (tiny.path / "README.md").read_text(encoding="utf-8")
    assert "## Concept `smile`" in card
    assert "of the split `test` of `faces`, other data than it was trained on, which nothing was fitted to" in card
    assert code_of(*measure) == 0
    assert "SMILING GAINED" in capsys.readouterr().out.upper()


@pytest.mark.usefixtures("labelled")
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["likelihood", "MODEL", "--samples", "0"], 2, "samples is 0"),
        (["likelihood", "dcgan-cifar-frog", "--write"], 2, "has no encoder"),
        (["likelihood", "GAN"], 2, "has no encoder"),
        (["concept", "measure", "MODEL", "smile"], 2, "needs --data"),
        (["concept", "measure", "MODEL", "smile", *MEASURE], 3, "no concept 'smile'"),
        (["concept", "measure", "MODEL", "smile", *MEASURE, "--region", "1,2"], 2, "left,top,right,bottom"),
        (["concept", "measure", "MODEL", "smile", *MEASURE[:5], "age"], 3, "no concept"),
        (["concept", "fit", "MODEL", "smile", *MEASURE[:4], "--orthogonal", "age"], 3, "no concept 'age'"),
    ],
)
def test_what_cannot_be_meant_is_one_line_and_a_code(
    words: list[str], code: int, says: str, tiny: SimpleNamespace, make_folder: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each ends with the documented code and one line, and the folder is as it was."""
    places = {"MODEL": tiny.path} | ({"GAN": make_folder("gan").path} if "GAN" in words else {})
    before = contents(tiny.path)
    assert code_of(*(places.get(word, word) for word in words)) == code
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.err.count("\n") == 1
    assert contents(tiny.path) == before


def test_figures_have_yardsticks(capsys: pytest.CaptureFixture[str]) -> None:
    """What the zoo's own models have stands below each figure that compares, and nothing where none does; contaminated
    ones are marked and told in words.
    """
    from zoo.catalogue.plugins.loading import default_registry
    from zoo.catalogue.weights.locate import locate
    from zoo.catalogue.weights.measured import measured_on
    from zoo.catalogue.weights.records import leading

    registry, other = default_registry(), "frog-gan"
    data = locate("dcgan-cifar-frog", registry).evaluation() | {"name": "dcgan-cifar-frog"}
    own = [one for one in leading(data) if one["features"]]
    yardsticks = measured_on(own, registry)
    assert {"dcgan-cifar-frog", other} <= {one["name"] for one in yardsticks}
    assert measured_on([one | {"n_fake": 7} for one in own], registry) == []
    measure.print_records(data, [one for one in yardsticks if one["name"] == other])
    rows = [re.split("  +", line.strip()) for line in capsys.readouterr().out.splitlines()]
    at = next(i for i, row in enumerate(rows) if row[0] == key_of(own[0]))
    assert rows[0][:4] == ["FIGURE", "VALUE", "FLOOR", "BETTER"]
    assert rows[at][1] == with_spread(own[0])
    assert rows[at + 1][0] == f"for comparison: {other}"
    spoilt = {key: one | {"contaminated": True} for key, one in data["records"].items()}
    measure.print_records(data | {"records": spoilt})
    out = " ".join(capsys.readouterr().out.split())
    assert SAYS_LITTLE in out
    assert "for comparison" not in out
