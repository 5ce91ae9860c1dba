"""Directions in a latent space with a meaning: fitted from labelled examples, stored with the weights, added to z.

A concept's `direction` is one unit of it: as long as one standard deviation of the projections that it was fitted on,
so that `z + 1.5 * smile.direction` moves a face by one and a half of what faces differ in that respect.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor

from zoo.catalogue.contract.names import NAME
from zoo.catalogue.weights.folder import Folder
from zoo.configs import near
from zoo.errors import DataError, NotFoundError, UsageError, WeightsError
from zoo.nn.abilities import encoding
from zoo.nn.given import as_tensor, number
from zoo.nn.models import Model
from zoo.nn.sampling import Labels
from zoo.nn.shown import table_html
from zoo.nn.torch_state import default_state

__all__ = ["ConceptVector", "concept_named", "encode_means", "orthogonalise"]

LEAST = 2  # examples of each side


@dataclass(frozen=True, kw_only=True, repr=False)
class ConceptVector:
    """A named direction in one model's latent space."""

    name: str
    direction: Tensor  # (*latent_shape): one standard deviation of the projection
    method: str = "mean_difference"  # or "linear_probe": how it was fitted
    source: str = ""  # the examples it was fitted to, in words
    model_sha256: str = ""  # of the model.safetensors it belongs to; empty: not known
    measures: Mapping[str, float] = field(default_factory=dict)  # positives, negatives, standard_deviation, auc, …

    def __repr__(self) -> str:
        """One line: its name, where it moves, how it was fitted, and what was measured."""
        measured = "".join(f", {key} {value:,.4g}" for key, value in self.measures.items())
        return f"{self.name}: a concept in latents {tuple(self.direction.shape)}, by {self.method}{measured}"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        rows = {
            "in latents": tuple(self.direction.shape),
            "one unit is as long as": float(self.direction.norm()),
            "fitted by": self.method,
            "fitted to": self.source,
            "of the model": self.model_sha256 and f"sha256 {self.model_sha256:.12}",
        }
        return table_html(f"{self.name}: a concept", {**rows, **self.measures})

    def apply(self, z: object, strength: float) -> Tensor:
        """z (N, *latent_shape), or one latent alone, moved by `strength` standard deviations: (N, *latent_shape).

        Raises UsageError for latents of another shape and for a strength that is not finite.
        """
        z = self._checked(z)
        if not math.isfinite(number(strength)):
            raise UsageError(f"strength is {strength!r}; it must be a finite number of standard deviations")
        return z + number(strength) * self.direction.to(z)

    def score(self, z: object) -> Tensor:
        """Where each z (N, *latent_shape) lies along the direction, (N,), in standard deviations from z = 0."""
        z = self._checked(z)
        flat = self.direction.flatten().to(z)
        return z.flatten(1) @ flat / flat.square().sum()

    def _checked(self, z: object) -> Tensor:
        z = as_tensor("z", z)
        if z.shape == self.direction.shape:
            z = z[None]
        if z.ndim != 1 + self.direction.ndim or z.shape[1:] != self.direction.shape:
            wanted = ", ".join(map(str, self.direction.shape))
            raise UsageError(f"z has shape {tuple(z.shape)}; concept {self.name} moves (N, {wanted})")
        return z if z.is_floating_point() else z.float()

    def check_fit(self, model: Model) -> None:
        """Raise WeightsError unless this is a direction among the model's latents."""
        if tuple(self.direction.shape) != model.latent_shape:
            mine = f"{tuple(self.direction.shape)}, the model's latents have {model.latent_shape}"
            raise WeightsError(f"concept {self.name:.80} has shape {mine}; fit it to this model")

    @classmethod
    def fit(
        cls,
        model: Model,
        positives: Any,
        negatives: Any,
        *,
        name: str = "concept",
        balance: tuple[Tensor, Tensor] | None = None,
        method: Literal["mean_difference", "linear_probe"] = "mean_difference",
        encoder: Callable[[Tensor], Tensor] | None = None,
        labels: tuple[Labels, Labels] = (None, None),
    ) -> ConceptVector:
        """Fit to examples (N, *data_shape) in [0, 1] that have the property and to examples that lack it.

        Both are whatever `model.examples` takes. They are encoded to posterior means, or by `encoder`, which maps
        examples to latents (N, *latent_shape): for a GAN `fit_encoder(model).encode` of `zoo.latent.fitted_encoder`, or
        `lambda x: invert(model, x).z`. `labels` are the classes of both, for a model with classes: what a class has of
        its own is then no part of the concept. The rest is as for `fit_latents`. Raises UsageError for a model that has
        no encoder where none is given, and what encoding and `fit_latents` raise.
        """
        _check_name(name)
        _check_count(positives, negatives)
        sides = (model.examples(positives), model.examples(negatives))
        if encoder is None:
            z = [encode_means(model, side, of) for side, of in zip(sides, labels, strict=True)]
        else:
            z = [encoder(side) for side in sides]
        return cls.fit_latents(*z, name=name, balance=balance, method=method)

    @classmethod
    @default_state(grad=False)
    def fit_latents(
        cls,
        positives: object,
        negatives: object,
        *,
        name: str = "concept",
        balance: tuple[Tensor, Tensor] | None = None,
        method: Literal["mean_difference", "linear_probe"] = "mean_difference",
    ) -> ConceptVector:
        """Fit to latents (N, *latent_shape) and (M, *latent_shape).

        "mean_difference" takes the difference of the two means (Larsen et al. 2016, arXiv:1512.09300, section 3.2),
        "linear_probe" the weights of a logistic regression. `balance` holds a second label of each example, (N,) and
        (M,), negative where it is not known: those are left out, and every value counts the same on both sides, so that
        the direction does not carry it along. Raises DataError for fewer than two examples on a side, sides that share
        no value of `balance`, latents that are not finite or equal in mean, and no more examples than dimensions, whose
        difference is mostly chance.
        """
        _check_name(name)
        positives, negatives = as_tensor("positives", positives).cpu(), as_tensor("negatives", negatives).cpu()
        shape = positives.shape[1:]
        sides, weights = _sides(positives, negatives, balance)
        count, size = sum(map(len, sides)), sides[0].shape[1]
        if count <= size:
            raise DataError(f"{count} examples in {size} dimensions are too few: more than dimensions are needed")
        if method == "linear_probe":
            raw = _probe(sides, weights)
        elif method == "mean_difference":
            means = [(w[:, None] * z).sum(0) for z, w in zip(sides, weights, strict=True)]
            raw = means[0] - means[1]
        else:
            raise UsageError(f"method is {method!r}; it must be 'mean_difference' or 'linear_probe'")
        if not float(raw.norm()) > 0:
            raise DataError(f"concept {name}: both sides have the same mean; there is no direction between them")
        unit = raw / raw.norm()
        projections = [z @ unit for z in sides]
        sd = float(torch.cat(projections).std())
        measures = {
            "positives": float(len(sides[0])),
            "negatives": float(len(sides[1])),
            "standard_deviation": sd,
            "auc": auc(*projections),
        }
        direction = (unit * sd).float().view(shape)
        return cls(name=name, direction=direction, method=method, measures=measures)


def encode_means(model: Model, x: Tensor, labels: Labels = None) -> Tensor:
    """Posterior means of x (N, *data_shape) in [0, 1], of classes `labels` where the model has some.

    Raises UsageError for a model that has no encoder.
    """
    instead = "fit one to its samples, zoo.latent.fitted_encoder.fit_encoder(model)"
    return encoding(model, instead=instead).encode(x, labels).mean


def auc(positives: Tensor, negatives: Tensor) -> float:
    """The probability that a positive's score (N,) is above a negative's (M,), ties counting half."""
    scores = torch.cat([positives, negatives])
    _, inverse, counts = scores.unique(return_inverse=True, return_counts=True)
    ranks = (counts.cumsum(0) - (counts - 1) / 2).double()[inverse]
    n, m = len(positives), len(negatives)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise UsageError(f"a concept's name is lower-case words joined by '-', '.' or '_', not {name!r:.80}")


def _check_count(positives: Sized, negatives: Sized) -> None:
    for side, examples in (("positive", positives), ("negative", negatives)):
        if len(examples) < LEAST:
            raise DataError(f"{len(examples)} {side} examples are too few; at least {LEAST} are needed")


def _sides(
    positives: Tensor, negatives: Tensor, balance: tuple[Tensor, Tensor] | None
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Both sides flat in float64, without the examples whose second label is unknown, and weights that sum to 1."""
    if positives.shape[1:] != negatives.shape[1:] or positives.ndim < 2:
        raise UsageError(f"the sides have latents {tuple(positives.shape)} and {tuple(negatives.shape)}")
    _check_count(positives, negatives)
    groups = (torch.zeros(len(positives)), torch.zeros(len(negatives)))
    if balance is not None:
        groups = (as_tensor("balance", balance[0]).cpu(), as_tensor("balance", balance[1]).cpu())
    if any(len(g) != len(z) or g.ndim != 1 for g, z in zip(groups, (positives, negatives), strict=True)):
        lengths = f"{len(groups[0])} and {len(groups[1])} for {len(positives)} and {len(negatives)} examples"
        raise DataError(f"balance must hold one label for each example; it holds {lengths}")
    shared = [v for v in groups[0].unique().tolist() if v >= 0 and bool((groups[1] == v).any())]
    if balance is not None and not shared:
        raise DataError("no value of `balance` occurs on both sides; the concept cannot be told apart from it")
    zs, ws = [], []
    for side, z, group in zip(("positive", "negative"), (positives, negatives), groups, strict=True):
        kept = torch.isin(group, torch.tensor(shared, dtype=group.dtype))
        if int(kept.sum()) < LEAST:
            raise DataError(f"{int(kept.sum())} {side} examples have a `balance` that both sides have; too few")
        z, group = z[kept].flatten(1).double(), group[kept]
        if not bool(z.isfinite().all()):
            raise DataError(f"the {side} latents hold NaN or infinity")
        counts = {value: int((group == value).sum()) for value in shared}
        zs.append(z)
        ws.append(torch.tensor([1 / (counts[v] * len(shared)) for v in group.tolist()], dtype=torch.float64))
    return (zs[0], zs[1]), (ws[0], ws[1])


def _probe(sides: tuple[Tensor, Tensor], weights: tuple[Tensor, Tensor], *, ridge: float = 1e-2) -> Tensor:
    """The weights (d,) of a logistic regression by Newton's method, on standardised latents, with an L2 penalty."""
    z, w = torch.cat(sides), torch.cat(weights) / 2
    targets = torch.cat([torch.ones(len(sides[0])), torch.zeros(len(sides[1]))]).double()
    scale = z.std(0).clamp(min=1e-12)
    features = torch.cat([(z - z.mean(0)) / scale, torch.ones(len(z), 1, dtype=z.dtype)], 1)
    penalty = torch.full((features.shape[1],), ridge, dtype=z.dtype)
    penalty[-1] = 1e-9
    theta = torch.zeros(features.shape[1], dtype=z.dtype)
    for _ in range(50):
        p = torch.sigmoid(features @ theta)
        gradient = features.T @ (w * (p - targets)) + penalty * theta
        hessian = (features * (w * p * (1 - p))[:, None]).T @ features + penalty.diag()
        step = torch.linalg.solve(hessian, gradient)
        theta = theta - step * min(1.0, 5.0 / float(step.norm().clamp(min=1e-12)))
        if float(step.norm()) < 1e-8:
            break
    return theta[:-1] / scale


def orthogonalise(concept: ConceptVector, others: Sequence[ConceptVector]) -> ConceptVector:
    """The concept without what its direction shares with the others': moving along it leaves their scores as they are.

    The length shrinks with what is taken away. Raises UsageError for concepts of other models or shapes, DataError
    where nothing is left.
    """
    flat = concept.direction.flatten().double()
    for other in others:
        if other.direction.shape != concept.direction.shape or other.model_sha256 != concept.model_sha256:
            raise UsageError(f"concepts {concept.name} and {other.name} belong to different models")
    if others:
        basis = torch.linalg.qr(torch.stack([o.direction.flatten().double() for o in others], 1)).Q
        flat = flat - basis @ (basis.T @ flat)
    if float(flat.norm()) < 1e-6 * float(concept.direction.norm()):
        raise DataError(
            f"concept {concept.name} lies within {', '.join(o.name for o in others)}; nothing is left of it"
        )
    return replace(concept, direction=flat.float().view(concept.direction.shape))


def concept_named(name: str, known: Mapping[str, ConceptVector], folder: Folder) -> ConceptVector:
    """The concept of that name among those of a folder. Raises NotFoundError with near names."""
    if name not in known:
        fit = "none; fit one to a folder of your own: `zoo concept fit FOLDER NAME --data DATASET --factor FACTOR`"
        there = near(name, known) or f"; it has {', '.join(known) or fit}"
        raise NotFoundError(f"{folder.name} has no concept {name!r:.80}{there}")
    return known[name]
