"""zoo.cli.walk: samples and walks as pictures; and zoo.cli.hub: they are verified."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from cli.commands import Run, Terminal, listing
from PIL import Image

from zoo.cli import progress_to

pytestmark = pytest.mark.usefixtures("here")


def test_sample_writes_a_grid(run: Run, model: str, here: Path) -> None:
    """`zoo sample` writes one picture of n samples, the same for the same seed, and says so."""
    code, out, err = run("sample", model, "-n", "6", "--columns", "3", "--seed", "4", "--scale", "2", "-o", "a.png")
    assert (code, err) == (0, "")
    assert out == f"a.png: 6 samples of {model}, seed 4\n"
    with Image.open("a.png") as picture:
        assert picture.size == (3 * 16 + 2 * 2, 2 * 16 + 2)
    run("sample", model, "-n", "6", "--columns", "3", "--seed", "4", "--scale", "2", "-o", "b.png")
    run("sample", model, "-n", "6", "--columns", "3", "--seed", "5", "--scale", "2", "-o", "c.png")
    digests = listing(here)
    assert digests["a.png"] == digests["b.png"] != digests["c.png"]


def test_a_terminal_is_shown_how_far_it_is(run: Run, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece after the other is counted on a terminal, and the bar goes at the end; elsewhere there is nothing."""
    screen = Terminal()
    monkeypatch.setattr("zoo.cli.sample.PATIENCE", 0.0)
    monkeypatch.setattr(sys, "stderr", screen)
    told: list[tuple[int, int]] = []
    with progress_to(lambda done, total: told.append((done, total))):
        assert run("sample", model, "-n", "65", "-o", "a.png")[0] == 0
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert "step/s]" in screen.getvalue()
    assert screen.getvalue().endswith(" \r")
    monkeypatch.setattr(sys, "stderr", pipe := io.StringIO())
    assert run("sample", model, "-n", "65", "-o", "b.png")[0] == 0
    assert pipe.getvalue() == ""
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "PNG"])
def test_sample_writes_any_picture_format(suffix: str, run: Run, model: str) -> None:
    """The suffix chooses the format; what was there is replaced."""
    Path(f"a.{suffix}").write_text("old")
    assert run("sample", model, "-n", "1", "-o", f"a.{suffix}")[0] == 0
    with Image.open(f"a.{suffix}") as picture:
        assert picture.size == (24, 24)


def test_truncation_changes_the_samples(run: Run, model: str, here: Path) -> None:
    """`--truncation` is passed on."""
    for name, more in (("a.png", []), ("b.png", ["--truncation", "0.1"])):
        assert run("sample", model, "-n", "2", "-o", name, *more)[0] == 0
    assert listing(here)["a.png"] != listing(here)["b.png"]


@pytest.mark.parametrize("more", [[], ["--linear"]])
def test_interpolate_writes_walks(more: list[str], run: Run, model: str) -> None:
    """`zoo interpolate` writes a row of steps for each walk, whose ends are the samples of that seed."""
    code, out, err = run(
        "interpolate", model, "--steps", "5", "--rows", "2", "--seed", "3", "--scale", "1", "-o", "w.png", *more
    )
    assert (code, err) == (0, "")
    line = "straight lines" if more else "great circles"
    assert out == f"w.png: 2 walks between samples, seed 3, 5 steps along {line} through {model}\n"
    assert run("sample", model, "-n", "4", "--columns", "2", "--seed", "3", "--scale", "1", "-o", "s.png")[0] == 0
    with Image.open("w.png") as walks, Image.open("s.png") as samples:
        assert walks.size == (5 * 8 + 4 * 2, 2 * 8 + 2)
        first, last = walks.crop((0, 0, 8, 18)), walks.crop((40, 0, 48, 18))
        assert first.tobytes() == samples.crop((0, 0, 8, 18)).tobytes()
        assert last.tobytes() == samples.crop((10, 0, 18, 18)).tobytes()


def test_verify_checks_a_folder(run: Run, model: str) -> None:
    """`zoo verify` replays the golden samples of a folder and says that all is well."""
    code, out, err = run("verify", model, "--json")
    assert (code, err) == (0, "")
    (report,) = json.loads(out)
    assert next(iter(report.items())) == ("name", model)
    assert (report["ok"], report["source"], report["golden_difference"]) == (True, "folder", 0)
    code, out, err = run("verify", model)
    assert (code, err) == (0, "")
    assert model in out
    assert "True" in out
