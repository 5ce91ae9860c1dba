"""weights.measured, records and reproduced: recorded figures side by side, which rank, and which are the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from measured_models import record, told

from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.folder import Folder
from zoo.catalogue.weights.measured import check_comparable, compared, recorded, unlike
from zoo.catalogue.weights.records import current, key_of, leading, not_recorded, records_of, versions_of
from zoo.catalogue.weights.reproduced import agreements
from zoo.errors import UsageError, WeightsError

LITE0, RESNET = "efficientnet-lite0", "thin-resnet50"
OTHER = {"name": "toads", "split": "train", "sha256": "ef" * 32}


@pytest.fixture
def rows(tmp_path: Path) -> Any:
    """Write a folder's config and evaluation, and give its rows."""

    def make(name: str, measured: dict[str, Any], *, against: str = "", by: str = "") -> Any:
        path = tmp_path / name
        path.mkdir(exist_ok=True)
        training = {"trained_against": {against: "f" * 64}} if against else {}
        facts = {"name": "frogs", "sha256": "0" * 64, "shape": [3, 8, 8]}
        config = {"format": 1, "architecture": "dcgan", "config": {}, "data": facts, "training": training, "zoo": "1"}
        (path / "config.json").write_text(json.dumps(config))
        (path / "evaluation.json").write_text(json.dumps(measured))
        return recorded(Folder(name=name, path=path), default_registry(), by)

    return make


def ranks(found: list[dict[str, Any]]) -> list[tuple[str, int | None]]:
    return [(row["name"], row["rank"]) for row in found]


def test_alike_figures_rank(rows: Any) -> None:
    """The best first, by distance the nearest, by recall the highest; what lies within one spread shares a rank."""
    a = rows("a", told(record("frechet", LITE0, 30.0), record("recall", LITE0, 0.5, spread=0.01)))
    b = rows("b", told(record("frechet", LITE0, 20.0), record("recall", LITE0, 0.25, spread=0.01)))
    c = rows("c", told(record("frechet", LITE0, 20.2), record("recall", LITE0, 0.9, spread=0.5)))
    assert ranks(check_comparable(a + b + c, "frechet")) == [("b", 1), ("c", 1), ("a", 3)]
    assert ranks(check_comparable(a + b + c, "recall")) == [("c", 1), ("a", 1), ("b", 3)]
    assert [(row["key"], row["name"], row["rank"]) for row in compared(a + b)] == [
        (f"frechet/{LITE0}@5000", "b", 1),
        (f"frechet/{LITE0}@5000", "a", 2),
        (f"recall/{LITE0}@5000", "a", 1),
        (f"recall/{LITE0}@5000", "b", 2),
    ]


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (record("frechet", RESNET, 1.0), rf"different networks \({LITE0} and {RESNET}\); name one with --features"),
        (record("frechet", LITE0, 1.0, reference=OTHER), r"different data \(frogs, cd.* and toads, ef.*\)"),
        (record("frechet", LITE0, 1.0, n_fake=9), r"different numbers of samples \(5000 and 9\); measure anew"),
        (record("frechet", LITE0, 1.0, n_real=9), r"different numbers of real examples \(4000 and 9\)"),
        (
            record("frechet", LITE0, 1.0, features={"name": LITE0, "sha256": f"{len(LITE0):064}", "resize": "nearest"}),
            r"different resize rules \(bilinear to 224 and nearest\)",
        ),
        (
            record("frechet", LITE0, 1.0, features={"name": LITE0, "sha256": "9" * 64, "resize": "bilinear to 224"}),
            "different weights of the network",
        ),
        (record("frechet", LITE0, 1.0, contaminated=True), "says little"),
    ],
)
def test_one_order_of_all_is_refused_where_figures_do_not_compare(other: dict[str, Any], says: str, rows: Any) -> None:
    """It is a UsageError that names both models, what differs and what to do; side by side they have no rank."""
    a, b = rows("a", told(record("frechet", LITE0, 30.0))), rows("b", told(other))
    with pytest.raises(UsageError, match=f"the figures of a and b do not compare: .*{says}"):
        check_comparable(a + b, "frechet")
    found = compared(a + b)
    assert [row["rank"] for row in found] == [None, None]
    assert all(row["why"] for row in found)


def test_figures_of_a_network_are_found_wherever_they_stand(rows: Any) -> None:
    """A model that was trained against Lite0 compares by another network, and never by a sister of Lite0."""
    frog = told(record("frechet", RESNET, 5.0), record("frechet", LITE0, 2.0), leading=RESNET)
    book = told(record("frechet", LITE0, 30.0), record("frechet", RESNET, 7.0))

    def both(by: str) -> Any:
        return rows("frog", frog, against="efficientnet-lite2", by=by) + rows("book", book, by=by)

    assert ranks(check_comparable(both(RESNET), "frechet")) == [("frog", 1), ("book", 2)]
    assert [row["contaminated"] for row in both(LITE0)] == [True, False]
    with pytest.raises(UsageError, match="says little"):
        check_comparable(both(LITE0), "frechet")
    with pytest.raises(UsageError, match=rf"frog has no .* by pixels; it has some by {RESNET}, {LITE0}: `zoo eval"):
        both("pixels")
    with pytest.raises(UsageError, match="frog has no recorded recall; it has frechet"):
        check_comparable(both(RESNET), "recall")


def test_a_model_that_was_not_measured_is_named(rows: Any) -> None:
    """Without records it is a UsageError with the command that makes some, also where an older zoo has measured it."""
    with pytest.raises(UsageError, match="a has no recorded figures: `zoo eval a --write` makes them"):
        rows("a", {})
    with pytest.raises(UsageError, match="a has figures of an older zoo alone, which do not compare: `zoo eval a"):
        rows("a", {"frechet": 8.0, "network": LITE0, "samples": 5000})
    lacking = {key: value for key, value in record("frechet", LITE0, 1.0).items() if key != "floor"}
    with pytest.raises(WeightsError, match=r"b: evaluation.json: the record frechet/.* lacks floor; measure anew"):
        rows("b", told(lacking))


SECTION = {"data": "frogs", "split": "test", "nll": 2.0, "examples": 9, "samples": 50, "seed": 3, "binarised": True}
SECTION |= {"standard_error": 0.5, "monte_carlo_error": 0.25, "negative_elbo": 3.0, "bits_per_dim": 0.125, "torch": "2"}


def test_an_older_file_gives_what_is_as_it_was() -> None:
    """Figures of samples and of coding are dropped, the likelihood stays; of today's form all is as it is."""
    old = {"frechet": 1.0, "reconstruction": {}, "likelihood": SECTION, "model_sha256": "a"}
    found = current(old)
    assert found.keys() == {"records", "model_sha256", "outdated"}
    assert list(found["records"]) == ["likelihood@9#latents=50", "bits@9#latents=50"]
    assert "outdated" not in current({"likelihood": SECTION})  # nothing of it is dropped
    new = told(record("frechet", LITE0, 1.0))
    assert current(new) == new
    assert list(current(new | {"likelihood": SECTION})["records"]) == [f"frechet/{LITE0}@5000", *found["records"]]
    assert current({}) == {}
    for broken in ({"likelihood": {"nll": 2.0}}, {"concepts": {"smile": {}}}, {"concepts": []}):
        with pytest.raises(WeightsError, match=r"evaluation\.json: .*; measure anew"):
            current(broken)


def test_what_an_older_zoo_did_not_record_is_not_made_up() -> None:
    """A section becomes records of its numbers; counts, seed and torch are there, the rest is None, and two such do not
    compare.
    """
    nats, bits = records_of(current({"likelihood": SECTION}))
    assert (nats["value"], nats["seeds"], nats["n_real"], nats["spread"]) == (2.0, [3], 9, None)
    assert (bits["metric"], bits["value"]) == ("bits", 0.125)
    assert nats["reference"] == {"name": "frogs", "split": "test", "sha256": None}
    assert (nats["command"], nats["device"], nats["versions"]) == (None, None, {"torch": "2"})
    assert nats["settings"] == {"latents": 50, "binarised": True}
    assert nats["details"] == {"standard_error": 0.5, "monte_carlo_error": 0.25, "negative_elbo": 3.0}
    assert not_recorded(nats) == ["sha256 of the examples", "command", "genzoo", "device"]
    assert not_recorded(records_of(told(record("elbo", "", 1.0)))[0]) == []
    assert versions_of(nats) == "genzoo not recorded, torch 2, device not recorded"
    assert "is not recorded, by which others are known to be the same; measure anew" in unlike(nats, nats)
    row = {"strength": 2.0, "gained": 0.75, "lost": 0.5, "gained_drift": 0.25, "lost_drift": 0.0}
    concept = {"name": "smile", "factor": "smiling", "other": "gender", "positives": 3, "negatives": 4}
    concept |= {"probe_auc": 0.9, "probe_accuracy": 0.8, "other_auc": 0.7, "other_accuracy": 0.6, "region": None}
    concept |= {"rows": [row | {"inside": 0.0, "outside": 0.5}]}
    found = {key_of(one): one for one in records_of(current({"concepts": {"smile": concept}}))}
    assert list(found) == [
        "concept_gained@4[smile]#strength=2",
        "concept_gained_drift@4[smile]#strength=2",
        "concept_lost@3[smile]#strength=2",
        "concept_lost_drift@3[smile]#strength=2",
        "concept_outside@7[smile]#strength=2",
    ]
    gained, drift = found["concept_gained@4[smile]#strength=2"], found["concept_gained_drift@4[smile]#strength=2"]
    assert (gained["value"], gained["seeds"], gained["better"], drift["better"]) == (0.75, None, "higher", "lower")
    assert (gained["judge"]["tells"], gained["judge"]["auc"], gained["judge"]["sha256"]) == ("smiling", 0.9, None)
    assert (drift["judge"]["tells"], drift["judge"]["accuracy"]) == ("gender", 0.6)


def concept(strength: float, gained: float, **changes: Any) -> dict[str, Any]:
    settings = {"concept": "smile", "factor": "smiling", "keep": "gender", "region": None, "strength": strength}
    judge = {"tells": "smiling", "design": "three", "learnt_from": {"sha256": "ab"}, "accuracy": 0.9, "auc": 0.9}
    return record("concept_gained", "", gained, better="higher", settings=settings, judge=judge, **changes)


def test_a_concept_stands_at_the_weakest_strength_that_turns_nine_of_ten() -> None:
    """At the strongest where none does; the other strengths are recorded, and stand for nothing."""
    enough = told(concept(1.0, 0.5), concept(2.0, 0.92), concept(3.0, 0.99))
    assert [one["settings"]["strength"] for one in leading(enough)] == [2.0]
    assert len(records_of(enough)) == 3
    assert [one["settings"]["strength"] for one in leading(told(concept(1.0, 0.5), concept(2.0, 0.6)))] == [2.0]


def test_likelihoods_and_concepts_compare_where_they_were_measured_alike() -> None:
    """Other latents, an exact one, another strength and another judge are refused, and it is said which."""

    def likely(**settings: Any) -> dict[str, Any]:
        return record("likelihood", "", 90.0, settings=settings)

    alike = likely(latents=50, binarised=True)
    assert unlike(alike, likely(latents=50, binarised=True)) == ""
    assert "different latents an example (50 and 100)" in unlike(alike, likely(latents=100, binarised=True))
    assert "different latents an example (50 and None)" in unlike(alike, likely())
    assert "different kinds of values" in unlike(alike, likely(latents=50, binarised=False))
    one, other = concept(2.0, 0.9), concept(3.0, 0.9)
    assert unlike(one, one) == ""
    assert "of different concepts" in unlike(one, other)
    other = concept(2.0, 0.9) | {"judge": one["judge"] | {"design": "four"}}
    assert "of different judges (smiling, three, ab and smiling, four, ab)" in unlike(one, other)


def test_a_key_names_network_count_class_and_prior() -> None:
    """Each only where there is one; the records that stand for a model are the leading judge's of most samples."""
    assert key_of(record("frechet", LITE0, 1.0)) == f"frechet/{LITE0}@5000"
    assert key_of(record("frechet", LITE0, 1.0, group="frog")) == f"frechet/{LITE0}@5000[frog]"
    assert key_of(record("frechet", LITE0, 1.0, prior="uniform")) == f"frechet/{LITE0}@5000#prior=uniform"
    assert key_of(record("elbo", "", 1.0, n_real=70)) == "elbo@70"
    measured = told(
        record("frechet", LITE0, 1.0, n_fake=100),
        record("frechet", LITE0, 2.0),
        record("frechet", RESNET, 3.0),
        record("frechet", LITE0, 4.0, group="frog"),
        record("recall", LITE0, 5.0, contaminated=True),
        record("elbo", "", 6.0),
    )
    assert [one["value"] for one in leading(measured)] == [2.0, 6.0]


def test_what_is_measured_again_lies_within_the_spread_or_not() -> None:
    """Within twice the root of both squared spreads; other counts do not compare; what was not measured is named."""
    published = [record("frechet", LITE0, 10.0), record("recall", LITE0, 0.5), record("kernel", LITE0, 1.0)]
    again = [record("frechet", LITE0, 10.7), record("recall", LITE0, 1.5), record("elbo", "", 1.0)]
    found = agreements(published, [again])
    assert [one.verdict for one in found] == ["within", "outside", "not measured again"]
    assert found[0].difference == pytest.approx(0.7)
    assert found[0].allowed == pytest.approx(2 * (2 * 0.25**2) ** 0.5)
    assert found[0].to_json()["name"] == f"frechet/{LITE0}@5000"
    (other,) = agreements(published[:1], [[record("frechet", LITE0, 10.0, reference=OTHER)]])
    assert "different data" in other.verdict
    (alone,) = agreements([record("frechet", LITE0, 1.0, spread=None)], [[record("frechet", LITE0, 2.0)]])
    assert alone.verdict == "outside (one seed has no spread)"
    (edited,) = agreements([concept(2.0, 0.9)], [again])
    assert edited.verdict.startswith("not measured again: a concept is fitted after training")


def test_a_verdict_says_which_seeds_it_is_of() -> None:
    """Of one training the spread is that of sample seeds; of three it is theirs, and a published figure that one more
    training could have is within.
    """
    published = [record("frechet", LITE0, 10.0, spread=0.001)]
    (one,) = agreements(published, [[record("frechet", LITE0, 11.0, spread=0.001)]])
    assert one.meaning.startswith("outside 2 standard deviations of the sample seeds (")
    assert one.meaning.endswith("; another training seed may differ more")
    several = [[record("frechet", LITE0, value, spread=0.001)] for value in (9.0, 11.0, 13.0)]
    (found,) = agreements(published, several)
    assert (found.verdict, found.trainings, found.difference) == ("within", 3, 1.0)
    assert found.allowed == pytest.approx(2 * 2.0 * (1 + 1 / 3) ** 0.5)
    assert found.again is not None
    assert found.again["values"] == [9.0, 11.0, 13.0]
    assert "within 2 standard deviations of 3 training seeds" in found.to_json()["meaning"]
    assert agreements([record("frechet", LITE0, 30.0)], several)[0].verdict == "outside"
