"""A figure as it is kept: with its spread over seeds, its floor, and all that another one must share to compare."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

import zoo.version
from zoo.catalogue.weights.records import key_of
from zoo.data.decoded import fingerprint
from zoo.data.loading import Examples
from zoo.data.modality import Fitted
from zoo.evaluation.features import Observer
from zoo.nn.models import Model

__all__ = ["Origin", "Record", "Reference", "device_of", "judge_of", "record_of"]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The real examples that samples are compared with."""

    name: str  # as a dataset reference: cifar10[frog]
    split: str
    examples: torch.Tensor  # (M, *data_shape), stored

    @classmethod
    def of(cls, examples: Examples, rows: torch.Tensor) -> Reference:
        """So many rows of a split."""
        return cls(name=examples.name, split=examples.split, examples=examples.data[rows])

    def to_json(self) -> dict[str, Any]:
        """Name, split, and the sha256 of the examples that were taken."""
        sha256 = fingerprint({"examples": self.examples})
        return {"name": self.name, "split": self.split, "sha256": sha256}


@dataclass(frozen=True, kw_only=True)
class Origin:
    """How figures came about: the same for all of one run."""

    seeds: tuple[int, ...]
    command: str  # what measures them again
    device: str  # where the model and the networks computed
    reference: Mapping[str, Any]  # of the real examples
    prior: str = ""  # what the samples were drawn from, where it is not the model's default

    @property
    def versions(self) -> dict[str, str]:
        """Of the programs that computed it."""
        return {"genzoo": zoo.version.__version__, "torch": torch.__version__}


def device_of(model: Model) -> str:
    """What a model computes on, as records name it."""
    return torch.cuda.get_device_name(model.device) if model.device.type == "cuda" else model.device.type


def judge_of(fitted: Sequence[Fitted], tells: str, learnt_from: Mapping[str, Any]) -> dict[str, Any]:
    """The judges of one design, one a seed, that tell a class or a property, as a record has them.

    `accuracy` is the mean over them, on held-out real examples; `learnt_from` are the examples that they were `fitted`
    to, with their sha256; `tells` is what they tell; `sha256` are of their own weights.
    """
    return {
        "tells": tells,
        "design": fitted[0].design,
        "learnt_from": dict(learnt_from),
        "accuracy": statistics.fmean(one.accuracy for one in fitted),
        "sha256": [one.sha256 for one in fitted],
    }


@dataclass(frozen=True, kw_only=True)
class Record:
    """One figure of one model."""

    metric: str
    value: float  # the mean over the seeds
    spread: float | None  # the standard deviation over them (of a sample: n - 1); None for one seed
    values: tuple[float, ...]  # in the order of the seeds
    seeds: tuple[int, ...]
    better: str  # "lower" or "higher"
    n_real: int  # real examples that were compared with, or asked of the model
    n_fake: int  # samples of each seed; 0 where none were drawn
    floor: float | None  # what n_fake held-out real examples have in the place of samples; None without so many
    features: Mapping[str, str] | None  # name, sha256 of the weights and resize rule of the network that looked
    contaminated: bool  # whether the model was trained against that network, or a sister
    reference: Mapping[str, Any]
    group: str  # the class that it is of; "" for all
    prior: str  # what the samples were drawn from, where it is not the model's default
    command: str
    versions: Mapping[str, str]
    device: str
    settings: Mapping[str, Any] = field(default_factory=dict)  # what else figures must share to compare: latents
    details: Mapping[str, Any] = field(default_factory=dict)  # what else is known of it: the standard error
    judge: Mapping[str, Any] | None = None  # the classifier of real examples that told it, as `judge_of` says

    @property
    def key(self) -> str:
        """`frechet/efficientnet-lite0@5000`: unique within a model."""
        return key_of(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The record as JSON-able data."""
        return asdict(self)


def record_of(
    metric: str,
    values: Sequence[float],
    origin: Origin,
    *,
    better: str,
    counts: tuple[int, int],
    floor: float | None = None,
    judge: tuple[Observer, bool] | None = None,
    group: str = "",
) -> Record:
    """A record of one value a seed. `counts` are of real examples and of samples; `judge` is who looked, and whether it
    is contaminated.
    """
    network = None if judge is None else judge[0].network
    seen = None
    if network is not None:
        seen = {"name": network.name, "sha256": network.sha256, "resize": network.resize}
    return Record(
        metric=metric,
        value=statistics.fmean(values),
        spread=statistics.stdev(values) if len(values) > 1 else None,
        values=tuple(values),
        seeds=origin.seeds[: len(values)],
        better=better,
        n_real=counts[0],
        n_fake=counts[1],
        floor=floor,
        features=seen,
        contaminated=judge is not None and judge[1],
        reference=origin.reference,
        group=group,
        prior=origin.prior,
        command=origin.command,
        versions=origin.versions,
        device=origin.device,
    )
