"""zoo.cli.edit: pictures as a model sees them, and what is said to input that cannot be meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from cli.commands import code_of
from PIL import Image

from zoo.latent.concept_file import save_concepts
from zoo.latent.concepts import ConceptVector

Make = Callable[..., SimpleNamespace]


def test_reconstruct_writes_two_rows(
    tiny: SimpleNamespace, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Photos, or examples of a dataset, stand above their reconstructions."""
    out = tmp_path / "out.png"
    assert code_of("reconstruct", photo, photo, "--model", tiny.path, "-o", out, "--scale", 1) == 0
    with Image.open(out) as picture:
        assert picture.size == (2 * 8 + 2, 2 * 8 + 2)
    assert "root mean square error" in capsys.readouterr().out
    assert code_of("reconstruct", "--data", "shapes", "-n", 3, "--model", tiny.path, "-o", out, "--scale", 1) == 0
    with Image.open(out) as picture:
        assert picture.size == (3 * 8 + 4, 18)


def test_edit_moves_a_photo_along_a_concept(
    tiny: SimpleNamespace, make_folder: Make, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A strip of the photo and one picture a strength; a GAN's latent is found by inversion, and that is said."""
    gan = make_folder("gan")
    for place in (tiny.path, gan.path):
        save_concepts(place, [ConceptVector(name="smile", direction=torch.ones(3))])
        out = tmp_path / "strip.png"
        words = ("--concept", "smile", "--strength", "-1,0,2.5", "-o", out, "--scale", 1, "--inversion-steps", 3)
        assert code_of("edit", photo, "--model", place, *words) == 0
        said = capsys.readouterr().out
        assert "cut to the central square and resized to 8x8" in said
        assert ("found by 3 steps of inversion" in said) == (place == gan.path)
        assert "root mean square error 0." in said
        with Image.open(out) as picture:
            assert picture.size == (4 * 8 + 3 * 2, 8)


def test_several_photos_and_concepts_are_a_row_each(
    tiny: SimpleNamespace, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows go concept by concept; examples of a dataset may stand in for photos."""
    z = tiny.model.latents(20, seed=1)
    save_concepts(tiny.path, [ConceptVector.fit_latents(z + 1, z - 1, name=name) for name in ("a", "b")])
    out = tmp_path / "strips.png"
    words = ("--model", tiny.path, "--concept", "a,b", "--strength", "0,1", "-o", out, "--scale", 1)
    assert code_of("edit", photo, photo, photo, *words) == 0
    with Image.open(out) as picture:
        assert picture.size == (3 * 8 + 2 * 2, 6 * 8 + 5 * 2)
    assert code_of("edit", "--data", "shapes", "-n", 2, *words) == 0
    assert "2 examples of shapes" in capsys.readouterr().out
    with Image.open(out) as picture:
        assert picture.size == (3 * 8 + 2 * 2, 4 * 8 + 3 * 2)
    assert code_of("edit", *words) == 2
    assert "give up to" in capsys.readouterr().err
    assert code_of("edit", photo, *words[:3], "a,c", *words[4:]) == 3


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
    ],
)
def test_what_cannot_be_meant_is_one_line_and_a_code(
    words: list[str], code: int, says: str, tiny: SimpleNamespace, photo: Path, refused: Callable[..., None]
) -> None:
    """Bad concepts, strengths, photos and factors exit with the documented code, and nothing is left half-written."""
    refused(words, code, says, model=tiny.path, photo=photo)
