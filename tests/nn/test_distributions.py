"""zoo.nn.distributions: the posterior, the likelihoods and the mixture against torch's and against sums."""

from __future__ import annotations

import math

import pytest
import torch

from zoo.nn.distributions import Bernoulli, DiagonalGaussian, DiscretizedLogistic, Gaussian, GaussianMixture


def posterior(n: int = 3, d: int = 4) -> DiagonalGaussian:
    generator = torch.Generator().manual_seed(0)
    return DiagonalGaussian(torch.randn(n, d, generator=generator), torch.randn(n, d, generator=generator))


def test_the_posterior_is_torchs_normal() -> None:
    """log_prob and kl equal those of torch.distributions, summed over the latent dimensions, for one z or for many."""
    q = posterior()
    normal = torch.distributions.Normal(q.mean, (0.5 * q.log_var).exp())
    z = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(q.log_prob(z), normal.log_prob(z).sum(-1))
    torch.testing.assert_close(q.log_prob(z[0]), normal.log_prob(z[0]).sum(-1))
    prior = torch.distributions.Normal(0.0, 1.0)
    torch.testing.assert_close(q.kl(), torch.distributions.kl_divergence(normal, prior).sum(-1))


def test_a_sample_has_the_posteriors_moments_and_gradients() -> None:
    """z is mean + exp(log_var / 2) noise: 20,000 draws have that mean and variance, and both get gradients."""
    q = DiagonalGaussian(torch.full((20_000, 1), 2.0), torch.full((20_000, 1), math.log(9.0)))
    z = q.sample(torch.Generator().manual_seed(0))
    assert float(z.mean()) == pytest.approx(2.0, abs=0.1)
    assert float(z.std()) == pytest.approx(3.0, rel=0.03)
    mean, log_var = torch.zeros(1, 1, requires_grad=True), torch.zeros(1, 1, requires_grad=True)
    noise = torch.tensor([[0.7]])
    DiagonalGaussian(mean, log_var).transform(noise).sum().backward()
    assert mean.grad is not None
    assert log_var.grad is not None
    assert (float(mean.grad), float(log_var.grad)) == (1.0, pytest.approx(0.35))


def test_bernoulli_is_the_cross_entropy() -> None:
    """For logits and 0 or 1 it is torch's Bernoulli, also for logits of 100; its mean is the sigmoid."""
    logits = torch.tensor([[-100.0, -1.0, 0.0, 2.0, 100.0]])
    for x in (torch.zeros(1, 5), torch.ones(1, 5)):
        expected = torch.distributions.Bernoulli(logits=logits).log_prob(x).sum(-1)
        torch.testing.assert_close(Bernoulli().log_prob(logits, x), expected)
    torch.testing.assert_close(Bernoulli().mean(logits), logits.sigmoid())


def test_a_gaussian_is_torchs_normal_with_one_sd_a_channel() -> None:
    """log_prob is the density at each value; the sd is one for each channel and learns only where it is said to."""
    likelihood = Gaussian((2, 1, 1), sd=0.2, learned=True)
    with torch.no_grad():
        likelihood.log_sd[1] = math.log(0.5)
    location, x = torch.rand(3, 2, 4, 4), torch.rand(3, 2, 4, 4)
    normal = torch.distributions.Normal(location, torch.tensor([0.2, 0.5]).view(2, 1, 1))
    torch.testing.assert_close(likelihood.log_prob(location, x), normal.log_prob(x).sum((1, 2, 3)))
    assert [name for name, _ in likelihood.named_parameters()] == ["log_sd"]
    fixed = Gaussian(sd=0.2)
    assert list(fixed.parameters()) == []
    assert set(fixed.state_dict()) == {"log_sd"}


def test_the_levels_of_a_discretized_logistic_sum_to_one() -> None:
    """The probabilities of the 256 levels sum to 1, for narrow and wide scales and locations inside and outside."""
    levels = (torch.arange(256) / 255).view(256, 1)
    for scale in (1e-4, 0.003, 0.05, 1.0):
        likelihood = DiscretizedLogistic(scale=scale, learned=False).double()
        for location in (-0.2, 0.0, 0.37, 1.0, 1.5):
            logs = likelihood.log_prob(torch.full((256, 1), location, dtype=torch.float64), levels.double())
            assert float(logs.exp().sum()) == pytest.approx(1.0, abs=1e-6)


def test_a_discretized_logistic_far_from_its_location_is_finite_with_gradients() -> None:
    """A level 1,000 scales away has a finite log probability, about the distance in scales, and finite gradients."""
    likelihood = DiscretizedLogistic(scale=1e-3)
    location = torch.zeros(1, 1, requires_grad=True)
    value = likelihood.log_prob(location, torch.full((1, 1), 0.9))
    value.sum().backward()
    assert float(value.detach()) == pytest.approx(-900, rel=0.01)
    assert location.grad is not None
    assert bool(location.grad.isfinite().all())
    assert float(location.grad) > 0


def test_several_latents_an_example_broadcast() -> None:
    """Parameters (K, N, …) against x (N, …) give (K, N)."""
    x = torch.rand(3, 2, 4, 4).round()
    parameters = torch.randn(5, 3, 2, 4, 4)
    for likelihood in (Bernoulli(), Gaussian((2, 1, 1)), DiscretizedLogistic((2, 1, 1))):
        found = likelihood.log_prob(parameters, x)
        assert found.shape == (5, 3)
        torch.testing.assert_close(found[2], likelihood.log_prob(parameters[2], x))


def test_the_mixture_is_torchs() -> None:
    """log_prob equals that of torch's mixture; transformed noise has its mean and covariance."""
    generator = torch.Generator().manual_seed(0)
    factors = torch.randn(3, 2, 2, generator=generator).tril()
    factors.diagonal(dim1=1, dim2=2).abs_().add_(0.5)
    weights = torch.tensor([0.2, 0.5, 0.3])
    mixture = GaussianMixture(weights, torch.randn(3, 2, generator=generator) * 3, factors)
    reference = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(weights),
        torch.distributions.MultivariateNormal(mixture.means, scale_tril=factors),
    )
    z = torch.randn(7, 2, generator=generator)
    torch.testing.assert_close(mixture.log_prob(z), reference.log_prob(z))
    drawn = mixture.transform(torch.rand(40_000, generator=generator), torch.randn(40_000, 2, generator=generator))
    torch.testing.assert_close(drawn.mean(0), reference.mean, atol=0.05, rtol=0.02)
    torch.testing.assert_close(drawn.var(0), reference.variance, atol=0.1, rtol=0.03)
