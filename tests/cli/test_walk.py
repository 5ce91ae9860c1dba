"""zoo.cli.walk: walks, planes, plots and measures of latent spaces, and what is said to input that cannot be meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from cli.commands import code_of
from PIL import Image

from zoo.latent.concept_file import save_concepts
from zoo.latent.concepts import ConceptVector
from zoo.nn.pretrained import load
from zoo.nn.serialization import save

Make = Callable[..., SimpleNamespace]


@pytest.fixture
def gan(make_folder: Make, tiny_config: dict[str, Any]) -> SimpleNamespace:
    """A tiny DCGAN whose random weights give pictures that differ: no batch norm shrinks them."""
    return make_folder("gan", config=tiny_config | {"generator_norm": "none", "generator_widths": [16, 16]})


@pytest.fixture
def flat_vae(vae_folder: Make) -> SimpleNamespace:
    """A VAE of two latent dimensions."""
    return vae_folder("flat", latent_size=2)


@pytest.fixture
def flat_gan(make_folder: Make, tiny_config: dict[str, Any]) -> SimpleNamespace:
    """A GAN of two latent dimensions and a uniform prior."""
    return make_folder("flat-gan", config=tiny_config | {"latent_size": 2, "prior": "uniform"})


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Two photos: an orange one, and a dark one."""
    paths = [tmp_path / "orange.png", tmp_path / "dark.png"]
    Image.new("RGB", (40, 30), (200, 100, 50)).save(paths[0])
    Image.new("RGB", (30, 40), (10, 20, 30)).save(paths[1])
    return paths


def cells(path: Path, side: int = 8) -> list[list[bytes]]:
    """The pictures of a sheet at scale 1, row by row."""
    with Image.open(path) as sheet:
        rows, columns = ((length + 2) // (side + 2) for length in (sheet.height, sheet.width))
        corners = [[(c * (side + 2), r * (side + 2)) for c in range(columns)] for r in range(rows)]
        return [[sheet.crop((x, y, x + side, y + side)).tobytes() for x, y in row] for row in corners]


@pytest.mark.parametrize("more", [[], ["--linear"]])
def test_a_walk_between_photos_has_them_at_its_ends(
    more: list[str], tiny: SimpleNamespace, photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The strip begins and ends with the photos themselves; beside them stand the decoded codes of both."""
    out = tmp_path / "walk.png"
    words = ("--between", *photos, "--steps", 5, "--scale", 1, "-o", out)
    assert code_of("interpolate", tiny.path, *words, *more) == 0
    said = capsys.readouterr().out
    assert ("straight lines" in said) == bool(more)
    assert "the ends encoded, root mean square error 0." in said
    (row,) = cells(out)
    assert len(row) == 7
    assert row[0] == bytes([200, 100, 50]) * 64
    assert row[6] == bytes([10, 20, 30]) * 64
    x = torch.tensor([[200, 100, 50], [10, 20, 30]]).view(2, 3, 1, 1).expand(2, 3, 8, 8) / 255
    again = tiny.model.reconstruct(x).mul(255).round().byte().permute(0, 2, 3, 1)
    assert row[1] == again[0].contiguous().numpy().tobytes()
    assert row[5] == again[1].contiguous().numpy().tobytes()


def test_walks_between_examples_have_them_at_their_ends(
    tiny: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row a walk; the ends are examples of the split, drawn by the seed, and what stands beside them their codes."""
    out = tmp_path / "walks.png"
    words = ("--data", "shapes", "--rows", 2, "--steps", 3, "--seed", 4, "--scale", 1, "-o", out)
    assert code_of("interpolate", tiny.path, *words) == 0
    assert "2 walks between examples of shapes (test), seed 4" in capsys.readouterr().out
    rows = cells(out)
    assert [len(row) for row in rows] == [5, 5]
    assert len({row[end] for row in rows for end in (0, 4)}) == 4
    x = torch.frombuffer(bytearray(rows[1][4]), dtype=torch.uint8).view(8, 8, 3).permute(2, 0, 1)[None] / 255
    again = tiny.model.reconstruct(x).mul(255).round().byte().permute(0, 2, 3, 1)
    assert rows[1][3] == again.contiguous().numpy().tobytes()


def test_a_gan_finds_the_ends_by_inversion(
    gan: SimpleNamespace, photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """That it did, in how many steps and with what error is said: more steps come nearer to a sample of its own."""
    save_sample = tmp_path / "own.png"
    assert code_of("sample", gan.path, "-n", 1, "--seed", 7, "--scale", 1, "-o", save_sample) == 0
    errors = []
    for steps in (1, 80):
        words = ("--between", save_sample, photos[0], "--steps", 3, "--inversion-steps", steps, "--scale", 1)
        capsys.readouterr()
        assert code_of("interpolate", gan.path, *words, "-o", tmp_path / "walk.png") == 0
        said = capsys.readouterr().out
        assert f"the ends found by {steps} steps of inversion (the model has no encoder)" in said
        errors.append(float(said.split("error ")[1].split()[0]))
    assert errors[1] < 0.7 * errors[0]


def test_a_traversal_moves_one_coordinate(
    tiny: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each row is a sample whose coordinate goes from -reach to reach; the others are those of the seed."""
    out = tmp_path / "walk.png"
    words = ("--dimension", 2, "--rows", 2, "--steps", 3, "--reach", 1.5, "--seed", 4, "--scale", 1, "-o", out)
    assert code_of("traverse", tiny.path, *words) == 0
    assert "coordinate 2 of 3 from -1.5 to 1.5" in capsys.readouterr().out
    z = tiny.model.latents(2, seed=4)
    z[:, 2] = 1.5
    expected = tiny.model.decode(z).mul(255).round().byte().permute(0, 2, 3, 1).contiguous()
    rows = cells(out)
    assert [len(row) for row in rows] == [3, 3]
    assert [row[2] for row in rows] == [picture.numpy().tobytes() for picture in expected]


def frames(path: Path) -> list[list[list[bytes]]]:
    """The pictures of an animation at scale 1: frame by frame, row by row."""
    with Image.open(path) as film:
        found = []
        for index in range(getattr(film, "n_frames", 1)):
            film.seek(index)
            film.convert("RGB").save(path.with_suffix(".frame.png"))
            assert (film.info["loop"], film.info["duration"]) == (0, 60)
            found.append(cells(path.with_suffix(".frame.png")))
        return found


MOVING = ("--scale", 1, "--duration", 60)


def test_a_walk_to_an_animation_moves(gan: SimpleNamespace, tmp_path: Path) -> None:
    """Each step is a frame, with all walks in it; the pictures are those of the sheet, in the same order."""
    verbs = {"interpolate": ("--rows", 4, "--steps", 5), "traverse": ("--dimension", 1, "--rows", 4, "--steps", 5)}
    for verb, words in verbs.items():
        assert code_of(verb, gan.path, *words, *MOVING, "-o", tmp_path / "walk.png") == 0
        sheet = cells(tmp_path / "walk.png")
        for suffix in ("webp", "apng"):
            assert code_of(verb, gan.path, *words, *MOVING, "-o", tmp_path / f"walk.{suffix}") == 0
            film = frames(tmp_path / f"walk.{suffix}")
            assert [len(film), *map(len, film[0])] == [5, 2, 2]
            flat = [[cell for row in frame for cell in row] for frame in film]
            assert flat == [list(step) for step in zip(*sheet, strict=True)]
        assert code_of(verb, gan.path, *words, *MOVING, "-o", tmp_path / "walk.gif") == 0
        assert len(frames(tmp_path / "walk.gif")) == 5


def test_photos_move_along_a_concept(tiny: SimpleNamespace, photos: list[Path], tmp_path: Path) -> None:
    """An edit to an animation keeps each photo on the left, and beside it moves from strength to strength."""
    save_concepts(tiny.path, [ConceptVector(name="smile", direction=torch.full((3,), 3.0))])
    words = (*photos, "--model", tiny.path, "--concept", "smile", "--strength", "-9,0,9", *MOVING)
    assert code_of("edit", *words, "-o", tmp_path / "sheet.png") == 0
    assert code_of("edit", *words, "-o", tmp_path / "film.webp") == 0
    sheet, film = cells(tmp_path / "sheet.png"), frames(tmp_path / "film.webp")
    assert film == [[[row[0], row[1 + step]] for row in sheet] for step in range(3)]


def test_a_manifold_is_a_grid_over_the_plane(
    flat_vae: SimpleNamespace, flat_gan: SimpleNamespace, tmp_path: Path
) -> None:
    """n x n pictures; the middle one of an odd n is that of z = 0. A uniform prior reaches 0.95 of its square."""
    out = tmp_path / "grid.png"
    for made, corner in ((flat_vae, 1.959964), (flat_gan, 0.95)):
        assert code_of("manifold", made.path, "-n", 3, "--scale", 1, "-o", out) == 0
        rows = cells(out)
        z = torch.tensor([[0.0, 0.0], [-corner, corner]])
        wanted = made.model.decode(z).mul(255).round().byte().permute(0, 2, 3, 1).contiguous()
        assert [rows[1][1], rows[0][0]] == [picture.numpy().tobytes() for picture in wanted]


def test_a_scatter_plot_is_of_the_test_split(
    flat_vae: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model's own data are encoded and drawn; -n takes some of them."""
    pytest.importorskip("matplotlib")
    out = tmp_path / "plot.png"
    assert code_of("scatter", flat_vae.path, "-n", 30, "-o", out) == 0
    assert "30 examples of shapes (test), encoded by" in capsys.readouterr().out
    with Image.open(out) as picture:
        assert picture.size == (1200, 1200)
        assert len(picture.getcolors(2**20) or []) > 3


def test_continuity_is_a_table_of_models(
    tiny: SimpleNamespace, gan: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    """Codes of examples for an encoder, draws for a GAN, one row each, the same again for the same seed."""
    words = ("continuity", tiny.path, gan.path, "--pairs", 8, "--seed", 3)
    assert code_of(*words, "--json") == 0
    first, second = rows = json.loads(capsys.readouterr().out)
    assert (next(iter(first)), first["pairs"], first["ends"]) == ("name", 8, "codes of shapes (test)")
    assert second["ends"] == "draws from the prior"
    assert all(row["relative"][-1] == pytest.approx(1) and row["longest_step"] >= 0.1 for row in rows)
    ends = load(gan.path).latents(16, seed=3)
    distance = (ends[::2] - ends[1::2]).norm(dim=1).mean()
    assert second["latent_distance"] == pytest.approx(float(distance), rel=1e-5)
    assert code_of(*words, "--json") == 0
    assert json.loads(capsys.readouterr().out) == rows
    assert code_of(*words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(lines[0].split()) == "NAME ENDS PAIRS LATENT DECODED 5% 10% 20% 50% LONGEST STEP"
    assert len(lines) == 5


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["interpolate", "VAE", "--between", "ONE", "ONE", "-o", "OUT"], 2, "twice"),
        (["interpolate", "VAE", "--between", "ONE", "none.png", "-o", "OUT"], 3, "no photo none.png"),
        (["interpolate", "VAE", "--between", "ONE", "VAE/config.json", "-o", "OUT"], 4, "not a picture"),
        (
            ["interpolate", "VAE", "--between", "ONE", "TWO", "--rows", "2", "-o", "OUT"],
            2,
            "leave --rows and --data out",
        ),
        (["interpolate", "VAE", "--data", "shapez", "-o", "OUT"], 3, "shapes"),
        (["interpolate", "VAE", "--data", "shapes", "--rows", "1001", "-o", "OUT"], 2, "--rows is 1001"),
        (["interpolate", "VAE", "--between", "ONE", "TWO", "--steps", "1", "-o", "OUT"], 2, "steps is 1"),
        (["interpolate", "VAE", "--between", "ONE", "-o", "OUT"], 2, "expected 2 arguments"),
        (["interpolate", "GAN", "--between", "ONE", "TWO", "--inversion-steps", "0", "-o", "OUT"], 2, "steps is 0"),
        (["interpolate", "none", "--between", "ONE", "TWO", "-o", "OUT"], 3, "none"),
        (["interpolate", "GAN", "--between", "ONE", "TWO", "-o", "OUT.txt"], 2, "must end in one of"),
        (["traverse", "VAE", "--dimension", "3", "-o", "OUT"], 2, "whole number from 0 to 2"),
        (["traverse", "VAE", "--dimension", "-1", "-o", "OUT"], 2, "whole number from 0 to 2"),
        (["traverse", "VAE", "--dimension", "0", "--reach", "nan", "-o", "OUT"], 2, "--reach is nan"),
        (["traverse", "VAE", "--dimension", "0", "--reach", "-1", "-o", "OUT"], 2, "--reach is -1"),
        (["traverse", "VAE", "--dimension", "0", "--rows", "0", "-o", "OUT"], 2, "--rows is 0"),
        (["traverse", "VAE", "-o", "OUT"], 2, "--dimension"),
        (["manifold", "VAE", "-o", "OUT"], 2, "has 3 latent dimensions, and a plane has 2; try `zoo traverse"),
        (["manifold", "VAE", "-n", "1", "-o", "OUT"], 2, "-n is 1"),
        (["scatter", "VAE", "-o", "OUT"], 2, "has 3 latent dimensions"),
        (["scatter", "GAN", "-o", "OUT"], 2, "has no encoder"),
        (["continuity", "VAE", "--pairs", "1"], 2, "--pairs is 1"),
        (["continuity", "VAE", "--pairs", "1001"], 2, "has 2,000 examples"),
        (["continuity", "VAE", "--split", "val"], 3, "split"),
        (["continuity", "VAE", "--seed", "-1"], 2, "seed is -1"),
        (["continuity", "GAN", "none"], 3, "none"),
    ],
)
def test_what_cannot_be_meant_is_one_line_and_a_code(
    words: list[str],
    code: int,
    says: str,
    tiny: SimpleNamespace,
    gan: SimpleNamespace,
    photos: list[Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It exits with the documented code and writes nothing."""
    home = photos[0].parent
    places = {"VAE": tiny.path, "GAN": gan.path, "ONE": photos[0], "TWO": photos[1], "OUT": home / "out.png"}
    before = sorted(home.rglob("*"))
    filled = [str(places.get(word, word)).replace("VAE/", f"{tiny.path}/").replace("OUT.", "out.") for word in words]
    assert code_of(*filled) == code
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.err.count("\n") == 1
    assert sorted(home.rglob("*")) == before


def test_a_decoder_that_gives_one_picture_is_named(
    tiny: SimpleNamespace, gan: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing moves there is nothing to measure: bad weights, exit code 4, and the model's name."""
    tensors = {f"generator.{key}": value.zero_() for key, value in gan.model.generator.state_dict().items()}
    save(gan.path / "model.safetensors", tensors)
    assert code_of("continuity", tiny.path, gan.path, "--pairs", 4) == 4
    assert f"{gan.path}: the decoder gives the same at both ends" in capsys.readouterr().err
