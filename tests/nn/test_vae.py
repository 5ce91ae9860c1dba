"""zoo.nn.vae: what the model promises, and what a damaged or foreign folder of one is told."""

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
from zoo.nn.abilities import bounding, encoding
from zoo.nn.extras import Extras
from zoo.nn.families import family_of
from zoo.nn.golden import verify
from zoo.nn.models import Model
from zoo.nn.pretrained import load
from zoo.nn.sampling import CHUNK
from zoo.nn.vae import VAE

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
    torch.rand(3, 8),
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
    vae = {name: tiny.model.get_submodule(name) for name in family_of("vae", default_registry(), "test").published}
    with pytest.raises(WeightsError, match="has a likelihood"):
        family_of("vae", default_registry(), "test").container({k: v for k, v in vae.items() if k != "likelihood"})
    with pytest.raises(WeightsError, match="the decoder is a"):
        family_of("vae", default_registry(), "test").container(vae | {"decoder": vae["encoder"]}, Extras())


def test_what_a_vae_gives_can_be_learned_from(tiny: SimpleNamespace) -> None:
    """Samples and codes enter anybody's training: autograd saves them, as it saves a GAN's."""
    model = load(tiny.path)
    assert isinstance(model, VAE)
    x = model.sample(4, seed=0)
    layer = torch.nn.Conv2d(3, 1, 3)
    layer(x).sum().backward()
    head = torch.nn.Linear(3, 1)
    head(model.encode(x).mean).sum().backward()
    assert layer.weight.grad is not None
    assert head.weight.grad is not None


def test_gradients_go_through_the_encoder_to_data_that_ask(tiny: SimpleNamespace) -> None:
    """encode, reconstruct and elbo are differentiable in x where x asks, and record nothing where it does not."""
    model = load(tiny.path)
    assert isinstance(model, VAE)
    x = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
    for value in (model.encode(x).mean, model.reconstruct(x), model.elbo(x, seed=0)):
        (gradient,) = torch.autograd.grad(value.sum(), [x])
        assert float(gradient.abs().max()) > 0
    assert not model.encode(x.detach()).mean.requires_grad


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_vae_of_another_dtype_encodes_and_decodes(dtype: torch.dtype, tiny: SimpleNamespace) -> None:
    """Loaded in another dtype it takes and gives float32, near what float32 weights give; the ELBO is finite."""
    plain, model = load(tiny.path), load(tiny.path, dtype=dtype)
    assert isinstance(plain, VAE)
    assert isinstance(model, VAE)
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}
    x = model.sample(3, seed=0)
    assert x.dtype == torch.float32
    assert torch.allclose(x, plain.sample(3, seed=0), atol=0.02)
    found, expected = model.encode(x), plain.encode(x)
    assert found.mean.dtype == found.log_var.dtype == torch.float32
    assert torch.allclose(found.mean, expected.mean, atol=0.05)
    assert torch.allclose(model.elbo(x, seed=0), plain.elbo(x, seed=0), rtol=0.05)


def test_a_dtype_that_holds_no_weights_is_refused(tiny: SimpleNamespace) -> None:
    """Whole numbers and words are a UsageError."""
    for dtype in (torch.int64, "float16"):
        with pytest.raises(UsageError, match="floating-point dtype"):
            load(tiny.path, dtype=dtype)  # type: ignore[arg-type]


def test_a_vae_in_training_encodes_in_eval_mode(tiny: SimpleNamespace) -> None:
    """After `train()` codes do not depend on the batch, and no buffer moves."""
    model = tiny.model
    x = model.sample(5, seed=0)
    expected = model.encode(x).mean
    before = {key: value.clone() for key, value in model.train().state_dict().items()}
    assert torch.equal(model.encode(x).mean, expected)
    assert torch.equal(model.encode(x[:1]).mean, expected[:1])
    model.elbo(x, seed=0)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert model.encoder.training


def test_the_abilities_of_a_model_are_asked_by_name(tiny: SimpleNamespace) -> None:
    """What needs an encoder or a bound says so of a model without, naming it."""
    assert encoding(tiny.model) is bounding(tiny.model) is tiny.model

    class Bare(Model):
        def forward(self, z: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
            return z

    bare = Bare(None, latent_shape=(2,), data_shape=(2,))
    with pytest.raises(UsageError, match="bare has no encoder: fit one"):
        encoding(bare, "bare", instead="fit one")
    with pytest.raises(UsageError, match="bare has no likelihood"):
        bounding(bare, "bare")
