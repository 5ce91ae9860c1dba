"""The records of how likely held-out examples are: nats an example, and bits a value."""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.recipes.recipe import neutral
from zoo.catalogue.weights.card import HERE, named_by_catalogue
from zoo.catalogue.weights.folder import Folder
from zoo.data.loading import Examples
from zoo.errors import UsageError
from zoo.evaluation.exact import exact_nll
from zoo.evaluation.likelihood import importance_weighted_nll, likelihood_settings, trained_on_bits
from zoo.evaluation.records import Origin, Record, Reference, device_of, record_of
from zoo.evaluation.subject import rows_of
from zoo.latent.codes import labels_of
from zoo.nn.abilities import Scored, encoding
from zoo.nn.models import Model

__all__ = ["AskedLikelihood", "likelihood_records"]

Known = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class AskedLikelihood:
    """What is to be measured."""

    data: str | None = None  # another dataset than the model's own
    split: str = "test"
    examples: int | None = None  # so many of the split, at random; None: all
    samples: int = 1000  # latents an example, of a model that is asked by importance sampling
    seeds: tuple[int, ...] = (0, 1, 2)  # of the latents, and of the bits where values are drawn as such

    def command(self, name: str, data: str) -> str:
        """The command that measures this again of the model of that name; `data` is "" for its own. Without seeds it
        is exact, and draws nothing.
        """
        words = ["zoo", "likelihood", name, *(["--data", data] if data else [])]
        words += [] if self.split == AskedLikelihood.split else ["--split", self.split]
        words += [] if self.examples is None else ["-n", str(self.examples)]
        drawn = ["--samples", str(self.samples), "--seeds", ",".join(map(str, self.seeds))] if self.seeds else []
        return shlex.join([*words, *drawn])


def likelihood_records(
    model: Model,
    folder: Folder,
    examples: Examples,
    asked: AskedLikelihood,
    registry: Registry,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[Record]:
    """-log p(x) of `examples`, as many as are `asked` for: `likelihood` in nats an example, and `bits` a value.

    Exactly, of a model that knows it: nothing is drawn, so there are no seeds. Else by importance sampling with each of
    the seeds, over which the spread is. `details` have the standard error over the examples, the Monte Carlo error of
    one seed's latents, and the negative ELBO of the same latents. There is no floor: only a model gives examples a
    likelihood. `folder` is the model's; `progress` is called with (examples done, in all), over all seeds.

    Raises UsageError for a model that has no likelihood, and for counts and seeds that cannot be meant.
    """
    count, there = asked.examples, len(examples.data)
    if count is not None and not 1 <= count <= there:
        raise UsageError(f"-n is {count}; it must be a whole number from 1 to {there:,}")
    if not asked.seeds:
        raise UsageError("a seed is needed to draw latents with")
    rows = rows_of(there, there if count is None else count)
    reference = Reference.of(replace(examples, name=neutral(examples.name)), rows).to_json()
    name = named_by_catalogue(folder.model_sha256(), registry) or HERE
    own = str(folder.config()["data"].get("name"))
    data = neutral(examples.name) if asked.data or ":" in own else ""
    origin = Origin(seeds=asked.seeds, command=asked.command(name, data), device=device_of(model), reference=reference)
    if isinstance(model, Scored):
        exactly = exact_nll(model, examples.data[rows], progress=progress)
        values: list[list[float]] = [[exactly.nll], [exactly.bits_per_token]]
        origin = replace(origin, seeds=(), command=replace(asked, seeds=()).command(name, data))
        details: Known = {"standard_error": exactly.standard_error}
    else:
        values, details = _estimated(model, examples, rows, asked, progress)
    settings = likelihood_settings(model, asked.samples)
    nats, bits = (
        replace(record_of(metric, of, origin, better="lower", counts=(len(rows), 0)), settings=settings)
        for metric, of in zip(("likelihood", "bits"), values, strict=True)
    )
    return [replace(nats, details=details), bits]


def _estimated(
    model: Model, examples: Examples, rows: Any, asked: AskedLikelihood, progress: Callable[[int, int], None] | None
) -> tuple[list[list[float]], Known]:
    """Nats and bits of each seed, and what else is known of them."""
    known: Sequence[Any] | None = labels_of(encoding(model), examples, rows)
    reports = []
    for place, seed in enumerate(asked.seeds):

        def step(done: int, total: int, before: int = place * len(rows)) -> None:
            if progress is not None:
                progress(before + done, total * len(asked.seeds))

        reports.append(
            importance_weighted_nll(
                model,
                examples.data[rows],
                known,
                samples=asked.samples,
                seed=seed,
                binarise=trained_on_bits(model),
                progress=step,
            )
        )
    details = {
        key: statistics.fmean(getattr(one, key) for one in reports)
        for key in ("standard_error", "monte_carlo_error", "negative_elbo")
    }
    return [[one.nll for one in reports], [one.bits_per_dim for one in reports]], details
