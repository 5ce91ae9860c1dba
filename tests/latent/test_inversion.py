"""zoo.latent.inversion: latents that decode to a picture, found for models that have no encoder."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo.errors import UsageError
from zoo.latent.concepts import ConceptVector
from zoo.latent.fitted_encoder import FittedEncoder, fit_encoder
from zoo.latent.inversion import invert, value_error
from zoo.nn.gan import GAN
from zoo.nn.interfaces import Generator
from zoo.nn.vae import VAE

Make = Callable[..., SimpleNamespace]


@pytest.fixture
def gan(make_folder: Make, tiny_config: dict[str, Any]) -> GAN:
    """A tiny DCGAN whose random weights give pictures that differ: no batch norm shrinks them."""
    model = make_folder(config=tiny_config | {"generator_norm": "none", "generator_widths": [16, 16]}).model
    assert isinstance(model, GAN)
    return model


class Blocks(Generator):
    """z (2,) in [-1, 1] is the brightness of the two halves of a picture (1, 4, 4)."""

    def __init__(self, classes: int | None = None) -> None:
        super().__init__()
        self.latent_shape, self.data_shape, self.num_classes, self.prior = (2,), (1, 4, 4), classes, "uniform"
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        flip = torch.zeros(len(z)) if labels is None else labels.float()
        sign = 1 - 2 * flip.view(-1, 1)  # class 1 is dark where class 0 is bright
        return (self.scale * z * sign).repeat_interleave(8, 1).view(-1, 1, 4, 4)


def test_a_fitted_encoder_knows_the_models_own_samples(gan: GAN) -> None:
    """Its round trip is far nearer than another sample, its z nearer than a guess; the measures hold for fresh z."""
    encoder = fit_encoder(gan, examples=6400)
    measures = encoder.measures
    assert measures["examples"] == 6400
    assert measures["latent_error"] < 0.7
    assert measures["round_trip"] < 0.5 * measures["round_trip_random"]
    z = gan.latents(256, seed=77)
    x = gan.decode(z)
    assert float((encoder.encode(x) - z).square().mean()) == pytest.approx(measures["latent_error"], rel=0.3)
    assert float(value_error(gan.decode(encoder.encode(x)), x).mean()) < measures["round_trip_random"] / 2


def test_a_fit_follows_from_its_seed_and_touches_nothing_else(gan: GAN) -> None:
    """The same seed gives the same encoder, the global random state is as it was, and so are weights and gradients."""
    before = {key: value.clone() for key, value in gan.generator.state_dict().items()}
    state = torch.get_rng_state()
    seen: list[tuple[int, int]] = []
    first = fit_encoder(gan, examples=128, seed=5, image_weight=1.0, progress=lambda *at: seen.append(at))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[key]) for key, value in gan.generator.state_dict().items())
    assert all(parameter.grad is None for parameter in gan.generator.parameters())
    assert seen == [(64, 128), (128, 128)]
    x = gan.sample(40, seed=1)
    assert torch.equal(fit_encoder(gan, examples=128, seed=5, image_weight=1.0).encode(x), first.encode(x))
    assert not torch.equal(fit_encoder(gan, examples=128, seed=6, image_weight=1.0).encode(x), first.encode(x))
    assert torch.equal(first.encode(x)[:3], first.encode(x[:3]))


def test_inversion_finds_what_decodes_to_the_picture(gan: GAN) -> None:
    """Its own samples come back far nearer than the nearest of eight draws, and more steps come no farther."""
    x = gan.sample(3, seed=11)
    draws = gan.sample(8, seed=0)
    nearest = torch.stack([value_error(draws, one.expand_as(draws)).min() for one in x])
    told: list[tuple[int, int]] = []
    found = invert(gan, x, steps=150, draws=8, seed=0, progress=lambda *how: told.append(how))
    assert told == [(step + 1, 150) for step in range(150)]
    assert found.z.shape == (3, 3)
    assert bool((found.error < 0.3 * nearest).all())
    assert torch.allclose(found.error, value_error(gan.decode(found.z), x), atol=1e-6)
    alone = invert(gan, x[1:2], steps=150, draws=8, seed=0)
    assert torch.allclose(alone.z, found.z[1:2], atol=1e-3)


def test_inversion_improves_a_start(gan: GAN) -> None:
    """From an encoder's guess the error falls; the guess itself is left as it was."""
    x = gan.sample(4, seed=11)
    start = fit_encoder(gan, examples=3200).encode(x)
    kept = start.clone()
    before = value_error(gan.decode(start), x)
    found = invert(gan, x, start=start, steps=100, prior_weight=0.0)
    assert torch.equal(start, kept)
    assert bool((found.error <= before + 1e-6).all())
    assert float(found.error.mean()) < 0.3 * float(before.mean())


def test_a_vae_is_inverted_through_its_decoder(identity: VAE) -> None:
    """Where z is the picture, z comes back; what `forward` gives is what `decode` gives."""
    x = torch.tensor([[0.2, 0.4, 0.6, 0.8]]).view(1, 1, 1, 4)
    found = invert(identity, x, start=torch.full((1, 4), 0.5), steps=200, prior_weight=0.0)
    assert torch.allclose(found.z, x.flatten(1), atol=0.01)
    z = torch.rand(5, 4)
    assert torch.equal(identity(z), identity.decode(z))


def test_a_uniform_prior_is_kept_and_classes_are_minded() -> None:
    """z stays in [-1, 1] however bright the picture; the class decides which z it is, and must be said."""
    bright = torch.ones(1, 1, 4, 4)
    assert torch.allclose(invert(GAN(Blocks()), bright, steps=80).z, torch.ones(1, 2), atol=1e-3)
    model = GAN(Blocks(classes=2))
    for label, sign in ((0, 1.0), (1, -1.0)):
        found = invert(model, bright * 0.75, labels=torch.tensor([label]), steps=80)
        assert torch.allclose(found.z, torch.full((1, 2), 0.5 * sign), atol=0.02)
    with pytest.raises(UsageError, match="this model has classes"):
        invert(model, bright)
    assert fit_encoder(model, examples=64).encode(bright).shape == (1, 2)


def test_a_concept_of_a_gan_is_fitted_through_its_encoder() -> None:
    """Pictures bright above against pictures bright below give the direction that does that to G(z)."""
    model = GAN(Blocks())
    z = model.latents(400, seed=3)
    above = z[:, 0] > z[:, 1]
    x = model.decode(z)
    encoder = fit_encoder(model, examples=6400)
    concept = ConceptVector.fit(model, x[above], x[~above], encoder=encoder.encode)
    cosine = torch.nn.functional.cosine_similarity(concept.direction, torch.tensor([1.0, -1.0]), dim=0)
    assert float(cosine) > 0.97
    by_descent = ConceptVector.fit(model, x[:4], x[-4:], encoder=lambda rows: invert(model, rows, steps=20).z)
    assert by_descent.direction.shape == (2,)
    with pytest.raises(UsageError, match="fit_encoder"):
        ConceptVector.fit(model, x[above], x[~above])


PICTURE = torch.full((1, 1, 4, 4), 0.5)
BAD: list[tuple[dict[str, Any], str]] = [
    ({"steps": 0}, "steps is 0"),
    ({"steps": 10_001}, "from 1 to 10,000"),
    ({"steps": 2.5}, r"steps is 2\.5"),
    ({"draws": 0}, "draws is 0"),
    ({"prior_weight": math.nan}, "prior_weight is nan"),
    ({"prior_weight": -1}, "prior_weight is -1"),
    ({"x": PICTURE * math.nan}, r"not in \[0, 1\]"),
    ({"x": PICTURE * 255}, r"not in \[0, 1\]; scale them"),
    ({"x": PICTURE[..., :2]}, "floats"),
    ({"x": PICTURE[:0]}, "floats"),
    ({"x": (PICTURE * 255).byte()}, "floats"),
    ({"start": torch.zeros(1, 3)}, "start is"),
    ({"start": torch.full((1, 2), math.nan)}, "finite"),
    ({"labels": torch.tensor([0])}, "no classes"),
    ({"seed": -1}, "seed is -1"),
]


@pytest.mark.parametrize(("change", "says"), BAD, ids=range(len(BAD)))
def test_an_inversion_that_cannot_be_meant_is_refused(change: dict[str, Any], says: str) -> None:
    """Pictures out of range or shape, and numbers out of bounds, are errors that say which."""
    with pytest.raises(UsageError, match=says):
        invert(**{"model": GAN(Blocks()), "x": PICTURE} | change)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"examples": 63}, "examples is 63; it must be a whole number from 64"),
        ({"image_weight": math.nan}, "image_weight is nan"),
        ({"seed": 1.5}, "seed is"),
    ],
)
def test_an_encoder_that_cannot_be_fitted_is_refused(change: dict[str, Any], says: str, identity: VAE) -> None:
    """Too few examples, a weight that is no number, and data that are no pictures are errors; so is encoding others."""
    with pytest.raises(UsageError, match=says):
        fit_encoder(GAN(Blocks()), **change)
    with pytest.raises(UsageError, match="fitted to pictures"):
        fit_encoder(identity)
    with pytest.raises(UsageError, match="floats"):
        FittedEncoder(network=nn.Linear(1, 1), latent_shape=(2,), data_shape=(1, 4, 4)).encode(PICTURE[..., :2])
