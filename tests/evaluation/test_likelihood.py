"""zoo.evaluation.likelihood: the estimate against a linear-Gaussian model whose likelihood is known."""

from __future__ import annotations

import math

import pytest
import torch
from linear_gaussian import DATA, LinearGaussian
from own_modalities import Waves

from zoo.errors import UsageError
from zoo.evaluation.likelihood import importance_weighted_nll
from zoo.nn.vae import VAE

PIXELS = torch.randint(0, 256, (40, DATA), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def _of_any_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    """The data of these models are of one dimension."""
    monkeypatch.setattr("zoo.evaluation.likelihood.modality_of", lambda model: Waves())


def known(*, spoiled: bool) -> tuple[VAE, float]:
    """A model with the true posterior, or one that is wider and beside it; and the exact mean of -log p."""
    model = LinearGaussian(exact=True)
    model.x = PIXELS.double() / 255
    nll = -float(model.log_likelihood().mean())
    if spoiled:
        with torch.no_grad():
            model.encoder.offset.add_(0.2)
            model.encoder.log_var.add_(1.0)
    return VAE(model.encoder.float(), model.decoder.float(), model.likelihood.float()).eval(), nll


def test_with_the_true_posterior_it_is_exact() -> None:
    """One latent is enough: the weights do not vary."""
    model, nll = known(spoiled=False)
    report = importance_weighted_nll(model, PIXELS, samples=2)
    assert report.nll == pytest.approx(nll, abs=1e-3)
    assert report.negative_elbo == pytest.approx(nll, abs=1e-3)
    assert report.monte_carlo_error < 1e-3
    assert report.bits_per_dim == pytest.approx(nll / DATA / math.log(2) + 8, abs=1e-3)


def test_with_another_posterior_it_tightens_to_the_likelihood() -> None:
    """The estimate falls with the latents to the exact value, within its Monte Carlo error; the ELBO stays above."""
    model, nll = known(spoiled=True)
    few, many = (importance_weighted_nll(model, PIXELS, samples=k, seed=1) for k in (5, 3000))
    assert few.negative_elbo > few.nll > many.nll
    assert abs(many.nll - nll) < 3 * many.monte_carlo_error + 1e-3
    assert many.monte_carlo_error < few.monte_carlo_error
    spread = importance_weighted_nll(model, PIXELS[:10], samples=50)
    assert spread.standard_error > few.standard_error


def test_the_elbo_of_a_model_is_above_its_importance_weighted_bound() -> None:
    """`model.elbo` gives nats an example, (N,), whose mean is that of the report's ELBO."""
    model, _ = known(spoiled=True)
    values = model.elbo(PIXELS / 255, samples=500, seed=0)
    assert values.shape == (40,)
    report = importance_weighted_nll(model, PIXELS, samples=500)
    assert -float(values.mean()) == pytest.approx(report.negative_elbo, rel=0.02)


def test_binarising_draws_once_from_the_seed() -> None:
    """Binarised data are the same for the same seed, and the report says that they were drawn."""
    model, _ = known(spoiled=False)
    first, again, other = (importance_weighted_nll(model, PIXELS, samples=2, seed=s, binarise=True) for s in (1, 1, 2))
    assert first == again
    assert first.nll != other.nll
    assert first.binarised


def test_what_cannot_be_meant_is_refused() -> None:
    """Floats, another shape, no latents, and a model without an encoder are a UsageError."""
    model, _ = known(spoiled=False)
    for data in (PIXELS / 255, PIXELS[:, :3], PIXELS[:1]):
        with pytest.raises(UsageError, match="data are"):
            importance_weighted_nll(model, data)
    with pytest.raises(UsageError, match="samples is 0"):
        importance_weighted_nll(model, PIXELS, samples=0)
    with pytest.raises(UsageError, match="a VAE"):
        importance_weighted_nll(torch.nn.Linear(1, 1), PIXELS)  # type: ignore[arg-type]
