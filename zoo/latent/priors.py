"""Ex-post priors: a Gaussian mixture fitted to encoded examples, stored with the weights, sampled with prior="mixture".

An autoencoder's codes, and a VAE's too, do not fill N(0, I) as the decoder knows it; a mixture fitted to where they are
gives better samples without training anything again (Ghosh et al. 2020, arXiv:1903.12436, section 4).
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor

from zoo.errors import DataError, NotFoundError, UsageError
from zoo.nn.distributions import DiagonalGaussian, GaussianMixture
from zoo.nn.serialization import save
from zoo.weights import PRIOR

__all__ = ["fit_mixture", "save_mixture"]


def fit_mixture(posterior: DiagonalGaussian, *, components: int = 10, seed: int = 0) -> GaussianMixture:
    """Fit a mixture of `components` full-covariance Gaussians to a sample of each of the N posteriors (N, d).

    scikit-learn's expectation maximisation, started by k-means with `seed`. Raises UsageError for a number of
    components below 1 or latents that are no vectors, DataError where there are fewer examples than dimensions and
    components, or values that are not finite, NotFoundError where scikit-learn is not installed.
    """
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture as Fitter
    except ImportError as error:
        raise NotFoundError("fitting a mixture needs scikit-learn: pip install 'genzoo[latent]'") from error
    if posterior.mean.ndim != 2 or not isinstance(components, int) or not 1 <= components <= 1000:
        raise UsageError("a mixture has 1 to 1000 components, and latents that are vectors (N, d)")
    z = posterior.sample(torch.Generator().manual_seed(seed))
    if len(z) <= max(z.shape[1], components):
        raise DataError(f"{len(z)} examples are too few for {components} components in {z.shape[1]} dimensions")
    if not bool(z.isfinite().all()):
        raise DataError("the latents hold NaN or infinity")
    fitter = Fitter(components, covariance_type="full", reg_covar=1e-6, random_state=seed % 2**32, max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 200 steps are near enough
        fitter.fit(z.double().numpy())

    def tensor(values: object) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float64)

    factors = torch.linalg.cholesky(tensor(fitter.covariances_))
    return GaussianMixture(tensor(fitter.weights_).float(), tensor(fitter.means_).float(), factors.float())


def save_mixture(folder: Path, mixture: GaussianMixture) -> None:
    """Write prior.safetensors of a weights folder, complete or not at all. Raises StorageError."""
    save(folder / PRIOR, {"weights": mixture.weights, "means": mixture.means, "factors": mixture.factors})
