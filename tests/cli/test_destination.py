"""zoo.cli.destination: files, folders of them, numbers and standard output; and nothing half-written."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
import torch
from cli.commands import Run, Terminal, code_of, listing
from PIL import Image

from zoo.cli.main import main
from zoo.errors import DataError
from zoo.images.modality import Images
from zoo.nn.pretrained import load

pytestmark = pytest.mark.usefixtures("here")

Make = Callable[..., SimpleNamespace]


def test_a_folder_gets_a_file_an_example(run: Run, model: str, here: Path) -> None:
    """`-o frogs/` writes numbered files of one sample each, at their own size; a sheet of that seed has the same."""
    assert run("sample", model, "-n", "3", "--seed", "4", "-o", "frogs/") == (
        0,
        f"frogs: 3 samples of {model}, seed 4\n",
        "",
    )
    assert sorted(path.name for path in (here / "frogs").iterdir()) == ["000.png", "001.png", "002.png"]
    x = load(model).sample(3, seed=4).mul(255).round().byte().permute(0, 2, 3, 1)
    for number in range(3):
        with Image.open(here / "frogs" / f"00{number}.png") as picture:
            assert picture.tobytes() == x[number].contiguous().numpy().tobytes()


def test_a_folder_that_is_there_keeps_what_it_has(run: Run, model: str, here: Path) -> None:
    """Without the slash a folder is one if it is there; --format says the format; other files stay, old ones go."""
    (here / "frogs").mkdir()
    (here / "frogs" / "notes.txt").write_text("mine")
    (here / "frogs" / "000.webp").write_text("old")
    assert run("sample", model, "-n", "2", "-o", "frogs", "--format", "webp", "--scale", "2")[0] == 0
    assert sorted(path.name for path in (here / "frogs").iterdir()) == ["000.webp", "001.webp", "notes.txt"]
    with Image.open(here / "frogs" / "000.webp") as picture:
        assert (picture.format, picture.size) == ("WEBP", (16, 16))


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_is_written_whole_or_not_at_all(
    there: bool, run: Run, model: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the third of four files fails, no file is there, and what was there is as before."""
    written: list[Path] = []
    write = Images.write

    def failing(self: Images, x: Any, path: Path, **how: Any) -> None:
        if len(written) == 2:
            raise DataError("the third one fails")
        written.append(path)
        write(self, x, path, **how)

    if there:
        (here / "frogs").mkdir()
        (here / "frogs" / "000.png").write_text("old")
    before = listing(here)
    monkeypatch.setattr(Images, "write", failing)
    code, out, err = run("sample", model, "-n", "4", "-o", "frogs/")
    assert (code, out, err) == (4, "", "zoo: the third one fails\n")
    assert len(written) == 2
    assert listing(here) == before


def test_numbers_say_what_they_are(run: Run, make_folder: Make, tiny_config: dict[str, Any], here: Path) -> None:
    """An .npz has the samples as Python gets them, their seed, the model, and which class each is; without pickle."""
    model = make_folder("classes", config=tiny_config | {"num_classes": 3})
    words = ("sample", str(model.path), "-n", "5", "--seed", "7", "--label", "2", "--label", "0")
    assert run(*words, "-o", "a.npz")[0] == 0
    with numpy.load("a.npz", allow_pickle=False) as held:
        found = dict(held)
    assert (found["seed"], str(found["model"])) == (7, str(model.path))
    assert found["labels"].tolist() == [2, 2, 2, 0, 0]
    assert found["index"].tolist() == [0, 1, 2, 3, 4]
    x = load(model.path).sample(5, seed=7, labels=[2, 2, 2, 0, 0])
    assert torch.equal(torch.from_numpy(found["samples"]), x)
    assert run(*words, "-o", "each/", "--format", "npz")[0] == 0
    with numpy.load("each/003.npz", allow_pickle=False) as held:
        assert (held["index"].tolist(), held["labels"].tolist()) == ([3], [0])
        assert torch.equal(torch.from_numpy(held["samples"]), x[3:4])


@pytest.mark.parametrize(
    ("words", "kind", "frames"),
    [
        ("sample MODEL -n 4 -o -", "PNG", 1),
        ("sample MODEL -n 4 -o - --format webp", "WEBP", 1),
        ("interpolate MODEL --steps 5 -o - --format gif", "GIF", 5),
        ("traverse MODEL --dimension 0 --steps 3 -o - --format .apng", "PNG", 3),
    ],
)
def test_standard_output_gets_the_bytes(
    words: str, kind: str, frames: int, model: str, here: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """`-o -` writes the file's bytes and nothing else; what is said goes to standard error, and no file is left."""
    before = listing(here)
    assert main([model if word == "MODEL" else word for word in words.split()]) == 0
    out, err = capsysbinary.readouterr()
    with Image.open(io.BytesIO(out)) as picture:
        assert (picture.format, getattr(picture, "n_frames", 1)) == (kind, frames)
    assert err.startswith(b"standard output: ")
    assert err.count(b"\n") == 1
    assert listing(here) == before


def test_a_terminal_is_sent_no_bytes(
    model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where standard output is a terminal, or takes text alone, `-o -` is exit code 2 and one line."""
    for stream, says in ((Terminal(), "would write png onto the terminal"), (io.StringIO(), "takes text alone")):
        monkeypatch.setattr(sys, "stdout", stream)
        assert code_of("sample", model, "-o", "-") == 2
        assert stream.getvalue() == ""
        assert says in capsys.readouterr().err


def test_what_cannot_be_written_is_said_before_anything_is_made(
    run: Run, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An .mp4 that nothing writes is exit code 3 before a latent is decoded, into a file and into a pipe."""
    monkeypatch.setattr("zoo.images.animation._has_av", lambda: False)
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("zoo.cli.walk.decoded", lambda *_: pytest.fail("decoded"))
    for words in (["-o", "walk.mp4"], ["-o", "-", "--format", "mp4"]):
        code, out, err = run("interpolate", model, *words)
        assert (code, out) == (3, "")
        assert "pip install 'genzoo[video]'" in err
