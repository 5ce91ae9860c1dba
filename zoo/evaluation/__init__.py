"""How good samples are, and whether they are copies. This file is the plugin that contributes the zoo's own metrics,
specs only; the rest measures: features, figures of them, records, and the search for copies.
"""

from __future__ import annotations

from zoo.api import API_VERSION, MetricSpec, PluginContext, hookimpl

ZOO_API_VERSION = API_VERSION

NAEEM = "Naeem et al. 2020 (arXiv:2002.09797)"
KYNKAANNIEMI = "Kynkäänniemi et al. 2019 (arXiv:1904.06991), equation 1, k = 3"


@hookimpl
def zoo_metrics(context: PluginContext) -> list[MetricSpec]:
    """Of what a feature network sees, and of the model itself."""
    return [*_of_features(), *_of_models()]


def _of_features() -> list[MetricSpec]:
    def spec(name: str, function: str, summary: str, better: str, source: str, *, alike: bool = True) -> MetricSpec:
        metric = f"zoo.evaluation.metrics:{function}"
        return MetricSpec(
            name=name, summary=summary, metric=metric, better=better, source=source, alike=alike, tags=("default",)
        )

    frechet = "Heusel et al. 2017 (arXiv:1706.08500), equation 6"
    kernel = "Bińkowski et al. 2018 (arXiv:1801.01401), section 4: the unbiased estimate, all examples at once"
    inside, density, covered = (
        "share of samples that lie where real examples lie",
        "how densely real examples lie where samples lie; real ones have 1",
        "share of real examples that have a sample near",
    )
    return [
        spec("frechet", "frechet_distance", "Fréchet distance", "lower", frechet, alike=False),
        spec("kernel", "whole_kernel_distance", "kernel distance", "lower", kernel, alike=False),
        spec("precision", "precision", f"precision: {inside}", "higher", KYNKAANNIEMI),
        spec("recall", "recall", "recall: share of real examples that lie where samples lie", "higher", KYNKAANNIEMI),
        spec("density", "density", f"density: {density}", "higher", f"{NAEEM}, equation 3, k = 5"),
        spec("coverage", "coverage", f"coverage: {covered}", "higher", f"{NAEEM}, equation 4, k = 5"),
        spec("diversity", "diversity", "distance between samples, as a share of that between real ones", "higher", ""),
    ]


def _of_models() -> list[MetricSpec]:
    def spec(name: str, function: str, summary: str, better: str, *tags: str, source: str = "") -> MetricSpec:
        metric = f"zoo.evaluation.subject:{function}"
        return MetricSpec(
            name=name, summary=summary, metric=metric, better=better, of="model", tags=tags, source=source
        )

    held_out, meant = "of held-out examples", "share of samples that a classifier takes for what they were made for"
    burda = "Burda et al. 2016 (arXiv:1509.00519), equation 8, with 100 latents an example"
    return [
        spec("elbo", "negative_elbo", f"negative ELBO {held_out}, nats each", "lower", "default"),
        spec("reconstruction", "error", f"reconstruction error {held_out}, of 1", "lower", "default"),
        spec("kept", "kept_share", "share of reconstructions nearest to their own example", "higher", "default"),
        spec("likelihood", "nll", f"negative log-likelihood {held_out}, nats each", "lower", source=burda),
        spec("classified", "classified_share", meant, "higher"),
    ]
