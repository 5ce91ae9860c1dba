"""zoo.nn.models and zoo.nn.gan: what a model promises of `sample` and `decode`, shown on a GAN."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo.catalogue.plugins.loading import default_registry
from zoo.errors import NotFoundError, UsageError
from zoo.nn.build import decode_config, initialise_parts
from zoo.nn.extras import Extras
from zoo.nn.gan import GAN
from zoo.nn.interfaces import Discriminator, Generator
from zoo.nn.models import Model
from zoo.nn.sampling import CHUNK, draw_latents

CONFIG = {"image_size": 16, "latent_size": 20, "generator_widths": [16, 8], "discriminator_widths": [4, 4]}


def convolutional(**change: Any) -> GAN:
    """A small DCGAN with random weights of seed 0."""
    spec = default_registry().architecture("dcgan")
    parts: dict[str, Any] = initialise_parts(spec, decode_config(spec, CONFIG | change, "test"), seed=0)
    return GAN(parts["generator"], parts["discriminator"]).eval()


class Echo(Generator):
    """Gives its latents, plus its labels, as pictures (1, 1, 4)."""

    def __init__(self, num_classes: int | None = None) -> None:
        super().__init__()
        self.latent_shape, self.data_shape, self.num_classes, self.prior = (4,), (1, 1, 4), num_classes, "normal"
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        x = z if labels is None else z + labels[:, None]
        return (x * self.scale).view(-1, 1, 1, 4)


def test_samples_are_pictures() -> None:
    """`sample` gives (n, C, H, W) float32 in [0, 1], contiguous, that need no gradient and differ from one another."""
    model = convolutional()
    x = model.sample(5, seed=0)
    assert (x.shape, x.dtype) == ((5, 3, 16, 16), torch.float32)
    assert (model.latent_shape, model.data_shape) == ((20,), (3, 16, 16))
    assert 0 <= float(x.min()) < float(x.max()) <= 1
    assert x.is_contiguous()
    assert not x.requires_grad
    assert len({bytes(image.numpy().tobytes()) for image in x}) == 5


def test_a_seed_gives_the_same_samples() -> None:
    """The same seed gives the same samples bit for bit, another seed or none gives others."""
    model = convolutional()
    assert torch.equal(model.sample(3, seed=7), model.sample(3, seed=7))
    assert not torch.equal(model.sample(3, seed=7), model.sample(3, seed=8))
    assert not torch.equal(model.sample(3), model.sample(3))


def test_a_seed_gives_the_same_samples_in_another_process() -> None:
    """A new Python draws the very same pixels."""
    code = (
        "import hashlib, sys\nfrom zoo.nn.build import decode_config, initialise_parts\n"
        "from zoo.nn.gan import GAN\nfrom zoo.catalogue.plugins.loading import default_registry\n"
        "spec = default_registry().architecture('dcgan')\n"
        f"parts = initialise_parts(spec, decode_config(spec, {CONFIG!r}, 'test'), seed=0)\n"
        "x = GAN(parts['generator']).eval().sample(3, seed=7)\n"
        "sys.stdout.write(hashlib.sha256(x.numpy().tobytes()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == hashlib.sha256(convolutional().sample(3, seed=7).numpy().tobytes()).hexdigest()


@pytest.mark.parametrize("change", [{}, {"prior": "uniform"}, {"generator_norm": "none", "head": "conv"}])
def test_a_sample_does_not_depend_on_how_many_there_are(change: dict[str, Any]) -> None:
    """Sample i of a seed is bit for bit the same whatever n is, across chunks, and when its latent is decoded alone."""
    model = convolutional(**change)
    many = model.sample(CHUNK + 9, seed=0)
    for n in (1, 3, CHUNK, CHUNK + 1):
        assert torch.equal(model.sample(n, seed=0), many[:n])
    z = model.latents(CHUNK + 9, seed=0)
    for i in (0, 5, CHUNK - 1, CHUNK, CHUNK + 8):
        assert torch.equal(model.decode(z[i : i + 1])[0], many[i])


def test_samples_are_decoded_latents() -> None:
    """`sample` decodes what `latents` with the same arguments draws."""
    model = convolutional()
    for truncation in (None, 0.4):
        z = model.latents(3, seed=1, truncation=truncation)
        assert torch.equal(model.decode(z), model.sample(3, seed=1, truncation=truncation))
        assert float(z.abs().max()) <= (truncation or 10)


def test_latents_are_drawn_from_the_generators_prior() -> None:
    """A generator trained on uniform latents is sampled with uniform latents."""
    assert float(convolutional().latents(50, seed=0).abs().max()) > 1
    uniform = convolutional(prior="uniform").latents(50, seed=0)
    assert torch.equal(uniform, draw_latents(50, (20,), seed=0, prior="uniform"))
    assert float(uniform.abs().max()) <= 1


def test_sampling_leaves_the_global_random_state_alone() -> None:
    """torch's own generator is as it was."""
    model = convolutional()
    before = torch.get_rng_state()
    model.sample(2, seed=0)
    model.sample(2)
    assert torch.equal(torch.get_rng_state(), before)


def test_values_are_moved_from_the_networks_range() -> None:
    """`value_range` is mapped onto [0, 1], and what lies beyond is clamped."""
    z = torch.tensor([[-1.0, 0.0, 1.0, 5.0]])
    assert GAN(Echo()).decode(z).flatten().tolist() == [0, 0.5, 1, 1]
    assert GAN(Echo(), extras=Extras(value_range=(0.0, 10.0))).decode(z).flatten().tolist() == pytest.approx(
        [0, 0, 0.1, 0.5]
    )


def test_labels_reach_the_network() -> None:
    """A model with classes decodes with the labels given, or each class in turn."""
    model = GAN(Echo(num_classes=3), extras=Extras(value_range=(0.0, 4.0)))
    z = torch.zeros(4, 4)
    assert (model.decode(z, [2, 0, 1, 1]) * 4)[:, 0, 0, 0].tolist() == [2, 0, 1, 1]
    assert (model.decode(z) * 4)[:, 0, 0, 0].tolist() == [0, 1, 2, 0]
    assert (model.decode(z, torch.tensor([1] * 4)) * 4)[:, 0, 0, 0].tolist() == [1] * 4
    for labels in ([0], [0, 1, 2, 3]):
        with pytest.raises(UsageError, match="whole numbers from 0 to 2"):
            model.sample(4, seed=0, labels=labels)
    with pytest.raises(UsageError, match="no classes"):
        GAN(Echo()).sample(4, labels=[0, 0, 0, 0])


BAD_LATENTS = [
    torch.zeros(5),
    torch.zeros(0, 4),
    torch.zeros(2, 3),
    torch.zeros(2, 4, 1),
    torch.zeros(2, 5),
    torch.tensor(0.0),
]


@pytest.mark.parametrize("z", BAD_LATENTS, ids=lambda z: str(list(z.shape)))
def test_latents_of_another_shape_are_refused(z: Tensor) -> None:
    """The UsageError shows the shape given and the one that is decoded."""
    with pytest.raises(UsageError, match=r"this model decodes \(N, 4\)") as caught:
        GAN(Echo()).decode(z)
    assert str(tuple(z.shape)) in str(caught.value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300])
def test_latents_that_are_not_finite_are_refused(value: float) -> None:
    """NaN, infinity, and what is infinite as float32 are a UsageError."""
    z = torch.zeros(2, 4, dtype=torch.float64)
    z[1, 3] = value
    with pytest.raises(UsageError, match="NaN or infinity"):
        GAN(Echo()).decode(z)


def test_latents_of_other_kinds_are_numbers_too() -> None:
    """Whole numbers and double precision are decoded as float32, with or without a gradient."""
    expected = GAN(Echo()).decode(torch.ones(1, 4))
    for z in (torch.ones(1, 4).long(), torch.ones(1, 4).double(), torch.ones(1, 4).requires_grad_()):
        x = GAN(Echo()).decode(z)
        assert torch.equal(x, expected)
        assert x.dtype == torch.float32


@pytest.mark.parametrize("settings", [{"n": 0}, {"n": 2, "seed": -1}, {"n": 2, "truncation": 0}])
def test_what_cannot_be_meant_is_refused(settings: dict[str, Any]) -> None:
    """The UsageErrors of `draw_latents` come through `sample`."""
    with pytest.raises(UsageError):
        GAN(Echo()).sample(**settings)


def test_the_interfaces_are_abstract() -> None:
    """A generator or discriminator without a forward cannot be made."""
    for interface in (Generator, Discriminator):
        with pytest.raises(TypeError, match="abstract"):
            type("Half", (interface,), {})()


# --- modes, dtypes, gradients --------------------------------------------------------------------------------------


def test_a_model_in_training_is_sampled_in_eval_mode() -> None:
    """After `train()` a sample depends on its seed alone, batch norms and modes stay as they are, dropout is off."""
    model = convolutional()
    expected = model.sample(CHUNK + 3, seed=0)
    model.train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    assert torch.equal(model.sample(CHUNK + 3, seed=0), expected)
    assert torch.equal(model.sample(2, seed=0), expected[:2])
    assert all(module.training for module in model.modules())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_other_dtypes_give_float32(dtype: torch.dtype) -> None:
    """Half, bfloat16 and double weights give float32 in [0, 1], near those of float32, the same for every n."""
    expected = convolutional().sample(3, seed=0)
    model = convolutional().to(dtype)
    x = model.sample(3, seed=0)
    assert x.dtype == torch.float32
    assert 0 <= float(x.min()) < float(x.max()) <= 1
    assert float((x - expected).abs().max()) < 0.05
    assert torch.equal(model.sample(1, seed=0), x[:1])
    assert torch.equal(model.decode(model.latents(3, seed=0).double()), x)


def test_gradients_go_to_latents_that_ask_and_never_to_weights() -> None:
    """decode has the gradient of `forward` for z, of the folded network; without z asking, nothing is recorded."""
    model = convolutional()
    z = model.latents(3, seed=0).requires_grad_()
    (found,) = torch.autograd.grad(model.decode(z).square().sum(), [z])
    (expected,) = torch.autograd.grad(model(z).square().sum(), [z])
    assert torch.allclose(found, expected, atol=1e-5)
    assert float(expected.abs().max()) > 0
    model.decode(z).sum().backward()
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not model.decode(z.detach()).requires_grad
    with torch.no_grad():
        assert not model.decode(z).requires_grad


def test_forward_is_what_decode_gives_and_can_be_exported() -> None:
    """`forward` gives public values: exported, it is a graph that gives what `decode` gives."""
    model = convolutional().requires_grad_(False)
    z = model.latents(4, seed=0)
    assert torch.allclose(model(z), model.decode(z), atol=1e-5)
    assert torch.allclose(torch.export.export(model, (z,)).module()(z), model.decode(z), atol=1e-5)


def test_a_prior_that_is_not_there_is_refused() -> None:
    """A normal model has no uniform prior, and without a mixture none is drawn from; the own prior may be named."""
    model = convolutional()
    assert torch.equal(model.latents(2, seed=0, prior="normal"), model.latents(2, seed=0))
    with pytest.raises(UsageError, match=r"prior is 'uniform'; this model is sampled from 'normal'$"):
        model.sample(2, prior="uniform")
    with pytest.raises(NotFoundError, match=r"carry no mixture; use prior='normal'$"):
        model.sample(2, prior="mixture")


def test_a_model_is_abstract_and_a_family_of_one_s_own_gets_everything() -> None:
    """Without `forward` no model can be made; with it alone a model of whole numbers samples, batch by batch alike."""
    with pytest.raises(TypeError, match="abstract"):
        type("Half", (Model,), {})(None, latent_shape=(1,), data_shape=(1,))

    class Tokens(Model):
        def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
            return (z * 10).long()

    model = Tokens(Extras(modality="tune", classes=("a", "b")), latent_shape=(5,), data_shape=(5,))
    tokens = model.sample(3, seed=0)
    assert (tokens.dtype, tokens.shape) == (torch.int64, (3, 5))
    assert torch.equal(tokens, (model.latents(3, seed=0) * 10).long())
    assert (model.modality, model.classes, model.num_classes, model.prior) == ("tune", ("a", "b"), None, "normal")
