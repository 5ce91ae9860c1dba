"""zoo.training.trainers.vae: what is minimised, what is logged, and runs that end in a weights folder."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.recipes.recipe import Recipe
from zoo.catalogue.weights.folder import Folder
from zoo.configs import decode
from zoo.errors import ConfigError, NotFoundError, UsageError
from zoo.nn.bounds import Terms, elbo, importance_weighted_bound, variational_terms
from zoo.nn.build import decode_config, initialise_parts
from zoo.nn.distributions import DiagonalGaussian
from zoo.nn.golden import verify
from zoo.nn.pretrained import load
from zoo.nn.vae import VAE
from zoo.training.export import export
from zoo.training.run import Run
from zoo.training.trainers.vae import (
    AutoencoderSettings,
    AutoencoderTrainer,
    VAESettings,
    VAETrainer,
    kl_weight,
    objective,
)

CONFIG: dict[str, Any] = {
    "image_size": 8,
    "channels": 3,
    "latent_size": 3,
    "encoder_widths": [4, 4],
    "encoder_strides": [2, 2],
    "hidden": 8,
    "decoder_stem": 4,
    "decoder_widths": [4, 4],
}
X = torch.randint(0, 256, (6, 3, 8, 8), generator=torch.Generator().manual_seed(3)) / 255


def parts_of(registry: Registry, **config: Any) -> dict[str, Any]:
    spec = registry.architecture("conv-vae")
    return initialise_parts(spec, decode_config(spec, CONFIG | config, "test"), seed=0)


def vae_trainer(registry: Registry, *, config: dict[str, Any] | None = None, **settings: Any) -> VAETrainer:
    parts = parts_of(registry, **(config or {}))
    return VAETrainer(parts, decode(VAESettings, settings, "settings"), torch.Generator().manual_seed(1))


def some_terms() -> Terms:
    generator = torch.Generator().manual_seed(0)
    q = DiagonalGaussian(torch.randn(6, 3, generator=generator), torch.randn(6, 3, generator=generator))
    noise = torch.randn(4, 6, 3, generator=generator)
    return Terms(q, q.transform(noise), -50 * torch.rand(4, 6, generator=generator))


def loss_of(*, examples: int = 0, **settings: Any) -> float:
    chosen = VAESettings(**settings)
    return float(objective(some_terms(), chosen, dimensions=10, weight=kl_weight(chosen, examples)))


def test_the_objectives_are_the_bounds() -> None:
    """Without other settings the loss is minus the ELBO, or minus the importance-weighted bound, in nats an example."""
    terms = some_terms()
    assert loss_of() == pytest.approx(-float(elbo(terms).mean()))
    assert loss_of(objective="iwae") == pytest.approx(-float(importance_weighted_bound(terms).mean()))


def test_the_kls_weight_is_beta_and_warms_up() -> None:
    """The loss is reconstruction + w KL, with w = beta, or beta times the share of the warm-up that is done."""
    terms = some_terms()
    reconstruction, kl = -float(terms.log_likelihood.mean()), float(terms.posterior.kl().mean())
    assert loss_of(beta=4.0) == pytest.approx(reconstruction + 4 * kl)
    for examples, weight in ((0, 0.0), (250, 0.25), (1000, 1.0), (5000, 1.0)):
        assert loss_of(kl_warmup=1000, examples=examples) == pytest.approx(reconstruction + weight * kl)
        assert loss_of(kl_warmup=1000, beta=2.0, examples=examples) == pytest.approx(reconstruction + 2 * weight * kl)


def test_free_bits_hold_each_units_kl_up() -> None:
    """A unit whose batch-mean KL is below the free bits counts as these; others count as they are."""
    terms = some_terms()
    per_unit = terms.posterior.kl_per_unit().mean(0)
    free = float(per_unit.sort().values[1])  # below it one unit, above it one
    reconstruction = -float(terms.log_likelihood.mean())
    assert loss_of(free_bits=free) == pytest.approx(reconstruction + float(per_unit.clamp(min=free).sum()))
    assert loss_of(free_bits=free) > loss_of()


def test_the_books_scaling_is_its_formula() -> None:
    """mean over pixels of the reconstruction - 5e-4 mean(1 + log_var - mean^2 - exp(log_var)) over the units."""
    terms = some_terms()
    q = terms.posterior
    book = -terms.log_likelihood.mean() / 10 - 5e-4 * (1 + q.log_var - q.mean.square() - q.log_var.exp()).mean()
    assert loss_of(scaling="book") == pytest.approx(float(book))


@pytest.mark.parametrize("bad", [{"beta": 2.0}, {"kl_warmup": 5}, {"free_bits": 0.1}, {"scaling": "book"}])
def test_the_importance_weighted_objective_takes_no_kl_settings(bad: dict[str, Any]) -> None:
    """They would say something it does not do: a ConfigError names them."""
    with pytest.raises(ConfigError, match="no KL apart"):
        decode(VAESettings, {"objective": "iwae", **bad}, "settings")


@pytest.mark.parametrize("settings", [{"samples": 3}, {"objective": "iwae", "samples": 5}])
def test_a_step_follows_the_gradient_of_the_objective(registry: Registry, settings: dict[str, Any]) -> None:
    """After a step each parameter's gradient is that of the objective for the very noise the trainer drew."""
    trainer, twin = vae_trainer(registry, **settings), vae_trainer(registry, **settings)
    metrics = trainer.step(X, None)
    noise = torch.randn(6, twin.settings.samples, 3, generator=twin.random).transpose(0, 1)
    terms = variational_terms(twin.encoder, twin.decoder, twin.likelihood, X, noise)
    loss = objective(terms, twin.settings, dimensions=192, weight=kl_weight(twin.settings, 0))
    gradients = torch.autograd.grad(loss, twin.weights)
    assert float(metrics["loss"]) == pytest.approx(float(loss.detach()), rel=1e-5)
    for mine, theirs in zip(trainer.weights, gradients, strict=True):
        assert mine.grad is not None
        torch.testing.assert_close(mine.grad, theirs, rtol=1e-3, atol=1e-4)


def test_the_figures_add_up(registry: Registry) -> None:
    """elbo = -(reconstruction + kl), and the bits are the nats over 192 log 2."""
    figures = {key: float(value) for key, value in vae_trainer(registry).step(X, None).items()}
    assert figures["elbo"] == pytest.approx(-figures["reconstruction"] - figures["kl"], rel=1e-5)
    assert figures["loss"] == pytest.approx(-figures["elbo"], rel=1e-5)
    assert figures["reconstruction_bits_per_dim"] == pytest.approx(figures["reconstruction"] / 192 / math.log(2))
    assert 0 <= figures["active_units"] <= 3


def test_binarised_pixels_are_zeros_and_ones_drawn_anew(registry: Registry) -> None:
    """With `binarise` the data are 0 or 1 with the grey level as probability, and differ from one step to the next."""
    trainer = vae_trainer(registry, binarise=True)
    grey = torch.full((50, 3, 8, 8), 64 / 255)
    first, second = trainer._varied(grey), trainer._varied(grey)
    assert set(first.unique().tolist()) == {0.0, 1.0}
    assert float(first.mean()) == pytest.approx(64 / 255, abs=0.02)
    assert not torch.equal(first, second)
    assert trainer._varied(torch.ones_like(grey)).min() == 1


def test_bfloat16_steps_near_float32_and_keeps_its_weights(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `precision` bfloat16 the products are rounded: the loss is near, not the same; weights stay float32."""
    monkeypatch.setattr("zoo.training.trainer.computes_bfloat16", lambda device: True)
    exact, rounded = vae_trainer(registry), vae_trainer(registry, precision="bfloat16")
    losses = [float(trainer.step(X, None)["loss"]) for trainer in (exact, rounded)]
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.01)
    assert {parameter.dtype for parameter in rounded.weights} == {torch.float32}
    assert all(bool(parameter.grad.any()) for parameter in rounded.weights if parameter.grad is not None)


def test_an_autoencoder_pays_for_its_codes(registry: Registry) -> None:
    """The loss is the reconstruction plus sparsity times the codes' L1 norm, with a posterior that is a point."""
    parts = parts_of(registry, posterior="point")
    settings = decode(AutoencoderSettings, {"sparsity": 2.0}, "settings")
    figures = AutoencoderTrainer(parts, settings, torch.Generator()).step(X, None)
    expected = float(figures["reconstruction"]) + 2 * float(figures["code_l1"])
    assert float(figures["loss"]) == pytest.approx(expected)
    q = parts["encoder"](X)
    assert float(q.log_var.max()) < -10
    assert not any("log_var" in name for name, _ in parts["encoder"].named_parameters())


def test_a_gan_is_no_autoencoder(registry: Registry) -> None:
    """Parts of another family are a ConfigError that says what is needed."""
    with pytest.raises(ConfigError, match="needs an encoder, a decoder and a likelihood"):
        VAETrainer({}, VAESettings(), torch.Generator())


RECIPE: dict[str, Any] = {
    "architecture": "conv-vae",
    "trainer": "vae",
    "config": CONFIG,
    "settings": {"kl_warmup": 16, "binarise": True, "flips": True},
}


def test_a_run_is_exported_loaded_and_verified(
    tiny_recipe: Callable[..., Recipe], tiny_train: Callable[..., Run], registry: Registry, tmp_path: Path
) -> None:
    """A trained VAE becomes a weights folder whose model samples, encodes and passes verification."""
    tiny_train(tiny_recipe(**RECIPE), tmp_path / "run")
    digests = export(tmp_path / "run", tmp_path / "out", registry)
    assert set(digests) == {"config.json", "model.safetensors", "golden.safetensors"}
    model = load(tmp_path / "out", registry=registry)
    assert isinstance(model, VAE)
    x = model.sample(3, seed=0)
    assert model.encode(x).mean.shape == (3, 3)
    assert model.reconstruct(x).shape == x.shape == (3, 3, 8, 8)
    report = verify(Folder(name="out", path=tmp_path / "out"), registry)
    assert report["parameters"] == sum(p.numel() for p in model.parameters())
    with pytest.raises(UsageError, match="no discriminator"):
        load(tmp_path / "out", discriminator=True, registry=registry)
    with pytest.raises(NotFoundError, match="no mixture"):
        model.sample(2, prior="mixture")


@pytest.mark.parametrize("trainer", ["vae", "autoencoder"])
def test_a_cut_run_goes_on_bit_for_bit(
    trainer: str,
    tiny_recipe: Callable[..., Recipe],
    tiny_train: Callable[..., Run],
    contents: Callable[[Path], dict[str, str]],
    tmp_path: Path,
) -> None:
    """A run that is stopped and resumed ends in the same bytes as one that was not, warm-up of the KL included."""
    settings = RECIPE["settings"] if trainer == "vae" else {"sparsity": 0.1}
    recipe = tiny_recipe(**RECIPE | {"trainer": trainer, "settings": settings})
    tiny_train(recipe, tmp_path / "whole")
    asked = iter([False, False, True])
    tiny_train(recipe, tmp_path / "cut", stop=lambda: next(asked))
    tiny_train(recipe, tmp_path / "cut", resume=True)
    newest = "checkpoints/000000000032/state.safetensors"
    assert contents(tmp_path / "cut")[newest] == contents(tmp_path / "whole")[newest]
