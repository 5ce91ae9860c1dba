"""zoo.evaluation.figures: metrics by name and by plugin, what a record says, floors of as many, values over seeds."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import pytest
import torch
from measured_models import Flat
from torch import Tensor

from zoo.api import MetricSpec
from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.plugins.loading import default_registry
from zoo.errors import NotFoundError, PluginError, UsageError
from zoo.evaluation.features import Observer
from zoo.evaluation.figures import Sets, asked_metrics, default_metrics, figures_by
from zoo.evaluation.metrics import frechet_distance, precision
from zoo.evaluation.records import Origin, Record
from zoo.images.modality import Images

ORIGIN = Origin(
    seeds=(0, 1, 2), command="zoo eval x", device="cpu", reference={"name": "d", "split": "s", "sha256": "0"}
)
JUDGE = Observer(Flat(), Images())


def pictures(count: int, seed: int) -> Tensor:
    return torch.randint(0, 256, (count, 3, 2, 2), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def measured(names: tuple[str, ...], registry: Registry | None = None, **sets: Any) -> list[Record]:
    drawn = [pictures(40, seed) for seed in (1, 2, 3)]
    given = Sets(**({"drawn": drawn, "reference": pictures(60, 4), "unseen": pictures(50, 5)} | sets))
    return figures_by((JUDGE, False), given, asked_metrics(names, registry or default_registry()).features, ORIGIN)


def test_a_record_is_the_mean_over_seeds_with_all_that_another_must_share() -> None:
    """Value and spread are those of the values, each of which is the metric of one seed's samples; the floor is what as
    many held-out examples have; counts, network, reference, command, versions and device stand with it, JSON-able.
    """
    found, inside = measured(("frechet", "precision"))
    real = pictures(60, 4).flatten(1).float() / 255
    values = [frechet_distance(pictures(40, seed).flatten(1).float() / 255, real) for seed in (1, 2, 3)]
    assert found.values == pytest.approx(values, rel=1e-6)
    assert found.value == pytest.approx(statistics.fmean(values), rel=1e-6)
    assert found.spread == pytest.approx(statistics.stdev(values), rel=1e-4)
    assert found.floor == pytest.approx(frechet_distance(pictures(50, 5)[:40].flatten(1).float() / 255, real), rel=1e-6)
    assert inside.floor == pytest.approx(precision(pictures(50, 5)[:40].flatten(1).float() / 255, real[:40]))
    assert [(one.n_real, one.n_fake) for one in (found, inside)] == [(60, 40), (40, 40)]
    assert (found.key, inside.key) == ("frechet/flat@40", "precision/flat@40")
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert data["features"] == {"name": "flat", "sha256": "ab" * 32, "resize": "none"}
    assert data["versions"]["torch"] == torch.__version__
    assert (data["seeds"], data["device"], data["command"]) == ([0, 1, 2], "cpu", "zoo eval x")


def test_fewer_held_out_examples_give_a_second_record_of_as_many() -> None:
    """The floor is never one of another count: where it cannot be, it is None, and as many samples are measured too."""
    many, few = measured(("frechet",), unseen=pictures(20, 5))
    assert (many.key, many.floor) == ("frechet/flat@40", None)
    assert few.key == "frechet/flat@20"
    assert few.floor is not None
    assert [one.floor for one in measured(("frechet",), unseen=None)] == [None]


def test_metrics_are_found_by_name() -> None:
    """Those of the default tag where none is named; an unknown one is an error with near names."""
    names = default_metrics(default_registry())
    assert {"frechet", "kernel", "precision", "recall", "density", "coverage", "diversity", "elbo"} <= set(names)
    assert "likelihood" not in names
    assert [one.name for one in asked_metrics(("coverage", "frechet"), default_registry()).features] == [
        "coverage",
        "frechet",
    ]
    with pytest.raises(NotFoundError, match=r"no metric is named 'frechte'.*frechet"):
        asked_metrics(("frechte",), default_registry())


def farthest(samples: Tensor, real: Tensor) -> float:
    return float(torch.cdist(samples, real).max())


def wrong(samples: Tensor, real: Tensor) -> float:
    return float("nan")


def of_plugin(function: str) -> Registry:
    spec = MetricSpec(name="farthest", summary="The largest distance.", metric=f"{__name__}:{function}", better="lower")
    return Registry.of([Owned(name="acme/farthest", spec=spec, owner="acme")])


def test_a_plugins_metric_is_one_like_any_other() -> None:
    """Found by its full name, measured over the seeds with a floor; one that gives no number is named."""
    (found,) = measured(("acme/farthest",), of_plugin("farthest"))
    assert found.key == "acme/farthest/flat@40"
    assert found.floor is not None
    assert len(found.values) == 3
    with pytest.raises(PluginError, match="metric acme/farthest gives nan, no number"):
        measured(("acme/farthest",), of_plugin("wrong"))


@pytest.mark.parametrize(
    "changes", [{"better": "more"}, {"of": "pictures"}, {"metric": "nowhere"}, {"name": "No Name"}, {"summary": 1}]
)
def test_a_spec_that_cannot_be_meant_is_refused(changes: dict[str, Any]) -> None:
    """Each field of a metric is checked."""
    with pytest.raises(PluginError):
        MetricSpec(**({"name": "n", "summary": "s", "metric": "a.b:c", "better": "lower"} | changes))


def test_too_few_samples_are_refused() -> None:
    """Density looks at the fifth neighbour."""
    with pytest.raises(UsageError, match="5 samples and 60 real examples; take at least 6 of each"):
        measured(("frechet",), drawn=[pictures(5, 0)])


def test_vectors_are_kept_by_content(tmp_path: Path) -> None:
    """A second measurement of the same pictures looks at nothing again; one more seed looks at that alone."""
    looked = list[int]()

    class Counting(Flat):
        def vector(self, x: Tensor) -> Tensor:
            looked.append(len(x))
            return super().vector(x)

    judge = Observer(Counting(), Images())
    metrics = asked_metrics(("frechet",), default_registry()).features

    def measure(*seeds: int) -> None:
        drawn = [pictures(10, seed) for seed in seeds]
        sets = Sets(drawn=drawn, reference=pictures(30, 8), unseen=pictures(10, 9))
        figures_by((judge, False), sets, metrics, ORIGIN, cache_dir=tmp_path)

    measure(0, 1)
    assert sum(looked) == 60
    looked.clear()
    measure(0, 1)
    assert looked == []
    measure(0, 1, 2)
    assert sum(looked) == 10
