"""zoo_images.inception: networks of a user's file, its pin, and torch-fidelity's and torchvision's numbers."""

from __future__ import annotations

import copy
import hashlib
import io
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from plugins.torch_files import activations, close, content, normalised, pinned, untrained
from torch.nn import functional as F

from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import FeaturesSpec
from zoo.catalogue.plugins.loading import default_registry
from zoo.errors import IntegrityError, NotFoundError, PluginError
from zoo.images import PictureFeatures, import_torchvision
from zoo.nn import load_features
from zoo_images.inception import InceptionV3, inception, inception_v3
from zoo_images.torch_file import filled

NAME = "inception-v3"
TORCHVISION = "inception-v3-torchvision"


def registry(**changes: str) -> Registry:
    spec = replace(default_registry().features(NAME), **changes)
    return Registry.of([Owned(name=NAME, spec=spec, owner="test")])


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_DATA", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def test_without_its_file_it_says_where_to_have_it() -> None:
    """One line: the file's name, ZOO_DATA, the address and what to install."""
    with pytest.raises(
        NotFoundError, match=r"weights-inception.*in no folder of ZOO_DATA.*genzoo\[fid\].*torch-fidelity, release v0"
    ):
        load_features(NAME)


@pytest.mark.parametrize("place", ["", "torch/hub/checkpoints"])
def test_another_file_of_that_name_is_refused(place: str, tmp_path: Path) -> None:
    """In a folder of ZOO_DATA or where torch.hub keeps its files: the sha256 is compared before anything is read."""
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    path = tmp_path / place / default_registry().features(NAME).file
    path.write_bytes(b"others")
    with pytest.raises(IntegrityError, match=f"has sha256 {hashlib.sha256(b'others').hexdigest()}, not 6726825d"):
        load_features(NAME, registry())


@pytest.mark.parametrize("changes", [{"file": "../up"}, {"file": "x.pth", "weights": "a"}, {"file": ""}])
def test_a_spec_names_one_file(changes: dict[str, str]) -> None:
    """A name and no path; a package's file may be named beside it, as such."""
    with pytest.raises(PluginError):
        registry(**changes)


class Harm:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("harm",)


@pytest.mark.filterwarnings("ignore")  # what torch-fidelity says when it is imported
def test_a_file_that_holds_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were it pinned: it is read as tensors alone, before torch-fidelity reads it too, and nothing of it runs."""
    import_torchvision()
    pytest.importorskip("torch_fidelity")
    monkeypatch.chdir(tmp_path)
    file = io.BytesIO()
    torch.save({"a": Harm()}, file)
    for read in (inception, inception_v3):
        with pytest.raises(IntegrityError, match="hold more than tensors"):
            read(file.getvalue())
    assert not (tmp_path / "harm").exists()


@pytest.mark.filterwarnings("ignore")
def test_it_is_torch_fidelitys_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of a file in a folder of ZOO_DATA: the vectors are those that torch-fidelity gives for the same 256 levels."""
    import_torchvision()
    theirs = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3").FeatureExtractorInceptionV3
    empty, file = io.BytesIO(), io.BytesIO()
    torch.save({}, empty)
    with monkeypatch.context() as patch:  # weights as they are drawn
        patch.setattr(theirs, "load_state_dict", lambda self, state: None)
        network = theirs("inception-v3", ["2048"], io.BytesIO(empty.getvalue()))
    torch.save(network.state_dict(), file)
    spec = default_registry().features(NAME)
    (tmp_path / spec.file).write_bytes(file.getvalue())
    found = load_features(NAME, registry(sha256=hashlib.sha256(file.getvalue()).hexdigest()))
    x = torch.randint(0, 256, (2, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    torch.testing.assert_close(found.vector(x / 255), network(x)[0])
    given = (x[:1] / 255).requires_grad_()
    (gradient,) = torch.autograd.grad(found.vector(given).sum(), given)
    assert bool(gradient.isfinite().all() and gradient.any())
    assert (found.dimensions, found.maps(x / 255)) == (2048, ())
    assert isinstance(spec, FeaturesSpec)


@pytest.fixture(scope="module")
def own() -> torch.nn.Module:
    """torchvision's module, untrained, which takes pictures as they are normalised for ImageNet."""
    models = import_torchvision("torchvision.models")
    return untrained(models.inception_v3(weights=None, init_weights=False, transform_input=True), 299)


@pytest.fixture
def ours(own: torch.nn.Module, tmp_path: Path) -> PictureFeatures:
    found = load_features(TORCHVISION, pinned(TORCHVISION, own, tmp_path))
    assert isinstance(found, PictureFeatures)
    return found


def test_its_maps_and_vector_are_torchvisions(own: torch.nn.Module, ours: PictureFeatures) -> None:
    """Of a picture with a grey rim, what lies over the picture; the vector of one of its own size, without a rim."""
    x = torch.rand(2, 3, 101, 67, generator=torch.Generator().manual_seed(0))
    wide = F.pad(x, (22, 22 + 29, 22, 22 + 27), value=0.5)
    layers, begins = ("Conv2d_4a_3x3", "Mixed_5d", "Mixed_6e", "Mixed_7c"), (4, 2, 1, 0)
    theirs = [
        one[:, :, begin : begin + math.ceil(101 / stride), begin : begin + math.ceil(67 / stride)]
        for one, begin, stride in zip(activations(own, normalised(wide), layers), begins, ours.strides, strict=True)
    ]
    assert all(close(a, b) for a, b in zip(ours.maps(x), theirs, strict=True))
    y = torch.rand(1, 3, 299, 299, generator=torch.Generator().manual_seed(1))
    assert close(ours.vector(y), activations(own, normalised(y), ["avgpool"])[0].flatten(1), share=1e-4)
    assert ours.dimensions == 2048
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in ours.modules())


def test_a_place_of_a_map_looks_at_its_place_of_the_picture(ours: PictureFeatures) -> None:
    """The middle of what changes it lies within half a stride of where it should; one channel is enough to look at."""
    x = torch.rand(1, 1, 288, 288, generator=torch.Generator().manual_seed(0)).requires_grad_()
    for found, stride in zip(ours.maps(x), ours.strides, strict=True):
        at = found.shape[-1] // 2
        (slope,) = torch.autograd.grad(found[0, :, at, at].square().sum(), x, retain_graph=True)
        weights = slope.abs().sum((0, 1))
        for axis in (0, 1):
            middle = float((weights.sum(axis) * torch.arange(288)).sum() / weights.sum())
            assert middle == pytest.approx((at + 0.5) * stride - 0.5, abs=stride / 2 + 1)
    assert not any(weight.requires_grad for weight in ours.parameters())


@pytest.mark.parametrize("side", [1, 31, 32, 33, 75])
def test_pictures_of_any_size_have_maps(side: int, ours: PictureFeatures) -> None:
    """Each side divided by the stride and rounded up, smaller pictures than torchvision's module takes included."""
    with torch.no_grad():
        found = ours.maps(torch.rand(1, 3, side, side))
    assert [one.shape[-1] for one in found] == [math.ceil(side / stride) for stride in ours.strides]
    assert all(bool(one.isfinite().all()) for one in found)


def test_folding_and_transforming_are_exact(own: torch.nn.Module) -> None:
    """In double precision the vectors are torchvision's own."""
    exact = copy.deepcopy(own).double()
    empty = import_torchvision("torchvision.models").inception_v3(weights=None, init_weights=False).double()
    found = InceptionV3(filled(empty, content(exact), "Inception-v3"))
    y = torch.rand(1, 3, 299, 299, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert close(found.vector(y), activations(exact, normalised(y), ["avgpool"])[0].flatten(1), share=1e-10)
