"""zoo.images.sheet: tensors become Pillow images and grids, and files that are complete or not there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from zoo.errors import StorageError, UsageError
from zoo.images.sheet import card_scale, check_picture_path, grid, save_picture, to_pil


def ramp(n: int = 2, channels: int = 3, height: int = 4, width: int = 5) -> torch.Tensor:
    """Images whose every value is another one in [0, 1]."""
    count = n * channels * height * width
    return torch.linspace(0, 1, count).view(n, channels, height, width)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_every_pixel_arrives(channels: int, mode: str) -> None:
    """Pillow images have the tensor's size and, rounded to 8 bits, its values."""
    images = ramp(channels=channels)
    pictures = to_pil(images)
    assert [(picture.mode, picture.size) for picture in pictures] == [(mode, (5, 4))] * 2
    for picture, image in zip(pictures, images, strict=True):
        for y in range(4):
            for x in range(5):
                pixel = picture.getpixel((x, y))
                given = pixel if isinstance(pixel, tuple) else (pixel,)
                assert list(given) == [round(value * 255) for value in image[:, y, x].tolist()]


def test_bytes_arrive_unchanged_and_floats_are_clamped() -> None:
    """uint8 is taken as it is; floats beyond [0, 1] are black and white; half precision and gradients do not matter."""
    values = torch.tensor([0, 7, 255], dtype=torch.uint8).view(1, 1, 1, 3)
    assert list(to_pil(values)[0].tobytes()) == [0, 7, 255]
    floats = torch.tensor([-3.0, 0.5, 9.0]).view(1, 1, 1, 3)
    assert list(to_pil(floats)[0].tobytes()) == [0, 128, 255]
    assert list(to_pil(floats.half().requires_grad_())[0].tobytes()) == [0, 128, 255]


BAD = [
    torch.zeros(3, 4, 3),
    torch.zeros(4, 4, 4),
    torch.zeros(1, 2, 4, 4),
    torch.zeros(1, 4, 4, 4),
    torch.zeros(0, 3, 4, 4),
    torch.zeros(1, 3, 0, 4),
    torch.zeros(2, 3, 4, 4, 1),
    torch.tensor(1.0),
    torch.zeros(1, 3, 4, 4, dtype=torch.int64),
    torch.zeros(1, 3, 4, 4, dtype=torch.bool),
    torch.zeros(1, 3, 4, 4, dtype=torch.int8),
]


@pytest.mark.parametrize("images", BAD, ids=lambda images: f"{list(images.shape)} {images.dtype}")
def test_what_is_no_picture_is_refused(images: torch.Tensor) -> None:
    """Another shape or type is a UsageError that says what pictures are, for to_pil and grid alike."""
    with pytest.raises(UsageError, match=r"pictures? "):
        to_pil(images)
    with pytest.raises(UsageError, match=r"pictures? "):
        grid(images)


def test_a_grid_has_its_images_in_rows() -> None:
    """Images stand in rows of `columns` with white gaps of `gap` pixels, the rest of the last row white."""
    images = torch.stack([torch.full((3, 2, 2), value / 255) for value in (10, 20, 30)])
    sheet = grid(images, columns=2, gap=1)
    assert sheet.size == (5, 5)
    corners = [sheet.getpixel(at) for at in [(0, 0), (3, 1), (1, 4), (4, 4), (2, 0), (0, 2)]]
    assert corners == [(10,) * 3, (20,) * 3, (30,) * 3, *[(255,) * 3] * 3]


@pytest.mark.parametrize(("n", "size"), [(1, (5, 4)), (4, (12, 10)), (5, (19, 10)), (9, (19, 16)), (10, (26, 16))])
def test_a_grid_is_square_by_default(n: int, size: tuple[int, int]) -> None:
    """The columns are the square root of the number of images, rounded up."""
    assert grid(ramp(n)).size == size


def test_a_grid_is_scaled_by_whole_pixels() -> None:
    """With `scale` each pixel is a square of that side, and the gap stays."""
    sheet = grid(ramp(2), columns=2, scale=3, gap=2)
    assert sheet.size == (2 * 15 + 2, 12)
    small = to_pil(ramp(2))[0]
    assert all(sheet.getpixel((x, y)) == small.getpixel((x // 3, y // 3)) for x in range(15) for y in range(12))


@pytest.mark.parametrize("change", [{"scale": 0}, {"gap": -1}, {"columns": 0}, {"columns": -2}, {"scale": 1.5}])
def test_numbers_that_cannot_be_meant_are_refused(change: dict[str, int]) -> None:
    """Columns and scale below 1, a gap below 0, and fractions are a UsageError."""
    with pytest.raises(UsageError, match=f"{next(iter(change))} is .*; it must be a whole number"):
        grid(ramp(), **change)


@pytest.mark.parametrize("change", [{"scale": 10**8}, {"gap": 10**8}, {"columns": 10**8}])
def test_a_grid_too_big_is_refused_before_memory_is_taken(change: dict[str, int]) -> None:
    """A grid of more than 2^28 pixels is a UsageError."""
    with pytest.raises(UsageError, match="too big"):
        grid(ramp(), **change)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".PNG"])
def test_the_suffix_names_the_format(suffix: str, tmp_path: Path) -> None:
    """A saved picture opens again with its size, whatever the format, and nothing else is left in the folder."""
    path = tmp_path / f"out{suffix}"
    save_picture(grid(ramp()), path)
    with Image.open(path) as found:
        assert found.size == grid(ramp()).size
    assert list(tmp_path.iterdir()) == [path]


def test_a_png_holds_the_pixels(tmp_path: Path) -> None:
    """What is saved as PNG is read back bit for bit."""
    picture = grid(ramp())
    save_picture(picture, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as found:
        assert found.tobytes() == picture.tobytes()


@pytest.mark.parametrize("name", ["out", "out.tiff", "out.gif", "out.txt", "png", ".png"])
def test_an_unknown_suffix_is_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    """A suffix that names no format is a UsageError listing those that do."""
    with pytest.raises(UsageError, match=r"must end in one of \.png"):
        save_picture(grid(ramp()), tmp_path / name)
    with pytest.raises(UsageError):
        check_picture_path(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    """A missing folder and a file in a folder's place are StorageErrors, and nothing half written is left."""
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "absent" / "out.png", tmp_path / "file" / "out.png"):
        with pytest.raises(StorageError, match="cannot write"):
            save_picture(grid(ramp()), path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_picture_that_breaks_while_it_is_written_leaves_the_old_one(tmp_path: Path) -> None:
    """When Pillow fails half-way the file that was there stays."""

    class Broken(Image.Image):
        def save(self, fp: object, *rest: object, **more: object) -> None:
            Path(str(fp)).write_bytes(b"half")
            raise OSError(28, "No space left on device")

    save_picture(grid(ramp()), tmp_path / "out.png")
    before = (tmp_path / "out.png").read_bytes()
    with pytest.raises(StorageError, match="No space left"):
        save_picture(Broken(), tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(("shape", "scale"), [((3, 8, 8), 3), ((1, 28, 28), 3), ((3, 32, 32), 3), ((3, 64, 64), 1)])
def test_small_pictures_are_enlarged_in_a_card(shape: tuple[int, ...], scale: int) -> None:
    """A side is brought near 96 pixels, by 3 at most, and never shrunk."""
    assert card_scale(shape) == scale
