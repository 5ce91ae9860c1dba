"""zoo.cli.compare: what models are recorded to have, ranked or refused, and their samples side by side."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from cli.commands import Run
from measured_models import record, told
from PIL import Image

PIXELS = "pixels"


@pytest.fixture
def two(made: Path, here: Path) -> tuple[str, str]:
    """Two folders of one tiny model, with records that differ."""
    for name, value in (("a", 8.0), ("b", 4.0)):
        folder = shutil.copytree(made / "tiny", here / name)
        measured = told(record("frechet", PIXELS, value), record("recall", PIXELS, 0.5), leading=PIXELS)
        (folder / "evaluation.json").write_text(json.dumps(measured))
    return "./a", "./b"


def test_models_of_the_same_data_are_ranked(run: Run, two: tuple[str, str]) -> None:
    """The recorded figures stand in a table with a rank; --by puts the best first, --json gives the records whole."""
    code, out, err = run("compare", *two)
    lines = [re.split("  +", line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert lines[0] == ["FIGURE", "NAME", "VALUE", "FLOOR", "BETTER", "RANK"]
    assert lines[1] == ["frechet/pixels@5000", "./b", "4.00 ± 0.25", "2", "lower", "1"]
    assert lines[2][1:] == ["./a", "8.00 ± 0.25", "4", "lower", "2"]
    assert [line[-1] for line in lines[3:5]] == ["1", "1"]  # alike recalls
    code, out, _ = run("compare", *two, "--by", "frechet", "--json")
    found = json.loads(out)
    assert [(one["name"], one["rank"]) for one in found] == [("./b", 1), ("./a", 2)]
    assert found[0]["command"].startswith("zoo eval ")


def test_what_does_not_compare_is_refused(run: Run, two: tuple[str, str], here: Path) -> None:
    """One line and exit code 2 with the reason; without --by it is shown, unranked, and the reason below."""
    measured = told(record("frechet", PIXELS, 1.0, n_real=9), leading=PIXELS)
    (here / "b" / "evaluation.json").write_text(json.dumps(measured))
    for words, says in (
        (
            ("--by", "frechet"),
            "of ./a and ./b do not compare: they are of different numbers of real examples",
        ),
        (("--by", "recall"), "./b has no recorded recall; it has frechet"),
        (("--features", "no-such"), "has no recorded figures by no-such; it has some by pixels"),
        (("-n", "0"), "-n is 0; it must be a whole number from 1 to 64"),
    ):
        code, out, err = run("compare", *two, *words)
        assert (code, out) == (2, "")
        assert says in err
        assert err.count("\n") == 1
    code, out, _ = run("compare", *two)
    assert code == 0
    assert "not ranked: they are of different numbers of real examples (4000 and 9)" in " ".join(out.split())


def test_samples_stand_side_by_side(run: Run, two: tuple[str, str], here: Path) -> None:
    """In a picture a row a model, in a page beside the figures, which fetches nothing; another ending is refused."""
    code, out, _ = run("compare", *two, "-o", "sheet.png", "-n", "4")
    assert code == 0
    assert "sheet.png: 4 samples each of ./a, ./b, in this order" in out
    assert run("compare", two[0], "-o", "one.png", "-n", "4")[0] == 0
    with Image.open(here / "sheet.png") as sheet, Image.open(here / "one.png") as one:
        assert sheet.width == one.width
        assert 1.9 * one.height < sheet.height < 2.2 * one.height
    assert run("compare", *two, "-o", "page.html")[0] == 0
    page = (here / "page.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2
    assert "frechet/pixels@5000" in page
    assert "http" not in page.replace("http-equiv", "")
    code, _, err = run("compare", *two, "-o", "page.txt")
    assert code == 2
    assert ".html" in err
