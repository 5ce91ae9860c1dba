"""zoo.images.values: files, Pillow images and arrays of every usual form are pictures, for all that takes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest
import torch
from PIL import Image

import zoo
from zoo.errors import DataError, NotFoundError, UsageError
from zoo.images.sheet import grid, to_pil
from zoo.images.values import load_image, pictures
from zoo.latent.concepts import ConceptVector
from zoo.latent.inversion import invert
from zoo.nn.abilities import Encodes
from zoo.nn.pretrained import load

Make = Callable[..., SimpleNamespace]
PIXELS = (numpy.arange(8 * 8 * 3, dtype=numpy.uint8).reshape(8, 8, 3) * 37) % 251  # (H, W, C)
WANTED = torch.from_numpy(PIXELS.astype(numpy.float32) / numpy.float32(255)).permute(2, 0, 1)[None]


@pytest.fixture
def coder(vae_folder: Make) -> Encodes:
    """A VAE of 8x8 pixels in colour."""
    model = load(vae_folder().path)
    assert isinstance(model, Encodes)
    return model


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """The pixels as a file."""
    Image.fromarray(PIXELS).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


FORMS: dict[str, Callable[[Path], object]] = {
    "path": lambda path: path,
    "path as text": str,
    "list of paths": lambda path: [path],
    "Pillow image": lambda path: Image.fromarray(PIXELS),
    "Pillow image not read yet": lambda path: Image.open(path),
    "list of Pillow images": lambda path: [Image.fromarray(PIXELS)],
    "Pillow image with a palette": lambda path: Image.fromarray(PIXELS).quantize(256, dither=Image.Dither.NONE),
    "bytes, channels last": lambda path: PIXELS,
    "bytes, channels first": lambda path: PIXELS.transpose(2, 0, 1),
    "batch of bytes, channels last": lambda path: PIXELS[None],
    "batch of bytes, channels first": lambda path: PIXELS.transpose(2, 0, 1)[None],
    "list of arrays": lambda path: [PIXELS],
    "floats, channels last": lambda path: PIXELS / 255,
    "float tensor": lambda path: WANTED,
    "float64 tensor, alone": lambda path: WANTED[0].double(),
    "byte tensor": lambda path: torch.from_numpy(PIXELS),
    "nested lists": lambda path: (PIXELS / 255).tolist(),
    "what load_image gives": load_image,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_picture_is_one(form: str, coder: Encodes, photo: Path) -> None:
    """Path, Pillow image and array of one picture are the same pixels to encode, reconstruct, invert and grid."""
    given, expected = FORMS[form](photo), coder.encode(WANTED).mean
    assert torch.allclose(coder.examples(given), WANTED, atol=1e-6)
    assert torch.allclose(coder.encode(given).mean, expected, atol=1e-5)
    assert torch.allclose(coder.reconstruct(given), coder.reconstruct(WANTED), atol=1e-5)
    assert torch.allclose(
        invert(coder, given, steps=1, draws=1).z, invert(coder, WANTED, steps=1, draws=1).z, atol=1e-4
    )
    (piece,) = to_pil(given)
    assert piece.mode == "RGB"
    assert piece.tobytes() == PIXELS.tobytes() == grid(given).tobytes()


def test_grey_pictures(vae_folder: Make, tmp_path: Path) -> None:
    """(H, W) is a grey picture; a grey model takes colour from files, which are made grey, and not from arrays."""
    model = load(vae_folder(channels=1).path)
    grey = PIXELS[:, :, 0]
    wanted = torch.from_numpy(grey.astype(numpy.float32) / numpy.float32(255))[None, None]
    Image.fromarray(grey).convert("RGB").save(tmp_path / "grey.png")
    for given in (grey, grey[None], grey[:, :, None], [grey], Image.fromarray(grey), tmp_path / "grey.png"):
        assert torch.equal(model.examples(given), wanted)
    assert to_pil(grey)[0].mode == to_pil(Image.fromarray(grey))[0].mode == "L"
    with pytest.raises(UsageError, match=r"pictures have shape \(N, 1, 8, 8\), not \(8, 8, 3\)"):
        model.examples(PIXELS)
    mixed = grid([Image.fromarray(grey), Image.fromarray(PIXELS)], columns=2, gap=0)
    assert (mixed.mode, mixed.size) == ("RGB", (16, 8))


def test_files_and_pillow_images_are_brought_to_the_model(coder: Encodes, tmp_path: Path) -> None:
    """Their central square is cut out and resized; where that is less than half of them, they are refused."""
    wide = Image.new("RGB", (24, 16), (255, 0, 0))
    wide.paste((0, 0, 255), (4, 0, 20, 16))
    wide.save(tmp_path / "wide.png")
    blue = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    assert torch.equal(coder.examples([wide, tmp_path / "wide.png"]), blue.expand(2, -1, -1, -1))
    strip = Image.new("RGB", (150, 48))
    with pytest.raises(UsageError, match="150x48 pixels, its central square is less than half; crop it first"):
        coder.encode(strip)


def test_photos_are_turned_upright(tmp_path: Path, coder: Encodes) -> None:
    """EXIF orientation is applied by `load_image`, and to Pillow images and paths alike."""
    exif = Image.Exif()
    exif[274] = 6  # to be turned clockwise by a quarter
    picture = Image.new("RGB", (8, 8), "white")
    picture.paste((0, 0, 0), (0, 0, 8, 4))  # the upper half is black; upright, the right one
    picture.save(tmp_path / "turned.png", exif=exif)
    expected = torch.ones(1, 3, 8, 8)
    expected[..., 4:] = 0
    with Image.open(tmp_path / "turned.png") as opened:
        for given in (load_image(tmp_path / "turned.png"), tmp_path / "turned.png", opened):
            assert torch.equal(coder.examples(given), expected)
            assert torch.equal(pictures(given).float().clamp(0, 1), expected)


def test_load_image(photo: Path, tmp_path: Path) -> None:
    """It gives (1, C, H, W) float32 in [0, 1]: as large as the file, or `size` square; grey on request."""
    Image.new("RGB", (30, 20), (10, 20, 30)).save(tmp_path / "b.jpg", quality=100)
    found = zoo.load_image(tmp_path / "b.jpg")
    assert (found.shape, found.dtype) == ((1, 3, 20, 30), torch.float32)
    assert torch.allclose(found[0, :, 0, 0] * 255, torch.tensor([10.0, 20.0, 30.0]), atol=2)
    assert zoo.load_image(str(tmp_path / "b.jpg"), size=12).shape == (1, 3, 12, 12)
    assert zoo.load_image(photo, channels=1, size=4).shape == (1, 1, 4, 4)
    assert torch.equal(zoo.load_image(photo), WANTED)
    with pytest.raises(NotFoundError, match=r"there is no photo .*nowhere\.png"):
        zoo.load_image(tmp_path / "nowhere.png")
    with pytest.raises(NotFoundError, match="there is no photo"):
        zoo.load_image(tmp_path)
    (tmp_path / "notes.png").write_text("not a picture")
    with pytest.raises(DataError, match=r"notes\.png: not a picture; give a JPEG"):
        zoo.load_image(tmp_path / "notes.png")
    for wrong in ({"size": 0}, {"size": 5000}, {"channels": 4}):
        with pytest.raises(UsageError, match="must be"):
            zoo.load_image(photo, **wrong)


BAD: dict[str, tuple[object, str]] = {
    "two meanings": (numpy.zeros((3, 8, 3), dtype=numpy.uint8), r"may be \(C, H, W\) or \(H, W, C\)"),
    "four channels": (numpy.zeros((8, 8, 4), dtype=numpy.uint8), r"\(N, 1 or 3, H, W\), not \(8, 8, 4\)"),
    "whole numbers": (numpy.zeros((8, 8, 3), dtype=numpy.int64), "floats in .0, 1. or uint8, not torch.int64"),
    "16 bits": (numpy.zeros((8, 8, 3), dtype=numpy.uint16), "not torch.uint16"),
    "truth values": (numpy.zeros((8, 8, 3), dtype=bool), "pictures is torch.bool|floats or whole"),
    "several sizes": ([Image.new("RGB", (4, 4)), Image.new("RGB", (5, 4))], r"several sizes \(4x4, 5x4\)"),
    "nothing": ([], "pictures"),
    "None": (None, "pictures is a NoneType"),
    "a number": (3.0, "pictures have shape"),
}


@pytest.mark.parametrize("form", BAD)
def test_what_is_no_picture_is_refused_in_words(form: str) -> None:
    """Two meanings, wrong channels, dtypes and mixed sizes are a UsageError for grid and to_pil."""
    value, message = BAD[form]
    for make in (grid, to_pil):
        with pytest.raises(UsageError, match=message):
            make(value)


def test_what_a_model_cannot_take_is_refused_in_words(coder: Encodes, tmp_path: Path) -> None:
    """Arrays of another size, values beyond [0, 1] and missing files say what is wanted and how to come there."""
    with pytest.raises(UsageError, match=r"shape \(N, 3, 8, 8\), not \(9, 9, 3\); zoo.load_image"):
        coder.encode(numpy.zeros((9, 9, 3), dtype=numpy.uint8))
    with pytest.raises(UsageError, match=r"not in \[0, 1\]; scale them"):
        coder.encode(PIXELS.astype(numpy.float32))
    with pytest.raises(NotFoundError, match="there is no photo"):
        coder.encode("nowhere.png")


def test_concepts_are_fitted_to_arrays(coder: Encodes) -> None:
    """A concept fitted to lists of arrays and Pillow images is the one fitted to their tensors."""
    x = coder.sample(40, seed=0)
    rows = [(row.permute(1, 2, 0).numpy() * 255).round().astype(numpy.uint8) for row in x]
    tensors = torch.stack([torch.from_numpy(row.astype(numpy.float32) / 255).permute(2, 0, 1) for row in rows])
    expected = ConceptVector.fit(coder, tensors[:20], tensors[20:])
    found = ConceptVector.fit(coder, rows[:20], [Image.fromarray(row) for row in rows[20:]])
    assert torch.allclose(found.direction, expected.direction, atol=1e-5)
    z = coder.encode(tensors).mean
    latents = ConceptVector.fit_latents(z[:20].numpy(), z[20:].tolist())
    assert torch.allclose(latents.direction, expected.direction, atol=1e-5)
