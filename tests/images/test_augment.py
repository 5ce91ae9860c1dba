"""zoo.images.augment: what each augmentation does to which pixels, and that gradients come through."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor

from zoo.data.draws import Draws
from zoo.images.augment import AUGMENTATIONS, color, cutout, flip, translation

SIDE = 16
MANY = 400


def images(n: int = MANY, seed: int = 0, channels: int = 3) -> Tensor:
    """Positive everywhere, so that what was set to zero shows."""
    return torch.rand(n, channels, SIDE, SIDE, generator=generator(seed)) * 0.9 + 0.1


def generator(seed: int = 1) -> Generator:
    return torch.Generator().manual_seed(seed)


def seeded(seed: int = 1) -> Draws:
    return Draws(generator(seed))


# --- what all have in common ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_shape_and_type_stay(name: str, channels: int) -> None:
    """An augmentation gives images of the same shape and type, and leaves its input alone."""
    x = images(5, channels=channels)
    before = x.clone()
    y = AUGMENTATIONS[name](x, seeded())
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    assert torch.equal(x, before)
    assert not torch.equal(y, x)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_generator_decides(name: str) -> None:
    """One state of the generator gives one result, another state another; the global generator is not used."""
    x = images(8)
    state = torch.get_rng_state()
    first, same, other = (AUGMENTATIONS[name](x, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_image_is_augmented_on_its_own(name: str) -> None:
    """Equal images of one batch come out different."""
    y = AUGMENTATIONS[name](images(1).expand(20, -1, -1, -1), seeded())
    assert len({tuple(image.flatten().tolist()) for image in y}) > (1 if name == "flip" else 5)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_real_and_fake_are_treated_alike(name: str) -> None:
    """What is done depends on the generator alone: the map is affine, the same one for any two batches."""
    a, b = images(6, seed=3), -images(6, seed=4)
    of_a, of_b, of_both, of_zero = (AUGMENTATIONS[name](x, seeded()) for x in (a, b, a + b, torch.zeros_like(a)))
    torch.testing.assert_close(of_a + of_b, of_both + of_zero, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_gradient_is_the_slope(name: str) -> None:
    """The gradient at any image is that of the affine map: v . J u is what the output moves by, along v."""
    x, u, v = images(6, seed=3).requires_grad_(), images(6, seed=4), images(6, seed=5)
    (slope,) = torch.autograd.grad((AUGMENTATIONS[name](x, seeded()) * v).sum(), x)
    moved = AUGMENTATIONS[name](u, seeded()) - AUGMENTATIONS[name](torch.zeros_like(u), seeded())
    torch.testing.assert_close((slope * u).sum(), (moved * v).sum(), rtol=1e-4, atol=1e-3)
    assert slope.flatten(1).any(1).all()


# --- one by one ----------------------------------------------------------------------------------------------------


def test_colour_is_its_formula() -> None:
    """Brightness is added, then saturation scales about each pixel's mean, then contrast about the image's."""
    x = images(10)
    draws = torch.rand(10, 3, generator=generator()).T.tolist()
    for image, found, b, s, c in zip(x, color(x, seeded()), *draws, strict=True):
        y = image + (b - 0.5)
        grey = y.mean(0)
        y = grey + 2 * s * (y - grey)
        y = y.mean() + (c + 0.5) * (y - y.mean())
        torch.testing.assert_close(found, y, rtol=0, atol=1e-5)


def test_colour_keeps_the_mean_but_for_the_brightness() -> None:
    """An image's mean moves by its brightness alone, anything from -0.5 to 0.5; places stay where they are."""
    x = images()
    moved = (color(x, seeded()) - x).mean((1, 2, 3))
    torch.testing.assert_close(moved, torch.rand(MANY, 3, generator=generator())[:, 0] - 0.5, rtol=0, atol=1e-5)
    assert -0.5 <= moved.min() < -0.45
    assert 0.45 < moved.max() <= 0.5


def test_colour_keeps_grey_grey_and_flat_flat() -> None:
    """A grey image stays grey, and one of a single grey stays of one."""
    grey = images(10, channels=1).expand(-1, 3, -1, -1)
    y = color(grey, seeded())
    torch.testing.assert_close(y, y[:, :1].expand_as(y), rtol=0, atol=1e-6)
    flat = color(torch.full((10, 3, SIDE, SIDE), 0.25), seeded())
    torch.testing.assert_close(flat, flat[:, :1, :1, :1].expand_as(flat), rtol=0, atol=1e-6)


def test_translation_moves_by_whole_pixels_and_fills_with_zero() -> None:
    """Each image is moved by one whole number of pixels each way, at most an eighth of the side; zeros come in."""
    x = images()
    moves = []
    for image, found in zip(x, translation(x, seeded()), strict=True):
        fits = [(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3) if torch.equal(found, shifted(image, dy, dx))]
        assert len(fits) == 1
        moves += fits
    assert len(set(moves)) == 25


def shifted(image: Tensor, dy: int, dx: int) -> Tensor:
    """The image moved down by dy and right by dx."""
    result = torch.zeros_like(image)
    to_y, to_x, from_y, from_x = (slice(max(0, d), SIDE + min(0, d)) for d in (dy, dx, -dy, -dx))
    result[:, to_y, to_x] = image[:, from_y, from_x]
    return result


def test_cutout_zeroes_a_square_of_half_the_side() -> None:
    """One square of half the side is zero, cut off where it reaches over the edge; every other pixel stays."""
    x = images()
    y = cutout(x, seeded())
    cut = (y == 0).all(1)
    assert torch.equal(torch.where(cut[:, None], 0.0, x), y)
    for mask in cut:
        top, height = span(mask.any(1))
        left, width = span(mask.any(0))
        assert int(mask.sum()) == height * width
        for start, extent in ((top, height), (left, width)):
            at_an_edge = start == 0 or start + extent == SIDE
            assert extent == SIDE // 2 or (at_an_edge and SIDE // 4 <= extent < SIDE // 2)
    assert cut.any(0).all()
    assert any(int(mask.sum()) == (SIDE // 2) ** 2 for mask in cut)


def span(marked: Tensor) -> tuple[int, int]:
    """Where the one run of true values begins, and its length."""
    found = marked.nonzero().flatten()
    first, last = int(found[0]), int(found[-1])
    assert len(found) == last - first + 1
    return first, len(found)


def test_flip_mirrors_about_half_of_the_images() -> None:
    """An image comes out as it was or mirrored left to right, each about half of the time."""
    x = images()
    y = flip(x, seeded())
    same = (y == x).flatten(1).all(1)
    mirrored = (y == x.flip(3)).flatten(1).all(1)
    assert bool((same ^ mirrored).all())
    assert 0.4 < float(mirrored.float().mean()) < 0.6
    assert torch.equal(flip(x, seeded()), y)
