"""zoo.cli.export: runs become weights folders, and models and runs what other programs read."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from cli.commands import Run

import zoo


def test_a_model_is_written_for_another_program(run: Run, model: str, here: Path) -> None:
    """--to, or --format, says as what; without -o it lies here under the model's name; a line says how large it is."""
    code, out, err = run("export", model, "--to", "torch")
    assert (code, err) == (0, "")
    assert out.startswith(f"tiny.pt2: {model}, as torch, ")
    assert (here / "tiny.pt2").is_file()
    assert run("export", model, "--format", "torch", "-o", "other.pt2", "--part", "generator")[0] == 0
    assert (here / "other.pt2").is_file()


def test_a_run_is_written_by_way_of_its_weights(run: Run, made: Path, here: Path) -> None:
    """A run folder with --to is written as the model that it has become; its weights lie nowhere afterwards."""
    code, _, err = run("export", str(made / "run"), "--to", "safetensors", "-o", "mine")
    assert (code, err) == (0, ""), err
    assert sorted(path.name for path in here.iterdir()) == ["mine"]
    assert zoo.load(here / "mine").sample(2, seed=0).equal(zoo.load(made / "tiny").sample(2, seed=0))


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("export MODEL", 2, "say where"),
        ("export RUN --part generator -o out", 2, "--part is for a model's file"),
        ("export MODEL --to onxx", 3, "no export is named 'onxx'; did you mean 'onnx'"),
        ("export MODEL --to html --part generator", 2, "--to html takes no --part"),
        ("export MODEL --to torch --part encoder", 2, "has no encoder; it has generator"),
        ("export MODEL --to torch -o tiny.onnx", 2, "tiny.onnx must end in one of .pt2"),
        ("export MODEL --to torch -o nowhere/tiny.pt2", 7, "there is no folder nowhere"),
        ("export MODEL --to torch -o ''", 2, "-o is empty"),
        ("export MODEL --to torch --at 16", 2, "--at is for run folders"),
        ("export nothing --to torch", 3, "nothing"),
        ("export MODEL --to safetensors -o full", 7, "full exists and is not empty"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    run: Run, model: str, made: Path, here: Path, words: str, code: int, says: str
) -> None:
    """A line with cause and next step; nothing is written."""
    (here / "full").mkdir()
    (here / "full/file").touch()
    places = {"MODEL": model, "RUN": str(made / "run"), "''": ""}
    got, out, err = run(*(places.get(word, word) for word in words.split()))
    assert (got, out) == (code, "")
    assert says in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in here.rglob("*")) == ["file", "full"]


def test_a_plugin_adds_a_kind(run: Run, model: str, here: Path, entry_point: Any, installed: Any) -> None:
    """`zoo_exports` of a plugin is found under its full name, called with model, name and path, and blamed."""
    source = """
from zoo.api import ExportSpec, hookimpl

ZOO_API_VERSION = 2

@hookimpl
def zoo_exports(context):
    return [
        ExportSpec(name="count", summary="How many weights there are.", code=f"{__name__}:write", suffix=".txt"),
        ExportSpec(name="broken", summary="Nothing.", code=f"{__name__}:broken", suffix=".txt"),
    ]

def write(model, name, out):
    out.write_text(f"{name}: {sum(p.numel() for p in model.parameters())}")
    return [out]

def broken(model, name, out):
    return 1 / 0
"""
    point: EntryPoint = entry_point("acme", source)
    installed(point)
    code, _, err = run("export", model, "--to", "acme/count", "-o", "count.txt")
    assert (code, err) == (0, "")
    parameters = sum(p.numel() for p in zoo.load(model).parameters())
    assert (here / "count.txt").read_text() == f"{model}: {parameters}"
    code, out, err = run("export", model, "--to", "acme/broken")
    assert (code, out) == (8, "")
    assert "export acme/broken" in err
    assert "ZeroDivisionError" in err
