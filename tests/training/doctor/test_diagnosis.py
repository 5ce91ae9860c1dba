"""doctor.diagnosis: which figures are a disease, when it is told, and which checkpoint was the last healthy one."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from zoo.catalogue.recipes.recipe import DoctorSettings
from zoo.configs import decode
from zoo.training.doctor.diagnosis import DISEASES, Doctor, Finding

# What is wrong -> figures that show it, figures just short of it, words of the sentence, and what switches it off.
CASES: dict[str, tuple[dict[str, float], dict[str, float], list[str], dict[str, float]]] = {
    "the discriminator wins": (
        {"real_accuracy": 0.998, "fake_accuracy": 0.999, "discriminator_loss": 0.006, "generator_loss": 9.2},
        {"real_accuracy": 0.998, "fake_accuracy": 0.989, "discriminator_loss": 0.006, "generator_loss": 9.2},
        [
            "tells 99.8 % of the real and 99.9 % of the fake",
            "its loss is 0.006, the generator's 9.2",
            "discriminator_lr",
        ],
        {"discriminator_wins": 0},
    ),
    "the discriminator wins, and has learnt all it can": (
        {"real_accuracy": 1.0, "fake_accuracy": 1.0, "discriminator_loss": 0.04},
        {
            "real_accuracy": 1.0,
            "fake_accuracy": 1.0,
            "discriminator_loss": 0.06,
        },  # right, but not sure: it still teaches
        ["its loss is 0.04"],
        {"discriminator_wins": 0},
    ),
    "the generator wins": (
        {"real_accuracy": 0.98, "fake_accuracy": 0.02},
        {"real_accuracy": 0.98, "fake_accuracy": 0.10},
        ["tells 50.0 % of all examples right", "real 98.0 %, fake 2.0 %", "raise discriminator_lr"],
        {"generator_wins": 0},
    ),
    "mode collapse": (
        {"sample_spread": 0.05, "sample_nearest": 0.5},
        {"sample_spread": 0.31, "sample_nearest": 0.5},
        ["two samples differ by 5.0 %", "at 50.0 %", "lower generator_lr"],
        {"spread": 0},
    ),
    "mode collapse, into a few modes": (
        {"sample_spread": 0.9, "sample_nearest": 0.01},
        {"sample_spread": 0.9, "sample_nearest": 0.11},
        ["nearest other sample is at 1.0 %"],
        {"nearest": 0},
    ),
    "the discriminator overfits": (
        {"r_v": 0.9, "r_t": 1.0, "r_t_held_out": -0.5},
        {"r_v": 0.69, "r_t": 1.0, "r_t_held_out": -0.5},
        ["r_v is 0.90", "100.0 % of the training examples real, and 25.0 % of those held out", "augment"],
        {"overfitting": 0},
    ),
    "posterior collapse": (
        {"active_units": 0.4, "latent_units": 10.0, "kl": 3.0},
        {"active_units": 0.6, "latent_units": 10.0, "kl": 3.0},
        ["0.4 of 10 latent units", "3 nats", "lower beta"],
        {"active_units": 0},
    ),
    "posterior collapse, by the KL": (
        {"active_units": 5.0, "latent_units": 10.0, "kl": 0.01},
        {"active_units": 5.0, "latent_units": 10.0, "kl": 0.2},
        ["0.01 nats"],
        {"kl": 0},
    ),
}

# The least and the greatest that the published recipes' runs reported, from 4,000 to 4,000,000 examples.
PUBLISHED: dict[str, dict[str, float]] = {
    "dcgan-cifar-frog, least": {"real_accuracy": 0.602, "fake_accuracy": 0.607, "discriminator_loss": 0.656},
    "dcgan-cifar-frog, most": {"real_accuracy": 0.900, "fake_accuracy": 0.926, "discriminator_loss": 0.318},
    "dcgan-cifar-frog, a look": {
        "sample_spread": 1.015,
        "sample_nearest": 0.966,
        "r_v": 0.238,
        "r_t": 0.828,
        "r_t_held_out": 0.828,
    },
    "dcgan-cifar-frog-book, least": {"real_accuracy": 0.580, "fake_accuracy": 0.700, "discriminator_loss": 0.6},
    "dcgan-cifar-frog-book, a look": {
        "sample_spread": 0.908,
        "sample_nearest": 0.859,
        "r_v": 0.257,
        "r_t": 0.922,  # above the 0.6 that StyleGAN2-ADA aims at
        "r_t_held_out": 0.797,
    },
    "dcgan-shapes, most": {"real_accuracy": 0.959, "fake_accuracy": 0.961, "discriminator_loss": 0.160},
    "vae-mnist": {"active_units": 1.96, "latent_units": 2.0, "kl": 3.756},
    "vae-mnist-best": {"active_units": 34.9, "latent_units": 40.0, "kl": 18.87},
    "vae-faces": {"active_units": 82.7, "latent_units": 128.0, "kl": 107.6},
    "ae-mnist": {"active_units": 1.97, "latent_units": 2.0},
}


def doctor(**settings: Any) -> Doctor:
    """A doctor who tells at the first sick reading."""
    return Doctor(decode(DoctorSettings, {"patience": 0} | settings, "test"))


def read(who: Doctor, figures: dict[str, float], examples: int) -> list[Finding]:
    return who.hear(figures, examples=examples, steps=examples // 10)


WINS = CASES["the discriminator wins"][0]
BALANCED = {"real_accuracy": 0.8, "fake_accuracy": 0.8}


# --- figures -------------------------------------------------------------------------------------------------------


def test_every_disease_has_a_case() -> None:
    """The cases of this file are those of the doctor's list."""
    assert {name.partition(",")[0] for name in CASES} == {disease.name for disease in DISEASES}


@pytest.mark.parametrize("name", CASES)
def test_a_disease_is_told_by_its_figures(name: str) -> None:
    """Beyond its threshold a disease is told with figure, span and remedy; short of it, or switched off, it is not."""
    sick, well, words, off = CASES[name]
    who = doctor()
    assert read(who, well, 1000) == []
    (finding,) = read(who, sick, 3000)
    assert finding.disease == name.partition(",")[0]
    assert finding.sentence.startswith(f"{finding.disease}: ")
    assert all(word in finding.sentence for word in [*words, "over the last 2,000 examples"]), finding.sentence
    assert (finding.examples, finding.since, finding.steps, finding.action) == (3000, 1000, 300, "warn")
    assert finding.figures
    assert finding.figures.items() <= sick.items()
    assert read(doctor(**off), sick, 3000) == []


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_recipes_are_healthy(name: str) -> None:
    """The extremes of the zoo's own runs are no disease, even for a doctor without patience."""
    assert read(doctor(), PUBLISHED[name], 1000) == []


@pytest.mark.parametrize("figures", [{}, {"loss": 3.0}, {"real_accuracy": 1.0}, {"r_v": 2.0}, {"active_units": 0.0}])
def test_of_what_a_trainer_does_not_report_nothing_is_said(figures: dict[str, float]) -> None:
    """Figures that are missing, or alone, tell nothing."""
    assert read(doctor(), figures, 1000) == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_not_finite_stops_at_once(value: float) -> None:
    """NaN and infinity are told whatever the patience, and the run is stopped even where the doctor only warns."""
    (finding,) = read(doctor(patience=10**9), {"loss": value, "other": 1.0}, 70)
    assert finding.sentence.startswith(f"loss is {value} at step 7; ")
    assert (finding.disease, finding.action) == ("not finite", "stop")
    json.dumps(finding.figures, allow_nan=False)


SHAPES = (0.141, 0.139, 0.270, 0.384)  # sample_spread of `dcgan` on shapes, at a run's four looks
FROGS = (0.209, 0.125, 0.621, 0.928)  # the same on frogs: both draw one picture at first, and then learn
DIGITS = (0.312, 0.610, 0.803, 0.860)


@pytest.mark.parametrize(
    ("spreads", "told"),
    [
        (SHAPES, []),
        (FROGS, []),
        (DIGITS, []),
        ((0.128, 0.128, 0.128, 0.128), [8_000]),  # for the whole run
        ((0.5, 0.128, 0.128, 0.128), [8_000]),  # from its middle on
        ((0.128, 0.5, 0.128, 0.5), []),
    ],
)
def test_a_short_run_is_told_of_what_lasts(spreads: tuple[float, ...], told: list[int]) -> None:
    """Of 8,000 examples the looks of healthy runs, as they were measured, are no disease; a collapse that stays is."""
    who = Doctor(DoctorSettings().in_run(8_000, 2_000), looks=LOOKS)
    found = [
        finding.examples
        for index, spread in enumerate(spreads, 1)
        for finding in who.see({"sample_spread": spread}, examples=2_000 * index + 16 * (index < 4), steps=index)
    ]
    assert found == told


# --- patience ------------------------------------------------------------------------------------------------------


def test_a_report_counts_with_all_its_images() -> None:
    """A disease is told when its unbroken reports span the patience; one good report begins the count anew."""
    who = doctor(patience=300)
    told = [bool(read(who, WINS, examples)) for examples in (100, 200)]
    assert read(who, BALANCED, 300) == []
    told += [bool(read(who, WINS, examples)) for examples in (400, 500, 600, 700)]
    assert told == [False, False, False, False, True, False]  # told once
    assert (who.findings[0].since, who.findings[0].examples) == (300, 600)


def test_a_disease_is_told_again_after_it_has_gone() -> None:
    """Told once while it lasts, and anew when it comes back; two diseases are told apart."""
    who = doctor(patience=100)
    for examples in (100, 200, 300):
        read(who, WINS, examples)
    read(who, BALANCED, 400)
    read(who, WINS, 500)
    read(who, CASES["the generator wins"][0] | CASES["posterior collapse"][0], 600)
    assert [(f.examples, f.disease) for f in who.findings] == [
        (100, "the discriminator wins"),
        (500, "the discriminator wins"),
        (600, "the generator wins"),
        (600, "posterior collapse"),
    ]


def test_a_look_counts_as_a_point() -> None:
    """Looks see a moment each, so the span of a disease begins at the first that shows it."""
    who = doctor(patience=100)
    sick = CASES["mode collapse"][0]
    assert who.see(sick, examples=1000, steps=1) == []
    assert [f.since for f in who.see(sick, examples=1100, steps=2)] == [1000]


def test_a_look_is_in_the_next_report() -> None:
    """The figures of looks are taken once, by the report that comes after."""
    who = doctor()
    who.see({"sample_spread": 0.9}, examples=10, steps=1)
    who.see({"sample_spread": 0.8, "r_v": 0.1}, examples=20, steps=2)
    assert who.take() == {"sample_spread": 0.8, "r_v": 0.1}
    assert who.take() == {}


# --- which checkpoint was healthy ----------------------------------------------------------------------------------

LOOKS = ["sample_spread", "sample_nearest"]


def test_a_checkpoint_is_healthy_when_all_was_read_after_it() -> None:
    """A report and a look must have come after a checkpoint, or at it, and have found nothing."""
    who = Doctor(DoctorSettings(action="stop"), looks=LOOKS)
    read(who, BALANCED, 100)
    who.saved(100)
    assert (who.healthy, who.keep()) == (None, {100})
    who.see({"sample_spread": 1.0, "sample_nearest": 1.0}, examples=150, steps=1)
    assert (who.healthy, who.keep()) == (100, {100})
    who.saved(200)
    assert who.keep() == {100, 200}
    who.see({"sample_spread": 1.0, "sample_nearest": 1.0}, examples=210, steps=1)
    assert who.healthy == 100  # no report yet
    read(who, BALANCED, 220)
    assert who.healthy == 200


def test_what_was_saved_in_sickness_is_never_healthy() -> None:
    """A checkpoint before a first sick reading, or during sickness, does not count, not even after a recovery."""
    who = Doctor(DoctorSettings(action="stop"))
    read(who, BALANCED, 100)
    who.saved(100)
    who.saved(150)
    read(who, WINS, 200)
    who.saved(200)
    read(who, BALANCED, 300)
    assert (who.healthy, who.keep()) == (100, {100})
    who.saved(300)
    assert who.healthy == 300


def test_a_warning_doctor_keeps_no_checkpoint() -> None:
    """Where nobody goes back, checkpoints are kept as ever."""
    who = doctor()
    read(who, BALANCED, 100)
    who.saved(100)
    assert who.keep() == set()


def test_rollbacks_are_counted_and_then_end() -> None:
    """A disease is rolled back so often, and then stops the run."""
    who = doctor(action="rollback", rollbacks=2)
    actions = []
    for _ in range(3):
        (finding,) = read(who, WINS, 100)
        actions.append(finding.action)
        who.told = []
        who.gone_back(0, who.rollbacks, who.findings)
    assert actions == ["rollback", "rollback", "stop"]


# --- state ---------------------------------------------------------------------------------------------------------


def test_a_restored_doctor_decides_alike() -> None:
    """Captured at any reading, sent through JSON and restored, a doctor says all that one who was never cut says."""
    figures = [BALANCED, WINS, WINS, CASES["the generator wins"][0], WINS, WINS, BALANCED, {"loss": 1.0}]

    def follow(who: Doctor, start: int) -> dict[str, Any]:
        for index in range(start, len(figures)):
            who.see({"sample_spread": 0.1 * index, "sample_nearest": 1.0}, examples=100 * index, steps=index)
            read(who, figures[index], 100 * index + 50)
            who.saved(100 * index + 50)
        return who.capture()

    def fresh() -> Doctor:
        return Doctor(decode(DoctorSettings, {"patience": 150, "action": "stop"}, "test"), looks=LOOKS)

    whole = follow(fresh(), 0)
    assert len(whole["findings"]) >= 2
    for cut in range(1, len(figures)):
        first, second = fresh(), fresh()
        for index in range(cut):
            first.see({"sample_spread": 0.1 * index, "sample_nearest": 1.0}, examples=100 * index, steps=index)
            read(first, figures[index], 100 * index + 50)
            first.saved(100 * index + 50)
        second.restore(json.loads(json.dumps(first.capture(), allow_nan=False)))
        assert follow(second, cut) == whole


def test_what_was_captured_does_not_change() -> None:
    """A captured state is a copy: readings that follow do not reach it."""
    who = doctor(patience=1000)
    read(who, WINS, 100)
    captured = who.capture()
    text = json.dumps(captured)
    read(who, BALANCED, 2000)
    assert json.dumps(captured) == text


def test_findings_are_bounded() -> None:
    """A run that falls sick over and over keeps the last 200 findings."""
    who = doctor()
    for index in range(1, 500):
        read(who, WINS if index % 2 else BALANCED, index * 10)
    assert len(who.findings) == 200
    assert who.findings[-1].examples == 4990


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"actoin": "stop"}, "unknown key 'actoin'; did you mean 'action'"),
        ({"action": "panic"}, "'warn' or 'stop' or 'rollback' or 'off'"),
        ({"patience": -1}, "patience = -1"),
        ({"discriminator_wins": 1.5}, "discriminator_wins = 1.5"),
        ({"held_out": 0.6}, "from 0 to 0.5"),
        ({"rollback_lr": 0}, "above 0 to 1"),
        ({"held_out": 0.1, "held_out_split": "test"}, "two ways to the same"),
    ],
)
def test_settings_are_strict(table: dict[str, Any], says: str) -> None:
    """An unknown key, a value out of range and two ways at once are errors that say so."""
    with pytest.raises(ValueError, match=says):
        decode(DoctorSettings, table, "recipe x: doctor")
