"""zoo_images.inception: FID's network from a file of the user's, its pin, and torch-fidelity's own numbers."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import FeaturesSpec
from zoo.catalogue.plugins.loading import default_registry
from zoo.errors import IntegrityError, NotFoundError, PluginError
from zoo.images import import_torchvision
from zoo.nn import load_features
from zoo_images.inception import inception

NAME = "inception-v3"


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


@pytest.mark.parametrize("changes", [{"file": "../up"}, {"file": "x.pth", "weights": "a:b"}, {"file": ""}])
def test_a_spec_names_one_file(changes: dict[str, str]) -> None:
    """A name and no path, and not beside a package's file."""
    with pytest.raises(PluginError):
        registry(**changes)


class Harm:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("harm",)


@pytest.mark.filterwarnings("ignore")  # what torch-fidelity says when it is imported
def test_a_file_that_holds_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were it pinned: it is read as tensors alone before torch-fidelity reads it, and nothing of it runs."""
    import_torchvision()
    pytest.importorskip("torch_fidelity")
    monkeypatch.chdir(tmp_path)
    file = io.BytesIO()
    torch.save({"a": Harm()}, file)
    with pytest.raises(IntegrityError, match="hold more than tensors"):
        inception(file.getvalue())
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
