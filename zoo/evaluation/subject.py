"""What a metric of a model is given, and the metrics of models themselves: how they code, how likely data are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.recipes.recipe import neutral
from zoo.data.loading import Examples
from zoo.evaluation.classified import Classified, classified
from zoo.evaluation.exact import exact_nll
from zoo.evaluation.features import Observer
from zoo.evaluation.likelihood import importance_weighted_nll, trained_on_bits
from zoo.evaluation.reconstruction import ReconstructionReport, kept, reconstruction_report
from zoo.evaluation.records import Reference
from zoo.nn.abilities import Bounded, Scored
from zoo.nn.models import Model
from zoo.nn.sampling import seeded

__all__ = [
    "LATENTS",
    "LIKELY",
    "MOST_CODED",
    "Subject",
    "classified_share",
    "error",
    "kept_share",
    "negative_elbo",
    "nll",
    "rows_of",
]

LATENTS, LIKELY = 100, 200  # of an example, and examples: `zoo likelihood` takes more
MOST_CODED = 1000  # held-out examples that are encoded and decoded, and among which each looks for its own


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model with its samples of one seed, and the examples that it is measured on."""

    model: Model
    registry: Registry
    seed: int  # of the samples, and of what else is drawn
    samples: Tensor  # (N, *data_shape), on the CPU
    train: Examples
    test: Examples | None
    observer: Observer | None  # the leading judge; None where nothing looks
    cache: Path | None = None  # where vectors and classifiers are kept

    @property
    def held_out(self) -> Examples:
        """The test examples; the training examples where there are no others."""
        return self.train if self.test is None else self.test

    def reference(self, most: int) -> dict[str, Any]:
        """Of up to so many held-out examples, those that are taken, as a record has them."""
        examples = self.held_out
        rows = rows_of(len(examples.data), most)
        return Reference.of(replace(examples, name=neutral(examples.name)), rows).to_json()

    @cached_property
    def coding(self) -> ReconstructionReport | None:
        """How the model gives held-out examples back; None for one that does not encode."""
        if not isinstance(self.model, Bounded):
            return None
        given, recipe = self.held_out, self.model.info.get("training", {}).get("recipe")
        rows = rows_of(len(given.data), MOST_CODED)
        labels = None if self.model.num_classes is None or given.labels is None else given.labels[rows]
        report = reconstruction_report(
            self.model,
            given.data[rows],
            labels,
            split="train" if self.test is None else "test",
            bound=not (isinstance(recipe, dict) and recipe.get("trainer") == "autoencoder"),
            binarise=trained_on_bits(self.model),
            seed=self.seed,
        )
        if self.observer is None:
            return report
        found = kept(self.model, given.data[rows], labels, observer=self.observer, cache_dir=self.cache)
        return replace(report, kept=found)

    @cached_property
    def classified(self) -> Classified:
        """What a classifier of real examples says of the samples. Raises UsageError where it has nothing to say."""
        return classified(self.samples, self.model, self.registry, cache_dir=self.cache)


def rows_of(count: int, most: int) -> Tensor:
    """The first `most` of `count` rows in an order drawn once: those of fewer are among those of more."""
    return torch.randperm(count, generator=seeded(0))[:most]


def negative_elbo(subject: Subject) -> float | None:
    """Nats an example, one latent each, drawn by the subject's seed."""
    return None if subject.coding is None else subject.coding.negative_elbo


def error(subject: Subject) -> float | None:
    """Root mean square error of decoding posterior means, over all values, of 1."""
    return None if subject.coding is None else subject.coding.root_mean_square_error


def kept_share(subject: Subject) -> float | None:
    """The share of 100 reconstructions that lie nearest to their own example, by the leading judge."""
    found = None if subject.coding is None else subject.coding.kept
    return None if found is None else found.share


def nll(subject: Subject) -> float | None:
    """Negative log-likelihood of up to 200 held-out examples, nats each: exactly where the model knows it."""
    examples, model = subject.held_out, subject.model
    rows = rows_of(len(examples.data), LIKELY)
    if isinstance(model, Scored):
        return exact_nll(model, examples.data[rows]).nll
    if not isinstance(model, Bounded):
        return None
    labels = None if model.num_classes is None or examples.labels is None else examples.labels[rows]
    bits = trained_on_bits(model)
    return importance_weighted_nll(
        model, examples.data[rows], labels, samples=LATENTS, seed=subject.seed, binarise=bits
    ).nll


def classified_share(subject: Subject) -> float | None:
    """The share of samples that are classified as what they were made for."""
    return subject.classified.samples
