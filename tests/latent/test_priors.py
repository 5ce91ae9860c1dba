"""zoo.latent.priors: a mixture fitted to codes, stored with the weights, and sampled from."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from zoo.errors import DataError, NotFoundError, UsageError, WeightsError
from zoo.latent.priors import fit_mixture, held_out, save_mixture
from zoo.nn.distributions import DiagonalGaussian, GaussianMixture
from zoo.nn.pretrained import load
from zoo.nn.sampling import draw_from_mixture
from zoo.nn.serialization import save
from zoo.nn.vae import VAE


def codes(n: int = 400, size: int = 3) -> DiagonalGaussian:
    """Two clusters, at -3 and at 3 of the first axis."""
    generator = torch.Generator().manual_seed(7)  # the fit draws with seed 0
    mean = torch.randn(n, size, generator=generator) * 0.3
    mean[:, 0] += torch.where(torch.arange(n) % 4 == 0, -3.0, 3.0)
    return DiagonalGaussian(mean, torch.full_like(mean, math.log(0.01)))


def test_it_finds_the_clusters() -> None:
    """Weights, means and covariances are those the codes have, the posteriors' own variance included."""
    pytest.importorskip("sklearn")
    mixture = fit_mixture(codes(), components=2)
    order = mixture.means[:, 0].argsort()
    torch.testing.assert_close(mixture.weights[order], torch.tensor([0.25, 0.75]), atol=0.01, rtol=0)
    torch.testing.assert_close(mixture.means[order, 0], torch.tensor([-3.0, 3.0]), atol=0.1, rtol=0)
    covariances = mixture.factors @ mixture.factors.mT
    torch.testing.assert_close(covariances.diagonal(dim1=1, dim2=2), torch.full((2, 3), 0.1), atol=0.04, rtol=0)


def test_a_folder_with_a_mixture_samples_from_it(vae_folder: Callable[..., SimpleNamespace]) -> None:
    """prior="mixture" draws where the mixture is, the same for a seed whatever n; the normal prior is as it was."""
    pytest.importorskip("sklearn")
    tiny = vae_folder()
    save_mixture(tiny.path, fit_mixture(codes(), components=2))
    model = load(tiny.path)
    assert isinstance(model, VAE)
    z = model.latents(200, seed=4, prior="mixture")
    assert float((z[:, 0].abs() - 3).abs().max()) < 1.5
    assert 0.1 < float((z[:, 0] < 0).float().mean()) < 0.4
    assert torch.equal(model.latents(7, seed=4, prior="mixture"), z[:7])
    assert torch.equal(model.sample(3, seed=4, prior="mixture"), model.decode(z[:3]))
    assert torch.equal(model.sample(3, seed=4), tiny.model.sample(3, seed=4))
    with pytest.raises(UsageError, match="'normal' or 'mixture'"):
        model.sample(2, prior="uniform")


def test_a_mixture_of_another_model_is_refused(vae_folder: Callable[..., SimpleNamespace]) -> None:
    """Copied beside other weights of the same shapes it is a WeightsError that shows both hashes."""
    mixture = GaussianMixture(**{key: GOOD[key] for key in ("weights", "means", "factors")})
    one, other = vae_folder("one"), vae_folder("other", seed=1)
    save_mixture(one.path, mixture)
    load(one.path)
    shutil.copy(one.path / "prior.safetensors", other.path)
    with pytest.raises(WeightsError, match=r"fitted to a model of sha256 [0-9a-f]{12}, not [0-9a-f]{12}"):
        load(other.path)


GOOD = {"weights": torch.ones(2), "means": torch.zeros(2, 3), "factors": torch.eye(3).repeat(2, 1, 1)}
BAD = [
    {"weights": torch.ones(3)},
    {"weights": -torch.ones(2)},
    {"weights": torch.zeros(2)},
    {"weights": torch.ones(2, dtype=torch.int64)},
    {"weights": torch.tensor(1.0)},
    {"means": torch.zeros(2, 4)},
    {"means": torch.full((2, 3), math.nan)},
    {"factors": -GOOD["factors"]},
    {"factors": torch.zeros(2, 3, 3)},
    {"more": torch.zeros(1)},
]


@pytest.mark.parametrize("change", BAD, ids=range(len(BAD)))
def test_a_damaged_mixture_is_refused(
    change: dict[str, torch.Tensor], vae_folder: Callable[..., SimpleNamespace]
) -> None:
    """Shapes that do not fit, weights of no distribution and NaN are a WeightsError naming the file."""
    tiny = vae_folder()
    save(tiny.path / "prior.safetensors", GOOD | change)
    with pytest.raises(WeightsError, match="prior"):
        load(tiny.path)


def test_what_cannot_be_fitted_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few codes, codes that are not finite, no component, and no scikit-learn are errors that say so."""
    pytest.importorskip("sklearn")
    with pytest.raises(DataError, match="too few"):
        fit_mixture(codes(3), components=2)
    with pytest.raises(DataError, match="NaN"):
        fit_mixture(DiagonalGaussian(torch.full((50, 2), math.nan), torch.zeros(50, 2)), components=2)
    with pytest.raises(UsageError, match="components"):
        fit_mixture(codes(), components=0)
    monkeypatch.setitem(sys.modules, "sklearn.mixture", None)
    with pytest.raises(NotFoundError, match=r"genzoo\[latent\]"):
        fit_mixture(codes())


def test_transforming_noise_of_zero_gives_the_means() -> None:
    """The uniform number chooses the component by its weight."""
    mixture = GaussianMixture(torch.tensor([0.25, 0.75]), torch.tensor([[1.0], [2.0]]), torch.ones(2, 1, 1))
    found = mixture.transform(torch.tensor([0.0, 0.24, 0.26, 0.999]), torch.zeros(4, 1))
    assert found.flatten().tolist() == [1, 1, 2, 2]


def test_held_out_codes_are_likelier_under_the_mixture_that_made_them() -> None:
    """The densities are those of torch's own distributions, and codes from the clusters prefer the mixture."""
    pytest.importorskip("sklearn")
    seen, unseen = codes(), codes(1200)
    found = held_out(fit_mixture(seen, components=2), unseen, seed=3)
    assert found.codes == 1200
    assert found.mixture > found.normal + 2
    z = unseen.sample(torch.Generator().manual_seed(3))
    assert found.normal == pytest.approx(float(torch.distributions.Normal(0, 1).log_prob(z).sum(1).mean()), rel=1e-5)
    one = GaussianMixture(torch.ones(1), torch.zeros(1, 3), torch.eye(3)[None])
    assert held_out(one, unseen, seed=3).mixture == pytest.approx(found.normal, rel=1e-5)
    with pytest.raises(UsageError, match="do not fit a mixture"):
        held_out(one, codes(10, size=2))


def test_each_class_has_a_prior_of_its_own() -> None:
    """Fitted with labels, samples of a class come from its own components, whatever the others are; without labels from
    all; sample i of a seed depends neither on n nor on the labels of others.
    """
    labels = torch.arange(600) % 3
    centres = torch.tensor([[-9.0, 0.0], [0.0, 9.0], [9.0, 0.0]])
    mean = centres[labels] + torch.randn(600, 2, generator=torch.Generator().manual_seed(0))
    mixture = fit_mixture(DiagonalGaussian(mean, torch.full_like(mean, -9.0)), components=2, labels=labels)
    assert mixture.classes is not None
    assert mixture.classes.tolist() == [0, 0, 1, 1, 2, 2]
    assert float(mixture.weights.sum()) == pytest.approx(1, abs=1e-5)
    wanted = torch.tensor([2, 0, 1] * 40)
    drawn = draw_from_mixture(120, mixture, seed=1, labels=wanted)
    assert torch.equal(torch.cdist(drawn, centres).argmin(1), wanted)
    assert torch.equal(draw_from_mixture(7, mixture, seed=1, labels=wanted[:7]), drawn[:7])
    anywhere = torch.cdist(draw_from_mixture(120, mixture, seed=1), centres).argmin(1)
    assert set(anywhere.tolist()) == {0, 1, 2}
