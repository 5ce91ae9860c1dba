"""zoo.nn.models.VAE: what the container promises, and what a damaged or foreign folder of one is told."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.folder import Folder
from zoo.errors import IntegrityError, UsageError, WeightsError
from zoo.nn.families import FAMILIES, Extras, family_of
from zoo.nn.golden import verify
from zoo.nn.models import VAE
from zoo.nn.pretrained import load
from zoo.nn.sampling import CHUNK

Make = Callable[..., SimpleNamespace]


@pytest.fixture
def tiny(vae_folder: Make) -> SimpleNamespace:
    return vae_folder()


def test_samples_reconstructions_and_encodings_have_their_shapes(tiny: SimpleNamespace) -> None:
    """sample, decode and reconstruct give (N, C, H, W) float32 in [0, 1]; encode gives mean and log_var (N, d)."""
    model = load(tiny.path)
    assert isinstance(model, VAE)
    x = model.sample(5, seed=0)
    assert (x.shape, x.dtype) == ((5, 3, 8, 8), torch.float32)
    assert 0 <= float(x.min()) <= float(x.max()) <= 1
    q = model.encode(x)
    assert q.mean.shape == q.log_var.shape == (5, 3)
    assert torch.equal(model.reconstruct(x), model.decode(q.mean))
    assert model.elbo(x, samples=3, seed=0).shape == (5,)
    assert torch.equal(model.elbo(x, seed=0), model.elbo(x, seed=0))
    assert (model.latent_shape, model.data_shape, model.value_range) == ((3,), (3, 8, 8), (0.0, 1.0))


def test_an_encoding_does_not_depend_on_how_many_there_are(tiny: SimpleNamespace) -> None:
    """The posterior of an example is bit for bit the same alone, in a batch, and across chunks."""
    model = tiny.model
    x = torch.rand(CHUNK + 5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    many = model.encode(x)
    for i in (0, 4, CHUNK - 1, CHUNK, CHUNK + 4):
        one = model.encode(x[i : i + 1])
        assert torch.equal(one.mean[0], many.mean[i])
        assert torch.equal(one.log_var[0], many.log_var[i])


BAD = [
    torch.rand(3, 8, 8),
    torch.rand(0, 3, 8, 8),
    torch.rand(2, 1, 8, 8),
    torch.rand(2, 3, 8, 9),
    torch.tensor(0.5),
    torch.zeros(2, 3, 8, 8, dtype=torch.uint8),
    torch.full((2, 3, 8, 8), 1.5),
    torch.full((2, 3, 8, 8), -0.1),
    torch.full((2, 3, 8, 8), math.nan),
]


@pytest.mark.parametrize("x", BAD, ids=range(len(BAD)))
def test_what_cannot_be_encoded_is_refused(x: torch.Tensor, tiny: SimpleNamespace) -> None:
    """Other shapes, bytes, and values outside [0, 1] are a UsageError that says what is needed."""
    for method in (tiny.model.encode, tiny.model.reconstruct, tiny.model.elbo):
        with pytest.raises(UsageError, match=r"\[0, 1\]"):
            method(x)


@pytest.mark.parametrize("settings", [{"samples": 0}, {"samples": 1.5}, {"seed": -1}])
def test_bad_settings_of_the_elbo_are_refused(settings: dict[str, Any], tiny: SimpleNamespace) -> None:
    """No latents, part of one, and a negative seed are a UsageError."""
    with pytest.raises(UsageError):
        tiny.model.elbo(torch.rand(2, 3, 8, 8), **settings)


def test_golden_samples_prove_the_encoder_too(tiny: SimpleNamespace) -> None:
    """Weights of the encoder that were changed no longer give the golden means, though the samples are the same."""
    folder = Folder(name="tiny", path=tiny.path)
    assert verify(folder, default_registry())["ok"] is True
    tensors = load_file(tiny.path / "model.safetensors")
    tensors["encoder.head.mean.bias"] += 0.1
    save_file(tensors, tiny.path / "model.safetensors")
    with pytest.raises(IntegrityError, match=r"golden samples differ by 0\.1"):
        verify(folder, default_registry())


def test_golden_samples_without_the_means_are_refused(tiny: SimpleNamespace) -> None:
    """A golden file as a GAN has it proves nothing about the encoder."""
    golden = load_file(tiny.path / "golden.safetensors")
    golden.pop("mean")
    save_file(golden, tiny.path / "golden.safetensors")
    with pytest.raises(WeightsError, match="must hold z, x, tolerance, seed and mean"):
        verify(Folder(name="tiny", path=tiny.path), default_registry())


def test_a_folder_that_is_no_vaes_is_refused(tiny: SimpleNamespace) -> None:
    """A range other than [0, 1], a tensor of no part and a part that lacks its tensors are WeightsErrors."""
    facts = json.loads((tiny.path / "config.json").read_text(encoding="utf-8"))
    changed = facts | {"data": facts["data"] | {"range": [-1.0, 1.0]}}
    (tiny.path / "config.json").write_text(json.dumps(changed), encoding="utf-8")
    with pytest.raises(WeightsError, match="defined on \\[0, 1\\]"):
        load(tiny.path)
    (tiny.path / "config.json").write_text(json.dumps(facts), encoding="utf-8")
    tensors = load_file(tiny.path / "model.safetensors")
    save_file(tensors | {"generator.x": torch.zeros(1)}, tiny.path / "model.safetensors")
    with pytest.raises(WeightsError, match="no tensor of a encoder or decoder or likelihood"):
        load(tiny.path)
    save_file({k: v for k, v in tensors.items() if "log_sd" not in k}, tiny.path / "model.safetensors")
    with pytest.raises(WeightsError, match="lacks 'log_sd'"):
        load(tiny.path)


def test_parts_of_another_family_make_no_container(tiny: SimpleNamespace) -> None:
    """A part behind another interface, or one that is missing, is a WeightsError naming it."""
    vae = {name: tiny.model.get_submodule(name) for name in FAMILIES["vae"].published}
    with pytest.raises(WeightsError, match="has a likelihood"):
        family_of("vae", "test").container({k: v for k, v in vae.items() if k != "likelihood"})
    with pytest.raises(WeightsError, match="the decoder is a"):
        family_of("vae", "test").container(vae | {"decoder": vae["encoder"]}, Extras())
