"""Ex-post priors: a Gaussian mixture fitted to encoded examples, stored with the weights, drawn from as "mixture".

An autoencoder's codes, and a VAE's too, do not fill N(0, I) as the decoder knows it; a mixture fitted to where they are
gives better samples without training anything again (Ghosh et al. 2020, arXiv:1903.12436, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.catalogue.weights.folder import PRIOR, Folder, as_folder
from zoo.errors import DataError, NotFoundError, UsageError
from zoo.nn.distributions import DiagonalGaussian, GaussianMixture, normal_log_prob
from zoo.nn.given import whole
from zoo.nn.quiet import Quiet
from zoo.nn.sampling import seeded
from zoo.nn.serialization import save
from zoo.nn.torch_state import default_state

__all__ = ["HeldOut", "fit_mixture", "fitter", "held_out", "save_mixture"]

ROWS = 512  # codes whose density is computed at once


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Mean log-densities, in nats a code, of codes that no fit has seen."""

    codes: int
    mixture: float
    normal: float  # under N(0, I)


def fitter() -> tuple[Any, type[Warning]]:
    """scikit-learn's mixture, and its warning of too few steps. Raises NotFoundError without scikit-learn."""
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture as Fitter
    except ImportError as error:
        raise NotFoundError("fitting a mixture needs scikit-learn: pip install 'genzoo[latent]'") from error
    return Fitter, ConvergenceWarning


@default_state(grad=False)
def fit_mixture(
    posterior: DiagonalGaussian, *, components: int = 10, seed: int = 0, labels: Tensor | None = None
) -> GaussianMixture:
    """Fit a mixture of `components` full-covariance Gaussians to a sample of each of the N posteriors (N, d),
    d the product of the axes of a latent.

    With `labels` (N,) each class has `components` of its own, and samples of a class are drawn from those.
    scikit-learn's expectation maximisation, started by k-means with `seed`. Raises UsageError for a number of
    components below 1, DataError where there are fewer examples than dimensions and
    components, values that are not finite, or codes that span no volume, NotFoundError without scikit-learn.
    """
    if labels is not None:
        return _class_by_class(posterior, labels, components=components, seed=seed)
    make, unfinished = fitter()
    components = whole("components", components, 1, 1000)
    z = posterior.sample(seeded(seed)).flatten(1)
    if len(z) <= max(z.shape[1], components):
        raise DataError(f"{len(z)} examples are too few for {components} components in {z.shape[1]} dimensions")
    if not bool(z.isfinite().all()):
        raise DataError("the latents hold NaN or infinity")
    fit = make(components, covariance_type="full", reg_covar=1e-6, random_state=seed % 2**32, max_iter=200)
    with Quiet(unfinished):  # 200 steps are near enough
        try:
            fit.fit(z.double().numpy())
        except ValueError as error:  # a component whose covariance cannot be inverted
            raise DataError(f"{components} components cannot be fitted ({error!s:.100}); use fewer") from error

    def tensor(values: object) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float64)

    factors = torch.linalg.cholesky(tensor(fit.covariances_))
    return GaussianMixture(tensor(fit.weights_).float(), tensor(fit.means_).float(), factors.float())


def _class_by_class(posterior: DiagonalGaussian, labels: Tensor, *, components: int, seed: int) -> GaussianMixture:
    found, classes = [], labels.unique().tolist()
    for label in classes:
        rows = labels == label
        of = DiagonalGaussian(posterior.mean[rows], posterior.log_var[rows])
        found.append(fit_mixture(of, components=components, seed=seed))
    shares = [float((labels == label).double().mean()) for label in classes]
    return GaussianMixture(
        torch.cat([share * one.weights for share, one in zip(shares, found, strict=True)]),
        torch.cat([one.means for one in found]),
        torch.cat([one.factors for one in found]),
        torch.tensor([label for label, one in zip(classes, found, strict=True) for _ in one.weights]),
    )


@default_state(grad=False)
def held_out(mixture: GaussianMixture, posterior: DiagonalGaussian, *, seed: int = 0) -> HeldOut:
    """Compare the mixture with N(0, I) on one sample of each of N posteriors (N, ...) that it was not fitted to.

    Raises UsageError for latents of another size than the mixture's, and none at all.
    """
    z = posterior.sample(seeded(seed)).flatten(1)
    if z.shape[1:] != mixture.means.shape[1:] or not len(z):
        raise UsageError(f"latents {tuple(posterior.mean.shape)} do not fit a mixture of {tuple(mixture.means.shape)}")
    logs = torch.cat([mixture.log_prob(rows) for rows in z.split(ROWS)])
    return HeldOut(
        codes=len(z),
        mixture=float(logs.double().mean()),
        normal=float(normal_log_prob(z).sum(1).double().mean()),
    )


def save_mixture(folder: Path | Folder, mixture: GaussianMixture, *, to: Path | None = None) -> None:
    """Write prior.safetensors of a weights folder (or the file `to`), marked with the sha256 of the folder's model,
    complete or not at all.

    Raises StorageError.
    """
    tensors = {"weights": mixture.weights, "means": mixture.means, "factors": mixture.factors}
    tensors |= {} if mixture.classes is None else {"classes": mixture.classes}
    of = as_folder(folder)
    save(to or of.path / PRIOR, tensors, {"model_sha256": of.model_sha256()})
