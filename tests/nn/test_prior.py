"""zoo.nn.prior: what latents are drawn from: draws, densities, quantiles and limits, and which one is the default."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.folder import Folder
from zoo.errors import IntegrityError, NotFoundError, UsageError, WeightsError
from zoo.latent.priors import save_mixture
from zoo.nn.distributions import GaussianMixture
from zoo.nn.golden import golden_samples, verify
from zoo.nn.pretrained import load
from zoo.nn.prior import Prior
from zoo.nn.sampling import CHUNK
from zoo.nn.serialization import save

NORMAL, UNIFORM = Prior(name="normal", shape=(3,)), Prior(name="uniform", shape=(3,))


def clusters(size: int = 3) -> Prior:
    """Two clusters, a quarter at -4 and the rest at 4 of every axis, whose axes go together."""
    means = torch.tensor([-4.0, 4.0])[:, None].expand(2, size).contiguous()
    factors = torch.stack([torch.eye(size) * 0.5, torch.tril(torch.full((size, size), 0.4)) + torch.eye(size) * 0.2])
    mixture = GaussianMixture(torch.tensor([0.25, 0.75]), means, factors)
    return Prior(name="mixture", shape=(size,), mixture=mixture)


def torchs(prior: Prior) -> torch.distributions.Distribution:
    assert prior.mixture is not None
    parts = torch.distributions.MultivariateNormal(prior.mixture.means, scale_tril=prior.mixture.factors)
    return torch.distributions.MixtureSameFamily(torch.distributions.Categorical(prior.mixture.weights), parts)


def with_mixture(folder: Path, default: str | None = "mixture", golden: bool = True) -> Path:
    """Put a mixture into a VAE's folder, and say that it is the default one."""
    mixture = clusters().mixture
    assert mixture is not None
    save_mixture(folder, mixture)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | ({"default_prior": default} if default else {})))
    if golden:
        save(folder / "golden.safetensors", golden_samples(load(folder)))
    return folder


@pytest.mark.parametrize("truncation", [None, 0.7])
def test_draws_from_a_mixture_are_those_of_the_seed_whatever_n_is(truncation: float | None) -> None:
    """Fewer of a seed are the first of more, over chunks too; another seed gives others; torch's state is let alone."""
    prior = clusters()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    z = prior.sample(2 * CHUNK + 5, seed=3, truncation=truncation)
    assert torch.equal(torch.get_rng_state(), before)
    assert (z.shape, z.dtype) == ((2 * CHUNK + 5, 3), torch.float32)
    for n in (1, CHUNK - 1, CHUNK, CHUNK + 1):
        assert torch.equal(prior.sample(n, seed=3, truncation=truncation), z[:n])
    assert not torch.equal(prior.sample(5, seed=4, truncation=truncation), z[:5])
    assert not torch.equal(prior.sample(5, truncation=truncation), prior.sample(5, truncation=truncation))


def test_samples_of_a_mixture_do_not_depend_on_chunks_dtype_or_mode(vae_folder: Callable[..., SimpleNamespace]) -> None:
    """Sample i is the same of 2 and of 40; latents are the same float32 for weights of half precision and anywhere."""
    model = load(with_mixture(vae_folder().path))
    many, z = model.sample(CHUNK + 8, seed=5), model.latents(CHUNK + 8, seed=5)
    assert torch.equal(model.sample(2, seed=5), many[:2])
    assert torch.equal(model.decode(z[CHUNK : CHUNK + 1]), many[CHUNK : CHUNK + 1])
    half = load(model.origin, dtype=torch.bfloat16)
    assert torch.equal(half.latents(CHUNK + 8, seed=5), z)
    assert half.sample(3, seed=5).dtype == torch.float32
    assert torch.equal(model.to("meta").latents(4, seed=5), z[:4])


def test_draws_from_a_mixture_have_its_moments() -> None:
    """Means and covariance of many draws are those that `moments` gives; `variance` is their mean over coordinates."""
    prior = clusters()
    assert prior.mixture is not None
    mean, factor = prior.mixture.moments()
    z = prior.sample(40_000, seed=0)
    torch.testing.assert_close(z.mean(0), mean, atol=0.06, rtol=0)
    torch.testing.assert_close(z.T.cov(), factor @ factor.T, atol=0.2, rtol=0)
    assert prior.variance == pytest.approx(float(torchs(prior).variance.mean()), rel=1e-5)
    assert (NORMAL.variance, UNIFORM.variance) == (1, 1 / 3)


def test_densities_are_torchs() -> None:
    """log p of each prior equals that of torch's distribution, in z's own precision; outside the cube it is -inf."""
    z = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    wanted = torch.distributions.Normal(0, torch.ones((), dtype=torch.float64)).log_prob(z).sum(1)
    torch.testing.assert_close(NORMAL.log_prob(z), wanted)
    torch.testing.assert_close(clusters().log_prob(z.float()), torchs(clusters()).log_prob(z.float()))
    assert clusters().log_prob(z).dtype == torch.float64
    cube = torch.tensor([[0.0, 0.5, -1.0], [0.0, 0.0, 1.01]])
    assert UNIFORM.log_prob(cube).tolist() == [pytest.approx(-3 * math.log(2)), -math.inf]
    assert Prior(name="normal", shape=(1, 3)).log_prob(z[:, None]).shape == (7,)


def test_uniform_numbers_become_draws() -> None:
    """Through `from_uniform` uniform numbers fall into any half-space as often as draws do; cells hold equal shares."""
    prior = clusters()
    u = torch.rand(20_000, 3, generator=torch.Generator().manual_seed(2))
    through, drawn = prior.from_uniform(u), prior.sample(20_000, seed=1)
    for direction in (torch.tensor([1.0, 0, 0]), torch.tensor([0, 1.0, -1.0]), torch.tensor([1.0, 1.0, 1.0])):
        for at in (0.1, 0.25, 0.5, 0.9):
            edge = (drawn @ direction).quantile(at)
            assert float((through @ direction < edge).float().mean()) == pytest.approx(at, abs=0.015)
    assert UNIFORM.from_uniform(torch.tensor([[0.25, 0.5, 1.0]])).tolist() == [[-0.5, 0.0, 1.0]]
    cut = torch.special.ndtr(torch.tensor([[-1.0, 0.0, 2.0]], dtype=torch.float64))
    torch.testing.assert_close(NORMAL.from_uniform(cut), torch.tensor([[-1.0, 0.0, 2.0]]))


def test_a_mixture_of_one_normal_has_its_quantiles() -> None:
    """With one component quantiles and limits are mean plus deviation times those of N(0, 1)."""
    factor = torch.tensor([[[2.0, 0.0], [3.0, 4.0]]])
    one = Prior(name="mixture", shape=(2,), mixture=GaussianMixture(torch.ones(1), torch.tensor([[1.0, 10.0]]), factor))
    assert one.limits(0) == pytest.approx((1 - 6, 1 + 6), rel=1e-5)
    assert one.limits(1) == pytest.approx((10 - 15, 10 + 15), rel=1e-5)  # sqrt(3^2 + 4^2) = 5
    assert (NORMAL.limits(2), UNIFORM.limits(2)) == ((-3, 3), (-1, 1))
    e = torch.tensor([[-1.0, 0.5], [0.0, 0.0], [2.0, 1.0]])
    wanted = torch.tensor([1.0, 10.0]) + e @ factor[0].T
    torch.testing.assert_close(one.from_uniform(torch.special.ndtr(e.double())), wanted)


# --- the default ---------------------------------------------------------------------------------------------------


def test_a_folder_says_what_is_drawn_from(vae_folder: Callable[..., SimpleNamespace]) -> None:
    """With `default_prior` what names no prior draws from that one, golden samples too; the other is to be had."""
    tiny = vae_folder()
    model = load(with_mixture(tiny.path))
    assert (model.default_prior, model.prior, model.priors) == ("mixture", "normal", ("normal", "mixture"))
    assert torch.equal(model.latents(6, seed=1), clusters().sample(6, seed=1))
    assert torch.equal(model.sample(6, seed=1), model.sample(6, seed=1, prior="mixture"))
    assert torch.equal(model.sample(6, seed=1, prior="normal"), tiny.model.sample(6, seed=1))
    assert verify_golden(tiny.path) == 0


def verify_golden(path: Path) -> float:
    folder = Folder(name=str(path), path=path, origin=str(path))
    (path / "README.md").unlink(missing_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.nn.golden.check_card", lambda folder: None)
        return float(verify(folder, default_registry())["golden_difference"])


def test_golden_samples_of_another_prior_are_refused(vae_folder: Callable[..., SimpleNamespace]) -> None:
    """Where the default changes and the golden samples do not, `verify` says so."""
    path = with_mixture(vae_folder().path, golden=False)
    with pytest.raises(IntegrityError, match="seed 0 no longer draws the golden latents"):
        verify_golden(path)


def test_without_the_key_a_folder_is_as_it_was(vae_folder: Callable[..., SimpleNamespace]) -> None:
    """A mixture beside a config that names no default is drawn from where it is asked for."""
    tiny = vae_folder()
    model = load(with_mixture(tiny.path, default=None))
    assert (model.default_prior, model.priors) == ("normal", ("normal", "mixture"))
    assert torch.equal(model.sample(3, seed=1), tiny.model.sample(3, seed=1))
    assert load(with_mixture(tiny.path, default="normal")).default_prior == "normal"


@pytest.mark.parametrize(
    ("default", "says"),
    [
        ("mixture", r"default_prior is 'mixture', and there is no prior.safetensors beside it; .*`zoo mixture fit`"),
        ("uniform", "default_prior is 'uniform'; there is normal$"),
        ("cauchy", "default_prior is 'cauchy'; it must be normal or uniform or mixture"),
        (["normal"], "default_prior is .*; it must be normal"),
        (None, "default_prior is None; it must be normal"),
    ],
)
def test_a_default_that_the_files_do_not_give_is_refused(
    default: object, says: str, vae_folder: Callable[..., SimpleNamespace]
) -> None:
    """A prior that is none, or that the folder has not, is a WeightsError that names it."""
    path = vae_folder().path
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | {"default_prior": default}))
    with pytest.raises(WeightsError, match=says):
        load(path)


def test_a_prior_that_is_not_there_has_no_object(vae_folder: Callable[..., SimpleNamespace]) -> None:
    """`prior_of` refuses what `sample` refuses."""
    model = load(vae_folder().path)
    assert model.prior_of() == model.prior_of("normal") == Prior(name="normal", shape=(3,))
    with pytest.raises(UsageError, match=r"sampled from 'normal'$"):
        model.prior_of("uniform")
    with pytest.raises(NotFoundError, match="zoo mixture fit FOLDER"):
        model.prior_of("mixture")
