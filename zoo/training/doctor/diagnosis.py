"""Says what is wrong with a run, and since when: decisions only, from figures that others measured.

The figures are those of the readings, by the names trainers give them, and those of a look (`doctor.symptoms`). A
disease of which a run gives no figures is not watched for. Nothing here reads a clock, a tensor or a random number:
with many processes the same figures make the same decision on each.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from zoo.catalogue.recipes.recipe import DoctorSettings

__all__ = ["DISEASES", "Disease", "Doctor", "Finding"]

Figures = Mapping[str, float]
MOST = 200  # findings that a run keeps


@dataclass(frozen=True, kw_only=True)
class Disease:
    """One thing that goes wrong: when it is there, how it is said, what helps, and the figures it shows in."""

    name: str
    sick: Callable[[Figures, DoctorSettings], bool | None]  # None: it is not watched for, or these figures do not tell
    says: Callable[[Figures], str]
    remedy: str
    figures: tuple[str, ...]


def _known(f: Figures, *names: str) -> bool:
    return all(name in f for name in names)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


# --- the discriminator wins, or the generator ----------------------------------------------------------------------

ACCURACIES = ("real_accuracy", "fake_accuracy")
LOSSES = {"discriminator_loss": "its loss is", "generator_loss": "the generator's"}


def _discriminator_wins(f: Figures, s: DoctorSettings) -> bool | None:
    if not s.discriminator_wins or not _known(f, *ACCURACIES):
        return None
    sure = f.get("discriminator_loss", 0.0) <= s.discriminator_loss  # else it still teaches, however often it is right
    return sure and min(f["real_accuracy"], f["fake_accuracy"]) >= s.discriminator_wins


def _of_the_discriminator(f: Figures) -> str:
    losses = "".join(f", {words} {f[name]:.2g}" for name, words in LOSSES.items() if name in f)
    real, fake = (_percent(f[name]) for name in ACCURACIES)
    return f"it tells {real} of the real and {fake} of the fake examples right{losses}"


def _generator_wins(f: Figures, s: DoctorSettings) -> bool | None:
    if not s.generator_wins or not _known(f, *ACCURACIES):
        return None
    return (f["real_accuracy"] + f["fake_accuracy"]) / 2 <= s.generator_wins


def _of_the_generator(f: Figures) -> str:
    real, fake = (f[name] for name in ACCURACIES)
    return (
        f"the discriminator tells {_percent((real + fake) / 2)} of all examples right, where guessing gives 50 % "
        f"(real {_percent(real)}, fake {_percent(fake)})"
    )


# --- what a look shows ---------------------------------------------------------------------------------------------


def _mode_collapse(f: Figures, s: DoctorSettings) -> bool | None:
    limits = {"sample_spread": s.spread, "sample_nearest": s.nearest}
    sick = [f[name] <= limit for name, limit in limits.items() if limit and name in f]
    return any(sick) if sick else None


def _of_the_samples(f: Figures) -> str:
    words = {
        "sample_spread": "two samples differ by {} of what two training examples do",
        "sample_nearest": "the nearest other sample is at {} of the distance usual between training examples",
    }
    return ", and ".join(text.format(_percent(f[name])) for name, text in words.items() if name in f)


def _overfits(f: Figures, s: DoctorSettings) -> bool | None:
    return f["r_v"] >= s.overfitting if s.overfitting and _known(f, "r_v", "r_t", "r_t_held_out") else None


def _of_the_held_out(f: Figures) -> str:
    seen, held_out = (_percent((1 + f[name]) / 2) for name in ("r_t", "r_t_held_out"))
    return (
        f"r_v is {f['r_v']:.2f}, where 0 is healthy and 1 takes unseen examples for fakes; it calls {seen} of the "
        f"training examples real, and {held_out} of those held out"
    )


# --- the latents ---------------------------------------------------------------------------------------------------


def _posterior_collapse(f: Figures, s: DoctorSettings) -> bool | None:
    sick = []
    if s.active_units and _known(f, "active_units", "latent_units"):
        sick.append(f["active_units"] <= s.active_units * f["latent_units"])
    if s.kl and _known(f, "kl"):
        sick.append(f["kl"] <= s.kl)
    return any(sick) if sick else None


def _of_the_latents(f: Figures) -> str:
    said = []
    if _known(f, "active_units", "latent_units"):
        said.append(f"{f['active_units']:.1f} of {f['latent_units']:.0f} latent units are in use")
    if _known(f, "kl"):
        said.append(f"the latent tells {f['kl']:.2g} nats of an image")
    return ", and ".join(said)


DISEASES = (
    Disease(
        name="the discriminator wins",
        sick=_discriminator_wins,
        says=_of_the_discriminator,
        remedy="lower discriminator_lr, or add label_noise, augment, or dropout in the discriminator",
        figures=(*ACCURACIES, *LOSSES),
    ),
    Disease(
        name="the generator wins",
        sick=_generator_wins,
        says=_of_the_generator,
        remedy="raise discriminator_lr or widen the discriminator, or take label_noise and dropout away",
        figures=(*ACCURACIES, *LOSSES),
    ),
    Disease(
        name="mode collapse",
        sick=_mode_collapse,
        says=_of_the_samples,
        remedy="lower generator_lr, take a larger batch, switch mix_batches off, or give the networks a norm",
        figures=("sample_spread", "sample_nearest"),
    ),
    Disease(
        name="the discriminator overfits",
        sick=_overfits,
        says=_of_the_held_out,
        remedy="add augment, flips or more data, add dropout, or narrow the discriminator",
        figures=("r_v", "r_t", "r_t_held_out"),
    ),
    Disease(
        name="posterior collapse",
        sick=_posterior_collapse,
        says=_of_the_latents,
        remedy="lower beta or sparsity, lower lr, or give kl_warmup or free_bits",
        figures=("active_units", "latent_units", "kl"),
    ),
)
NOT_FINITE = "not finite"
STATE = ("well", "ill", "told", "heard", "noted", "candidate", "healthy", "rollbacks")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A disease that was told, and what was done."""

    disease: str
    examples: int  # at which it was found
    steps: int
    since: int  # examples: before the first of the readings that showed it
    figures: dict[str, float]
    sentence: str
    action: str  # "warn", "stop" or "rollback"


class Doctor:
    """Keeps what it has read of a run, and so knows what is wrong and which checkpoint was the last healthy one.

    `facts` are figures that never change (`latent_units`); `looks` the names of those that only a look shows, so that
    no checkpoint counts as healthy before one.
    """

    def __init__(self, settings: DoctorSettings, *, facts: Figures | None = None, looks: Iterable[str] = ()) -> None:
        self.settings, self.facts = settings, dict(facts or {})
        expected = dict.fromkeys(looks, 1.0)
        self.well = {d.name: 0 for d in DISEASES if d.sick(expected, settings) is not None}  # last good reading
        self.ill: dict[str, int] = {}  # where the unbroken sick readings of a disease begin
        self.told: list[str] = []  # diseases that were told since they began
        self.heard = 0  # examples at the last reading
        self.noted: dict[str, float] = {}  # a look's figures that no reading has given yet
        self.candidate: int | None = None  # the newest checkpoint of which no later reading is known
        self.healthy: int | None = None  # the newest checkpoint that every disease was read after, and found absent
        self.rollbacks = 0
        self.findings: list[Finding] = []

    def hear(self, metrics: Figures, *, examples: int, steps: int) -> list[Finding]:
        """Take a reading, the means of all steps since the last one. Gives what is told now."""
        since, self.heard = self.heard, examples
        return self._read({**self.facts, **metrics}, since=since, examples=examples, steps=steps)

    def see(self, figures: Figures, *, examples: int, steps: int) -> list[Finding]:
        """Read a look, the networks as they are. Gives what is told now; the next reading takes the figures along."""
        self.noted.update({name: value for name, value in figures.items() if math.isfinite(value)})
        return self._read(figures, since=examples, examples=examples, steps=steps)

    def finite(self, figures: Figures, *, examples: int, steps: int) -> list[Finding]:
        """Read figures that are sick only when they are not finite. Gives what is told now."""
        bad = [(name, value) for name, value in figures.items() if not math.isfinite(value)]
        return [self._not_finite(name, value, examples, steps) for name, value in bad[:1]]

    def take(self) -> dict[str, float]:
        """The figures of looks since the last reading."""
        taken, self.noted = self.noted, {}
        return taken

    def _read(self, figures: Figures, *, since: int, examples: int, steps: int) -> list[Finding]:
        if found := self.finite(figures, examples=examples, steps=steps):
            return found
        for disease in DISEASES:
            sick = disease.sick(figures, self.settings)
            if sick is None:
                continue
            if not sick:
                self.well[disease.name] = examples
                self.ill.pop(disease.name, None)
                self.told = [name for name in self.told if name != disease.name]
                continue
            begin = max(self.ill.setdefault(disease.name, since), self.settings.grace)
            self.candidate = None  # nobody knows whether it was healthy
            if examples - begin >= self.settings.patience and disease.name not in self.told:
                found.append(self._finding(disease, figures, begin=begin, examples=examples, steps=steps))
        self._settle()
        return found

    def _finding(self, disease: Disease, figures: Figures, *, begin: int, examples: int, steps: int) -> Finding:
        when = f"over the last {examples - begin:,} examples" if examples > begin else f"after {examples:,} examples"
        sentence = f"{disease.name}: {disease.says(figures)}, {when}; {disease.remedy}"
        kept = {name: figures[name] for name in disease.figures if name in figures}
        return self._tell(disease.name, sentence, kept, since=begin, examples=examples, steps=steps)

    def _not_finite(self, name: str, value: float, examples: int, steps: int) -> Finding:
        sentence = f"{name} is {value} at step {steps}; lower the learning rates or clip gradients"
        self.candidate = None
        return self._tell(NOT_FINITE, sentence, {}, since=self.heard, examples=examples, steps=steps)

    def _tell(
        self, disease: str, sentence: str, figures: dict[str, float], *, since: int, examples: int, steps: int
    ) -> Finding:
        action = self.settings.action
        if action == "rollback" and self.rollbacks >= self.settings.rollbacks:
            action = "stop"
        elif disease == NOT_FINITE and action == "warn":
            action = "stop"  # there is nothing to go on from
        finding = Finding(
            disease=disease,
            examples=examples,
            steps=steps,
            since=since,
            figures=figures,
            sentence=sentence,
            action=action,
        )
        self.told.append(disease)
        self.findings = [*self.findings, finding][-MOST:]
        return finding

    def saved(self, examples: int) -> None:
        """Note that a checkpoint is saved that was due: one that a signal asked for is not there each time."""
        self.candidate = None if self.ill else examples
        self._settle()

    def _settle(self) -> None:
        if self.candidate is not None and min([self.heard, *self.well.values()]) >= self.candidate:
            self.healthy, self.candidate = self.candidate, None

    def keep(self) -> set[int]:
        """The checkpoints, by examples, that a rollback or a stop may go back to."""
        if self.settings.action not in ("stop", "rollback"):
            return set()
        return {examples for examples in (self.healthy, self.candidate) if examples is not None}

    def gone_back(self, healthy: int | None, rollbacks: int, findings: list[Finding]) -> None:
        """After a rollback, when all else is as it was at the healthy checkpoint: what is not forgotten."""
        self.healthy, self.candidate = healthy, None
        self.rollbacks, self.findings = rollbacks + 1, findings

    def capture(self) -> dict[str, Any]:
        """Its state, JSON-able: with it a resumed run comes to the same decisions."""
        state = {name: copy.copy(getattr(self, name)) for name in STATE}  # what was captured must not change
        return state | {"findings": [asdict(finding) for finding in self.findings]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a captured state."""
        for name in STATE:
            setattr(self, name, copy.copy(state[name]))
        self.findings = [Finding(**finding) for finding in state["findings"]]
