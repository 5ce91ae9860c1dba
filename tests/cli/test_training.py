"""zoo.cli.train: a recipe trained, resumed and exported, and what is printed meanwhile."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli.commands import Run, Terminal, listing
from PIL import Image

import zoo

pytestmark = pytest.mark.usefixtures("here")


def test_train_prints_lines_and_what_is_next(run: Run, recipe: str, here: Path) -> None:
    """`zoo train` makes `runs/NAME`, prints a line a report where there is no terminal, and says what comes next."""
    code, out, err = run("train", recipe)
    assert code == 0
    *lines, done, last = out.splitlines()
    assert [line.split()[0] for line in lines] == ["8/32", "16/32", "24/32", "32/32"]
    assert all("generator_loss" in line for line in lines)
    assert done == "runs/tiny: trained; look at runs/tiny/samples"
    assert last == "then: zoo export runs/tiny -o ./tiny"
    assert err.count("\n") == 1
    assert "TensorBoard is not installed" in err
    assert (here / "runs/tiny/samples/000000000032.png").exists()
    code, out, _ = run("export", "runs/tiny", "-o", "./tiny")
    assert code == 0
    pins = dict(re.findall(r'^    "(.+)": "([0-9a-f]{64})",$', out, re.MULTILINE))
    assert pins == {name: listing(here / "tiny")[name] for name in pins}
    assert set(pins) == {"config.json", "model.safetensors", "discriminator.safetensors", "golden.safetensors"}
    assert f"zoo.load({str(here / 'tiny')!r})" in out
    assert zoo.load(here / "tiny").sample(1, seed=0).shape == (1, 3, 8, 8)


@pytest.mark.parametrize("out", ["two  spaces", "it's", "-dash", "../beside/run", "ABSOLUTE"])
def test_what_is_printed_after_a_training_can_be_executed(out: str, run: Run, recipe: str, here: Path) -> None:
    """The command that comes next works as printed, wherever the run is and whatever its folder is called."""
    folder = str(here / "there") if out == "ABSOLUTE" else out
    code, printed, err = run("train", recipe, f"--out={folder}", "--examples", "4", "--set", "name=my '{frogs}'")
    assert code == 0, err
    command = shlex.split(printed.splitlines()[-1].removeprefix("then: "))
    assert command[0] == "zoo"
    assert run(*command[1:])[0] == 0
    assert zoo.load("./my '{frogs}'").data_shape == (3, 8, 8)


def test_train_takes_changes(run: Run, recipe: str, here: Path) -> None:
    """--set, --data, --examples, --threads and --out change the recipe and the place; --data may hold any character."""
    photos = here / 'photos "\U0001f438" \u00fc'
    photos.mkdir()
    for index in range(8):
        Image.new("RGB", (8, 8), (index * 30, 0, 0)).save(photos / f"{index}.png")
    code, _, err = run(
        *("train", recipe, "--out", "mine", "--examples", "8", "--data", f"images:{photos}", "--threads", "1"),
        *("--set", "seed=5", "--set", "settings.loss=hinge", "--set", "config.latent_size=7", "--set", 'summary="x"'),
    )
    assert code == 0, err
    data = json.loads((here / "mine" / "recipe.json").read_text())
    told = data["recipe"]
    assert (told["seed"], told["examples"], told["summary"], told["dataset"]) == (5, 8, "x", f"images:{photos}")
    assert (told["settings"]["loss"], told["config"]["latent_size"], data["facts"]["threads"]) == ("hinge", 7, 1)
    assert data["facts"]["data"]["count"] == 7  # one in ten is held out
    assert not (here / "runs").exists()


def test_train_takes_a_name_of_the_catalogue(run: Run, here: Path) -> None:
    """A model's name stands for its recipe."""
    small = ["image_size=8", "latent_size=4", "generator_widths=[4]", "discriminator_widths=[4]"]
    changes = [word for change in small for word in ("--set", f"config.{change}")]
    code, _, err = run("train", "dcgan-shapes", "--examples", "4", "--set", "batch_size=4", *changes)
    assert code == 0, err
    assert (here / "runs" / "dcgan-shapes" / "recipe.json").exists()


def test_resume_goes_on(run: Run, recipe: str, here: Path, made: Path) -> None:
    """A run that is complete resumes to itself, and ends in the bytes that another folder has."""
    assert run("train", recipe, "--out", "mine")[0] == 0
    assert run("train", recipe, "--out", "mine", "--resume")[0] == 0
    mine, other = (listing(place / "checkpoints" / "000000000032") for place in (here / "mine", made / "run"))
    assert mine == other


def test_export_names_a_damaged_checkpoint(run: Run, made: Path, here: Path) -> None:
    """An export that passes over a damaged newest checkpoint says so in a line, and is of the one before it."""
    shutil.copytree(made / "run", here / "run")
    os.truncate(here / "run/checkpoints/000000000032/state.safetensors", 100)
    code, _, err = run("export", "run", "-o", "out")
    assert code == 0
    assert re.fullmatch(r"zoo: checkpoint 000000000032 is damaged .*; using the one before it\n", err)
    assert json.loads((here / "out" / "config.json").read_text())["training"]["examples"] == 16


def test_on_a_terminal_there_is_a_bar(run: Run, recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where standard error is a terminal, training shows a bar with the losses there, and no lines."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = run("train", recipe)
    assert code == 0
    assert out.count("\n") == 2
    last = screen.getvalue().split("\r")[-1]
    assert "32/32" in last
    assert re.search(r"examples/s  0 s left  \S.* 50 % is guessing\)  discriminator_loss", last)


@pytest.mark.slow
def test_training_goes_on_when_its_reader_has_gone(recipe: str, here: Path) -> None:
    """`zoo train | head -1` trains to its end."""
    command = f"{shlex.quote(sys.executable)} -m zoo train {recipe} --out run | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr
    assert (here / "run" / "checkpoints" / "000000000032").exists()
