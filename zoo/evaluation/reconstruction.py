"""How well a model that encodes gives examples back, and the bound it has on their likelihood."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.data.modality import modality_of
from zoo.evaluation.features import Observer, cached_vectors, vectors
from zoo.evaluation.metrics import nearest_neighbours
from zoo.nn.abilities import Bounded
from zoo.nn.bounds import active_units, bits_per_dim
from zoo.nn.sampling import Labels, seeded
from zoo.nn.torch_state import default_state

__all__ = ["Kept", "ReconstructionReport", "kept", "reconstruction_report"]

ROWS = 512


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Whether reconstructions are recognised: as the example itself, and no other one."""

    share: float  # of the examples, those whose reconstruction has no nearer neighbour than the example itself
    examples: int  # that were encoded and decoded
    among: int  # examples in which the neighbour was looked for
    network: str  # whose vectors the distances are between


@dataclass(frozen=True, kw_only=True)
class ReconstructionReport:
    """Figures of held-out examples; those in nats are means over the examples, and None without a bound."""

    split: str
    examples: int
    root_mean_square_error: float  # of decode(encode(x).mean) over all values, of 1
    active_units: int  # latent units whose posterior means vary by more than 0.01 over the examples
    binarised: bool  # for the figures in nats each value is drawn as 0 or 1 with itself as probability
    negative_elbo: float | None
    kl: float | None
    bits_per_dim: float | None
    kept: Kept | None = None  # where a network looked

    def to_json(self) -> dict[str, Any]:
        """The report as JSON-able data."""
        return asdict(self)


@default_state(grad=False)
def reconstruction_report(
    model: Bounded,
    data: Tensor,
    labels: Labels = None,
    *,
    split: str = "test",
    bound: bool = True,
    binarise: bool = False,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> ReconstructionReport:
    """Encode and decode stored data (N, *data_shape); with `bound`, one latent an example, of `seed`, for the ELBO.

    A model with classes needs `labels`. Raises UsageError for data of another shape.
    """
    random, modality = seeded(seed), modality_of(model)
    labels = model.labels_of(labels, len(data))
    squares, means, nats = 0.0, [], []
    for start in range(0, len(data), ROWS):
        x = modality.values(data[start : start + ROWS])
        of = None if labels is None else labels[start : start + ROWS]
        posterior = model.encode(x, of)
        means.append(posterior.mean)
        squares += float((model.decode(posterior.mean, of).cpu() - x).double().square().sum())
        if bound:
            x = (torch.rand(x.shape, generator=random) < x).to(x) if binarise else x
            divergence = model.encode(x, of).kl() if binarise else posterior.kl()
            nats.append(torch.stack([-model.elbo(x, of, seed=start + seed * len(data)), divergence]))
        if progress is not None:
            progress(min(start + ROWS, len(data)), len(data))
    negative_elbo: float | None = None
    kl: float | None = None
    if bound:
        negative_elbo, kl = torch.cat(nats, 1).double().mean(1).tolist()
    return ReconstructionReport(
        split=split,
        examples=len(data),
        root_mean_square_error=(squares / data.numel()) ** 0.5,
        active_units=int(active_units(torch.cat(means))),
        binarised=binarise and bound,
        negative_elbo=negative_elbo,
        kl=kl,
        bits_per_dim=None if negative_elbo is None else bits_per_dim(negative_elbo, data[0].numel(), model.likelihood),
    )


@default_state(grad=False)
def kept(
    model: Bounded,
    data: Tensor,
    labels: Labels = None,
    *,
    observer: Observer,
    most: int | None = 100,
    cache_dir: Path | None = None,
) -> Kept:
    """Encode and decode `most` of the stored data (N, *data_shape), drawn with seed 0, or all, and look by which of the
    N each reconstruction stands.

    A model with classes needs `labels`. Vectors of the data are kept in `cache_dir`. Raises UsageError for data of
    another shape.
    """
    rows = torch.randperm(len(data), generator=seeded(0))[:most]
    of = model.labels_of(labels, len(data))
    made = []
    for some in rows.split(ROWS):
        x, given = observer.modality.values(data[some]), None if of is None else of[some]
        made.append(vectors(model.decode(model.encode(x, given).mean, given), observer))
    known, found = cached_vectors(data, observer, cache_dir), torch.cat(made)
    nearest = nearest_neighbours(found, known)[1][:, 0]
    own = (found.double() - known[rows].double()).norm(dim=1)  # an example that is there twice is as near
    return Kept(
        share=float((own <= nearest).double().mean()),
        examples=len(rows),
        among=len(data),
        network=observer.network.name,
    )
