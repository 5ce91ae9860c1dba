"""The likelihood of held-out examples, by importance sampling with many latents an example."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from zoo.data.modality import Modality, modality_of
from zoo.errors import DataError, UsageError
from zoo.nn.abilities import Bounded, Scored, bounding
from zoo.nn.bounds import bits_per_dim, log_weights
from zoo.nn.distributions import DiagonalGaussian
from zoo.nn.folding import resting
from zoo.nn.given import whole
from zoo.nn.models import Model
from zoo.nn.sampling import Labels, seeded
from zoo.nn.torch_state import default_state

__all__ = ["LikelihoodReport", "importance_weighted_nll", "likelihood_settings", "trained_on_bits"]

ROWS = 512  # latents decoded at a time


@dataclass(frozen=True, kw_only=True)
class LikelihoodReport:
    """Negative log-likelihood of examples, in nats each: an upper bound that tightens with `samples`."""

    examples: int
    samples: int  # K: latents an example
    seed: int
    binarised: bool  # each value drawn once as 0 or 1 with itself as probability
    nll: float  # mean over the examples of -log (1/K sum_k w_k)
    standard_error: float  # of that mean over the examples
    monte_carlo_error: float  # of that mean from the K latents, by the delta method: how well the sums are known
    negative_elbo: float  # the bound of the same latents at K = 1, averaged over them
    bits_per_dim: float
    torch: str

    def to_json(self) -> dict[str, Any]:
        """The report as JSON-able data."""
        return asdict(self)


def trained_on_bits(model: Model) -> bool:
    """Whether the model's recipe says that each value was drawn as 0 or 1; not where its config says nothing of it."""
    recipe = model.info.get("training", {}).get("recipe")
    settings = recipe.get("settings") if isinstance(recipe, dict) else None
    return isinstance(settings, dict) and settings.get("binarise") is True


def likelihood_settings(model: Model, samples: int) -> dict[str, Any]:
    """What figures of likelihood must share to compare, as a record has it: nothing, of a model that knows it exactly;
    else how many latents an example, `samples`, and whether values are drawn as 0 or 1.
    """
    return {} if isinstance(model, Scored) else {"latents": samples, "binarised": trained_on_bits(model)}


@default_state(grad=False)
def importance_weighted_nll(
    model: Model,
    data: Tensor,
    labels: Labels = None,
    *,
    samples: int = 1000,
    seed: int = 0,
    binarise: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> LikelihoodReport:
    """-log p(x) of stored data (N, *data_shape), estimated with `samples` latents of each posterior.

    log p(x) >= E log (1/K sum_k p(x, z_k) / q(z_k given x)) (Burda et al. 2016, arXiv:1509.00519, equation 8), which
    tends to log p(x) as K grows. With `binarise` the data are drawn once, from `seed`, as zeros and ones; without, they
    are values in [0, 1]. A model with classes needs `labels`, and what is estimated is log p(x given its class).
    `progress` is called with (examples done, examples in all).

    Raises UsageError for a model without an encoder, data of another shape or type, and counts that cannot be meant.
    """
    model = resting(bounding(model))
    modality = modality_of(model)
    _check_stored(data, modality, model.data_shape)
    samples, random = whole("samples", samples, 1, 10**7), seeded(seed)
    of, rows = model.labels_of(labels, len(data)), []
    for start in range(0, len(data), ROWS):
        x = modality.values(data[start : start + ROWS])
        x = ((torch.rand(x.shape, generator=random) < x).to(x) if binarise else x).to(model.device)
        known = None if of is None else of[start : start + ROWS]
        posterior = model.encode(x, known)
        for i in range(len(x)):
            one = DiagonalGaussian(posterior.mean[i : i + 1], posterior.log_var[i : i + 1])
            label = None if known is None else known[i : i + 1]
            rows.append(_estimate(model, x[i : i + 1], label, one, samples=samples, random=random))
            if progress is not None:
                progress(start + i + 1, len(data))
    nll, variance, negative_elbo = torch.tensor(rows, dtype=torch.float64).unbind(1)
    mean = float(nll.mean())
    return LikelihoodReport(
        examples=len(data),
        samples=samples,
        seed=seed,
        binarised=binarise,
        nll=mean,
        standard_error=float(nll.std() / math.sqrt(len(nll))),
        monte_carlo_error=float(variance.sum().sqrt() / len(nll)),
        negative_elbo=float(negative_elbo.mean()),
        bits_per_dim=bits_per_dim(mean, math.prod(model.data_shape), model.likelihood),
        torch=torch.__version__,
    )


def _check_stored(data: Tensor, modality: Modality, data_shape: tuple[int, ...]) -> None:
    try:
        modality.check(data)
        good = tuple(data.shape[1:]) == data_shape and len(data) >= 2
    except DataError:
        good = False
    if not good:
        wanted = f"(N, {data_shape}) as a dataset stores them, N >= 2,"
        raise UsageError(f"data are {data.dtype} {tuple(data.shape)}; {wanted} are needed")


def _estimate(
    model: Bounded,
    x: Tensor,
    label: Tensor | None,
    posterior: DiagonalGaussian,
    *,
    samples: int,
    random: torch.Generator,
) -> tuple[float, float, float]:
    """Of one example: -log of the mean weight, the variance of that, and minus the mean log weight."""
    logs = []
    for start in range(0, samples, ROWS):
        noise = torch.randn(min(ROWS, samples - start), *posterior.mean.shape, generator=random).to(x.device)
        terms = model.terms(x, posterior, noise, label)
        logs.append(log_weights(terms)[:, 0])
    weights = torch.cat(logs).double()
    total = torch.logsumexp(weights, 0)
    shares = (weights - total).exp()  # they sum to 1
    variance = float((shares - 1 / samples).square().sum())
    return float(math.log(samples) - total), variance, -float(weights.mean())
