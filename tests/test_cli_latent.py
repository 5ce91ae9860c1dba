"""zoo.cli_latent: the verbs of models that encode, and what they say to input that cannot be meant."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from zoo.cli import main

Make = Callable[..., SimpleNamespace]


@pytest.fixture
def tiny(vae_folder: Make) -> SimpleNamespace:
    return vae_folder()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (40, 30), (200, 100, 50)).save(path)
    return path


@pytest.fixture
def labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of ZOO_DATA with a tar of 120 labelled faces: those who smile are bright."""
    import tarfile

    names = [f"P{chr(97 + i % 26)}{chr(97 + i // 26)}_0001" for i in range(120)]
    rows = [f"{name},{i % 2},,,{('male', 'female')[i // 2 % 2]}" for i, name in enumerate(names)]
    with tarfile.open(tmp_path / "lfwcrop.tar", "w", format=tarfile.USTAR_FORMAT) as tar:

        def add(member: str, content: bytes) -> None:
            info = tarfile.TarInfo(member)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))

        for i, name in enumerate(names):
            file = io.BytesIO()
            Image.new("RGB", (8, 8), (60 + 120 * (i % 2), 90, i)).save(file, "PNG")
            add(f"images/{name}.png", file.getvalue())
        add("labels.csv", "\n".join(["name,smiling,smiled,expression,gender", *rows]).encode())
    monkeypatch.setenv("ZOO_DATA", str(tmp_path))


def run(*argv: object) -> int:
    return main([str(word) for word in argv])


def fit(tiny: SimpleNamespace, *more: str) -> int:
    return run("concept", "fit", tiny.path, "smile", "--data", "faces", "--factor", "smiling", *more)


def test_reconstruct_writes_two_rows(
    tiny: SimpleNamespace, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Photos, or examples of a dataset, stand above their reconstructions."""
    out = tmp_path / "out.png"
    assert run("reconstruct", photo, photo, "--model", tiny.path, "-o", out, "--scale", 1) == 0
    with Image.open(out) as picture:
        assert picture.size == (2 * 8 + 2, 2 * 8 + 2)
    assert "root mean square error" in capsys.readouterr().out
    assert run("reconstruct", "--data", "shapes", "-n", 3, "--model", tiny.path, "-o", out, "--scale", 1) == 0
    with Image.open(out) as picture:
        assert picture.size == (3 * 8 + 4, 18)


@pytest.mark.usefixtures("labelled")
def test_a_concept_is_fitted_listed_shown_and_used(
    tiny: SimpleNamespace, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """fit writes it into the folder, list and show tell of it, edit draws the photo and one picture a strength."""
    assert fit(tiny, "--balance", "gender") == 0
    assert "balanced over gender" in capsys.readouterr().out
    assert fit(tiny, "--probe") == 0
    capsys.readouterr()
    assert run("concept", "list", tiny.path, "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert next(iter(row)) == "name"
    assert (row["name"], row["method"], row["dimensions"]) == ("smile", "linear_probe", 3)
    assert row["source"] == "faces, split train: smiling 1 against 0"
    assert row["measures"]["auc"] > 0.9
    assert run("concept", "show", tiny.path, "smile") == 0
    assert run("verify", tiny.path) == 0
    out = tmp_path / "strip.png"
    capsys.readouterr()
    words = ("--concept", "smile", "--strength", "-1,0,2.5", "-o", out, "--scale", 1)
    assert run("edit", photo, "--model", tiny.path, *words) == 0
    assert "cut to its central square and resized to 8x8" in capsys.readouterr().out
    with Image.open(out) as picture:
        assert picture.size == (4 * 8 + 3 * 2, 8)


def test_likelihood_prints_nats_with_their_error(tiny: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    """The data are the model's own unless others are named."""
    assert run("likelihood", tiny.path, "-n", 3, "--samples", 4) == 0
    assert "3 examples of shapes (test), 4 latents each" in capsys.readouterr().out
    assert run("likelihood", tiny.path, "-n", 3, "--samples", 4, "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["examples"], row["samples"], row["binarised"]) == (3, 4, False)
    assert row["standard_error"] > 0


@pytest.mark.usefixtures("labelled")
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["edit", "PHOTO", "--model", "MODEL", "--concept", "smile", "-o", "OUT"], 3, "no concept 'smile'"),
        (["edit", "PHOTO", "--model", "MODEL", "--concept", "x", "--strength", "nan", "-o", "OUT"], 2, "finite"),
        (["edit", "PHOTO", "--model", "MODEL", "--concept", "x", "--strength", "a,b", "-o", "OUT"], 2, "finite"),
        (["edit", "MODEL/config.json", "--model", "MODEL", "--concept", "x", "-o", "OUT"], 3, "no concept"),
        (["reconstruct", "MODEL/config.json", "--model", "MODEL", "-o", "OUT"], 4, "not a picture"),
        (["reconstruct", "none.jpg", "--model", "MODEL", "-o", "OUT"], 3, "no photo none.jpg"),
        (["reconstruct", "--model", "MODEL", "-o", "OUT"], 2, "give up to"),
        (["reconstruct", "PHOTO", "--model", "GAN", "-o", "OUT"], 2, "has no encoder"),
        (["reconstruct", "PHOTO", "--model", "MODEL", "-o", "OUT.txt"], 2, "must end in one of"),
        (["reconstruct", "--data", "shapes", "-n", "0", "--model", "MODEL", "-o", "OUT"], 2, "-n is 0"),
        (["concept", "show", "MODEL"], 2, "name is missing"),
        (["concept", "show", "MODEL", "smile"], 3, "it has none"),
        (["concept", "fit", "MODEL", "smile"], 2, "needs --data"),
        (["concept", "fit", "MODEL", "Sm/ile", "--data", "faces", "--factor", "smiling"], 2, "lower-case words"),
        (["concept", "fit", "MODEL", "smile", "--data", "faces", "--factor", "age"], 2, "no factor 'age'"),
        (["concept", "fit", "MODEL", "smile", "--data", "shapes", "--factor", "x"], 4, "too few"),
        (["likelihood", "MODEL", "--samples", "0"], 2, "samples is 0"),
    ],
)
def test_what_cannot_be_meant_is_one_line_and_a_code(
    words: list[str],
    code: int,
    says: str,
    tiny: SimpleNamespace,
    make_folder: Make,
    photo: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Bad concepts, strengths, photos and factors exit with the documented code, and nothing is left half-written."""
    places = {"PHOTO": photo, "MODEL": tiny.path, "OUT": photo.parent / "out.png"}
    if "GAN" in words:
        places["GAN"] = make_folder("gan").path
    before = sorted(photo.parent.rglob("*"))
    filled = [str(places.get(word, word)).replace("MODEL/", f"{tiny.path}/").replace("OUT.", "out.") for word in words]
    assert run(*filled) == code
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.err.count("\n") == 1
    assert sorted(photo.parent.rglob("*")) == before
