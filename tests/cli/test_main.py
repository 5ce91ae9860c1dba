"""zoo.cli.main: help, version, processes of their own, and whatever becomes of the output."""

from __future__ import annotations

import os
import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from cli.commands import Run, python

import zoo
from zoo.__main__ import start
from zoo.cli.output import plain

pytestmark = pytest.mark.usefixtures("here")


def test_help_and_version_end_well(run: Run) -> None:
    """`--help` and `--version` print and give 0; the help names the exit codes."""
    assert run("--version") == (0, f"{zoo.__version__}\n", "")
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert "exit codes:" in out


def test_the_catalogues_verbs_load_no_torch() -> None:
    """Help, version, list, info and plugins import neither torch nor any other heavy package."""
    code = """
import sys
from zoo.cli.main import main
heavy = {"torch", "torchvision", "numpy", "huggingface_hub", "safetensors", "PIL", "tqdm", "tensorboard"}
for argv in (["--help"], ["--version"], ["train", "--help"], ["list"], ["list", "--json"], ["list", "--datasets"],
             ["info", "dcgan-shapes"], ["info", "dcgan"], ["info", "shapes"], ["plugins", "list"],
             ["info", "nothing"], ["frobnicate"], ["sample", "x y", "-o"]):
    main(argv)
    assert not heavy & set(sys.modules), (argv, heavy & set(sys.modules))
import torch
assert heavy & set(sys.modules)
"""
    done = python("-c", code)
    assert done.returncode == 0, done.stderr


def test_python_m_zoo_is_the_same_command(run: Run) -> None:
    """`python -m zoo` prints and returns what the command does, for what goes well and what does not."""
    for argv in (["--version"], ["list", "--datasets"], ["info", "nothing"], ["frobnicate"]):
        done = python("-m", "zoo", *argv)
        assert (done.returncode, done.stdout, done.stderr) == run(*argv)
    (script,) = entry_points(group="console_scripts", name="zoo")
    assert script.load() is start


@pytest.mark.parametrize("argv", [["list"], ["--help"], ["info", "dcgan-shapes", "--json"]], ids=str)
def test_a_reader_that_has_gone_is_no_failure(argv: list[str]) -> None:
    """When nobody reads the output any more, the command ends quietly."""
    reader, writer = os.pipe()
    os.close(reader)
    done = python("-m", "zoo", *argv, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_output_onto_a_full_disk_is_one_line() -> None:
    """When standard output is a full disk, it is exit code 7 and one line."""
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with Path("/dev/full").open("w") as full:
        done = python("-m", "zoo", "list", stdout=full)
    assert done.returncode == 7
    assert re.fullmatch(r"zoo: cannot write: .*No space left on device.*\n", done.stderr)


def test_any_terminal_can_show_it(here: Path) -> None:
    """Where the terminal's encoding lacks a letter, a backslash stands for it, in help and in names."""
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = python("-m", "zoo", "train", "--help", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u2026" in done.stdout
    done = python("-m", "zoo", "info", "b\u00e4r\udcff", env=env)
    assert done.returncode == 2
    assert "'b\\xe4r\\udcff' is no model name" in done.stderr


def test_what_steers_a_terminal_is_shown_not_obeyed(run: Run) -> None:
    """Escape sequences, and marks that turn the writing round, in names and files of others are printed as text."""
    code, _, err = run("info", "\x1b[31mred\u202e")
    assert code == 2
    assert "\x1b" not in err
    assert "\u202e" not in err
    assert plain("a\x1b[31m\n\x00b \u202eé") == r"a\x1b[31m \x00b \u202eé"
