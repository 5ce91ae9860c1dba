"""zoo.cli.reproduce: a model is trained again by the recipe in its folder, and its figures are held against it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cli.commands import Run, change, listing
from measured_models import record

from zoo.catalogue.weights.records import key_of

FEW = ("--features", "pixels", "--samples", "16", "--seeds", "0,1", "--real", "20", "--metrics", "frechet,precision")


@pytest.fixture
def measured(made: Path, here: Path, run: Run) -> Path:
    """A folder of a tiny model with published figures, as it is after a pull."""
    folder = shutil.copytree(made / "tiny", here / "pulled")
    assert run("eval", "./pulled", *FEW, "--write")[0] == 0
    return folder


def test_the_same_recipe_gives_the_published_figures(measured: Path, here: Path, run: Run) -> None:
    """Trained to the end by the same recipe and seed, every figure lies within the spread; the folder stays."""
    before = listing(measured)
    code, out, err = run("reproduce", "./pulled")
    assert code == 0, err
    assert out.count("within") >= 3
    said = (
        "2 of 2 published figures lie within 2 standard deviations of the sample seeds (of the difference of two means"
    )
    assert said in " ".join(out.split())
    assert "another training seed may differ more. ./pulled is reproduced in this sense" in " ".join(out.split())
    assert listing(measured) == before
    assert (here / "runs/tiny-again").is_dir()


def test_a_short_run_says_that_it_was_short(measured: Path, run: Run) -> None:
    """Its figures are shown, and nothing is concluded from them; counts that cannot be meant are exit code 2."""
    code, out, err = run("reproduce", "./pulled", "--images", "8", "--out", "again")
    assert code == 0, err
    assert "a short run, 8 of 32 examples" in " ".join(out.split())
    assert "says nothing of whether its figures hold" in " ".join(out.split())
    for images in ("0", "33"):
        code, _, err = run("reproduce", "./pulled", "--images", images)
        assert (code, err.count("\n")) == (2, 1)
        assert "from one batch, 4, to all, 32" in err


def test_other_figures_are_found_out(measured: Path, run: Run) -> None:
    """Where the published value is another one, it lies outside, with both values and what is allowed."""
    change(
        measured / "evaluation.json", lambda data: data["records"]["frechet/pixels@16"].update(value=1e6, spread=1e-3)
    )
    code, out, _ = run("reproduce", "./pulled", "--json")
    (frechet, precision) = json.loads(out[out.index("[") :])
    assert code == 0
    assert (frechet["name"], frechet["verdict"]) == ("frechet/pixels@16", "outside")
    assert frechet["allowed"] < abs(frechet["difference"])
    assert (precision["verdict"], precision["examples"], precision["of"]) == ("within", 32, 32)
    assert precision["meaning"].startswith("within 2 standard deviations of the sample seeds")


def test_other_training_seeds_give_a_spread_of_their_own(measured: Path, here: Path, run: Run) -> None:
    """With --seeds each run stands in a folder of its own, and what is allowed comes from how the runs differ."""
    code, out, err = run("reproduce", "./pulled", "--images", "8", "--out", "again", "--seeds", "2", "--json")
    assert code == 0, err
    found = json.loads(out[out.index("[") :])
    assert {one["trainings"] for one in found} == {2}
    assert all(one["allowed"] > 0 and "of 2 training seeds" in one["meaning"] for one in found[:1])
    assert (here / "again").is_dir()
    assert (here / "again-seed-1").is_dir()
    code, _, err = run("reproduce", "./pulled", "--seeds", "0")
    assert (code, err.count("\n")) == (2, 1)
    assert "--seeds is 0; it must be a whole number from 1 to 20" in err


def test_a_likelihood_is_measured_again(here: Path, run: Run) -> None:
    """As it was: as many examples, latents and the same seeds; a concept is named as what no training gives."""
    few = ("--set", "examples=64", "--out", "run")
    assert run("train", "vae-shapes", *few)[0] == 0
    assert run("export", "run", "-o", "vae")[0] == 0
    assert run("likelihood", "./vae", "-n", "6", "--samples", "4", "--seeds", "5,6", "--write")[0] == 0
    settings = {"concept": "round", "factor": "size", "keep": "red", "region": None, "strength": 1.0}
    edited = record("concept_gained", "", 0.95, settings=settings)
    change(here / "vae/evaluation.json", lambda data: data["records"].update({key_of(edited): edited}))
    code, out, err = run("reproduce", "./vae", "--json")
    assert code == 0, err
    found = {one["name"]: one for one in json.loads(out[out.index("[\n") :])}
    assert list(found) == ["likelihood@6#latents=4", "bits@6#latents=4", "concept_gained@4000[round]#strength=1"]
    assert [one["verdict"].partition(":")[0] for one in found.values()] == ["within", "within", "not measured again"]
    assert found["likelihood@6#latents=4"]["again"] == found["likelihood@6#latents=4"]["published"]


def test_it_begins_with_the_weights_that_the_model_began_with(made: Path, here: Path, run: Run) -> None:
    """Where a name stands for other weights by now, nothing is trained; --from says where the first ones are."""
    shutil.copytree(made / "tiny", here / "first")
    more = ("--from", "./first", "--set", "examples=16", "--set", "name=second", "--out", "run")
    assert run("train", str(made / "tiny.toml"), *more)[0] == 0
    assert run("export", "run", "-o", "second")[0] == 0
    assert run("eval", "./second", *FEW, "--write")[0] == 0
    shutil.move(here / "first", here / "elsewhere")
    shutil.copytree(here / "second", here / "first")
    code, _, err = run("reproduce", "./second", "--from", "./first")
    assert (code, err.count("\n")) == (4, 1)
    assert "./second began with weights of sha256" in err
    assert "say where the first are with --from FOLDER" in err
    assert not (here / "runs/second-again").exists()
    code, out, err = run("reproduce", "./second", "--from", "./elsewhere")
    assert code == 0, err
    assert "./second is reproduced in this sense" in " ".join(out.split())
    assert run("eval", "./elsewhere", *FEW, "--write")[0] == 0
    code, _, err = run("reproduce", "./elsewhere", "--from", "./second")
    assert (code, err) == (2, "zoo: ./elsewhere began with random weights; leave --from out\n")


def test_what_cannot_be_reproduced_says_why(made: Path, here: Path, run: Run) -> None:
    """A folder without figures, or without a recipe."""
    shutil.copytree(made / "tiny", here / "bare")
    code, _, err = run("reproduce", "./bare")
    assert (code, err.count("\n")) == (2, 1)
    assert "has no published figures to compare with; `zoo eval ./bare --write` makes some" in err
    assert run("eval", "./bare", *FEW, "--write")[0] == 0
    change(here / "bare/config.json", lambda data: data["training"].pop("recipe"))
    code, _, err = run("reproduce", "./bare")
    assert code == 4
    assert "holds no recipe" in err
