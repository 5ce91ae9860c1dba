"""zoo.nn.bounds against a linear-Gaussian model, whose bounds, gradients and likelihood are known."""

from __future__ import annotations

import math

import pytest
import torch
from linear_gaussian import LATENT, LinearGaussian, exact_noise

from zoo.nn.bounds import active_units, bits_per_dim, elbo, importance_weighted_bound, variational_terms


def bound_of(model: LinearGaussian, samples: int, seed: int = 0) -> torch.Tensor:
    noise = torch.randn(
        samples, len(model.x), LATENT, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    with torch.no_grad():
        terms = variational_terms(model.encoder, model.decoder, model.likelihood, model.x, noise)
        return importance_weighted_bound(terms)


def test_the_elbo_and_its_gradients_are_the_closed_forms() -> None:
    """Over noise whose first two moments are exact the ELBO and all its gradients equal the closed form's."""
    model = LinearGaussian()
    terms = variational_terms(model.encoder, model.decoder, model.likelihood, model.x, exact_noise(len(model.x)))
    found, expected = elbo(terms), model.elbo()
    torch.testing.assert_close(found, expected)
    gradients = torch.autograd.grad(found.mean(), model.parameters())
    known = torch.autograd.grad(expected.mean(), model.parameters())
    for mine, theirs in zip(gradients, known, strict=True):
        torch.testing.assert_close(mine, theirs)
        assert bool(theirs.any())


def test_with_the_true_posterior_every_bound_is_the_likelihood() -> None:
    """Where q is the true posterior the ELBO's closed form, and the bound of any K and any noise, are log p(x)."""
    model = LinearGaussian(exact=True)
    expected = model.log_likelihood()
    torch.testing.assert_close(model.elbo().detach(), expected)
    for samples in (1, 3, 10):
        torch.testing.assert_close(bound_of(model, samples, seed=samples), expected)


def test_the_importance_weighted_bound_tightens_with_its_samples() -> None:
    """With a wrong posterior its mean rises from the ELBO's towards log p(x), and reaches it."""
    model = LinearGaussian(exact=True)
    with torch.no_grad():
        model.encoder.offset.add_(0.3)
        model.encoder.log_var.add_(1.0)
    exact = float(model.log_likelihood().mean())
    means = [
        float(torch.stack([bound_of(model, k, seed) for seed in range(runs)]).mean())
        for k, runs in ((1, 2000), (5, 800), (25, 400), (20_000, 3))
    ]
    assert means == sorted(means)
    assert abs(means[0] - float(model.elbo().detach().mean())) < 0.05
    assert means[0] < exact - 0.5
    assert abs(means[-1] - exact) < 0.01


def test_active_units_and_bits_are_counted_as_defined() -> None:
    """A unit is active when its means vary by more than 0.01; 784 nats over 784 dimensions are 1 / log 2 bits each."""
    means = torch.randn(500, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 0.05, 0.2, 0.0])
    assert float(active_units(means)) == 2
    bernoulli = torch.nn.Module()
    bernoulli.bits_offset, bernoulli.dimensions = 0.0, None  # type: ignore[assignment]
    assert float(bits_per_dim(torch.tensor(784.0), 784, bernoulli)) == pytest.approx(1 / math.log(2))  # type: ignore[arg-type]
