"""What the command line tells to do next is done, word for word, from the first run to a model in Python."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from cli.commands import RECIPE, Run

import zoo


def follow(run: Run, told: str) -> str:
    """Run a command as it was printed; gives what it printed."""
    word, *words = shlex.split(told)
    assert word == "zoo"
    code, out, err = run(*words)
    assert code == 0, f"{told}: {err}"
    return out


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    assert match, text
    return match[1].strip()


def test_a_run_is_followed_to_a_model(here: Path, run: Run) -> None:
    """train tells to export, runs show tells the same, export tells to load, info tells to sample."""
    (here / "tiny.toml").write_text(RECIPE)
    out = follow(run, "zoo train tiny.toml")
    export = found(r"then: (zoo export .*)$", out)
    assert found(r"^next: +(zoo .*)$", follow(run, "zoo runs show runs/tiny")) == export
    exported = follow(run, export)
    loaded = found(r"zoo\.load\('(.*?)'\)", exported)
    assert zoo.load(loaded).sample(2, seed=0).shape == (2, 3, 8, 8)
    told = follow(run, "zoo info ./tiny").partition("next:\n")[2].splitlines()
    assert [line.split()[0] for line in told] == ["zoo", "python:"]
    follow(run, told[0].strip())
    assert (here / "samples.png").is_file()


REFUSED = [  # a command line, and the part of its complaint that is a command or a name to be used in its place
    (["sample", "tiny", "-o", "a.png"], r"write (\./tiny)$"),
    (["sample", "./tinny", "-o", "a.png"], r"did you mean (\./tiny)\?"),
    (["sample", "./tiny/config.json", "-o", "a.png"], r"write (\./tiny)$"),
    (["sample", "DCGAN-cifar-frog", "-o", "a.png"], r"did you mean '(.*?)'"),
    (["sample", "dcgan", "-o", "a.png"], r"models of it: ([\w-]+)"),
    (["sample", "faces", "-o", "a.png"], r"models of it: ([\w-]+)"),
]


@pytest.mark.parametrize(("words", "pattern"), REFUSED, ids=[words[1] for words, _ in REFUSED])
def test_what_a_refusal_offers_is_accepted(words: list[str], pattern: str, here: Path, model: str, run: Run) -> None:
    """The name that a refused command offers makes the same command work."""
    (here / "tiny").symlink_to(model)
    code, _, err = run(*words)
    assert code in (2, 3)
    offered = found(pattern, err)
    assert run(words[0], offered, *words[2:], "-n", "4")[0] == 0
    assert (here / "a.png").is_file()


def test_a_concept_in_the_place_of_a_model_is_followed(here: Path, run: Run) -> None:
    """The command that is offered for a concept works with a photo and a file in the places of the capitals."""
    from PIL import Image

    Image.new("RGB", (64, 64), (200, 150, 120)).save(here / "me.png")
    _, _, err = run("sample", "smile", "-o", "a.png")
    follow(run, found(r"`(zoo .*?)`", err).replace("PHOTO", "me.png").replace("FILE", "out.png"))
    assert (here / "out.png").is_file()
