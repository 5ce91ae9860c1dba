"""What is done about what the doctor says: a warning, a stop at the last healthy checkpoint, or a way back to it.

A way back ends the loop as a cut does, and `train` enters it again. What was changed (the learning rates, the random
numbers) follows from the number of ways back alone, which is part of the state: so a run that is killed at any moment
of it comes, resumed, to the same end.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NoReturn

import torch

from zoo.catalogue.recipes.recipe import Resolved
from zoo.catalogue.runs.folder import DOCTOR, checkpoints
from zoo.catalogue.runs.summary import gentler
from zoo.data.loading import Data
from zoo.errors import DiseaseError
from zoo.files import new_file, storage_errors
from zoo.nn.interfaces import Discriminator, Encoder
from zoo.nn.models import Model
from zoo.training.checkpoint import load_checkpoint
from zoo.training.doctor.diagnosis import Doctor, Finding
from zoo.training.doctor.symptoms import Symptoms
from zoo.training.doctor.watch import UNWATCHED, Watch
from zoo.training.state import TrainState

__all__ = ["Treatment", "WentBack", "watch_over"]

Watched = tuple[Data, Data | None]  # what is trained on, and what is held out
Sampled = Callable[[TrainState], Model]  # the model that a look samples
Tell = Callable[[str], None]


class WentBack(Exception):
    """The state is that of the last healthy checkpoint: enter the loop again."""


def watch_over(out: Path, resolved: Resolved, state: TrainState, data: Watched, *, model: Sampled, tell: Tell) -> Watch:
    """Who watches the run: a doctor, unless the recipe has it off."""
    if resolved.doctor.action == "off":
        return UNWATCHED
    symptoms = Symptoms(*data, samples=resolved.doctor.samples, modality=state.trainer.modality)
    return Treatment(out, resolved, state, symptoms, model=model, tell=tell)


class Treatment:
    """Watches a run in the folder `out`; `model` gives what a look samples, `tell` takes sentences.

    It gives the state its doctor, so that what it has read is saved with it.
    """

    def __init__(
        self,
        out: Path,
        resolved: Resolved,
        state: TrainState,
        symptoms: Symptoms,
        *,
        model: Sampled,
        tell: Tell,
    ) -> None:
        self.out, self.symptoms, self.model, self.tell = out, symptoms, model, tell
        self.settings, self.recipe, self.seed = resolved.doctor, resolved.recipe, resolved.recipe.seed
        self.rates = dict(state.trainer.base_rates)
        parts = state.trainer.parts.values()
        self.discriminator = next((part for part in parts if isinstance(part, Discriminator)), None)
        units = [float(math.prod(part.latent_shape)) for part in parts if isinstance(part, Encoder)]
        looks = symptoms.names(model(state), self.discriminator)
        self.doctor = Doctor(self.settings, facts={"latent_units": units[0]} if units else {}, looks=looks)
        state.doctor = self.doctor

    def begin(self, state: TrainState, save: Callable[[TrainState], None]) -> None:
        """Take up the run as it is; before its first step that state is saved, where a way back may lead to it."""
        self._slow_down(state)
        self._write(state)
        if self.settings.action == "rollback" and state.examples == 0 and self.doctor.healthy is None:
            self.saved(state)
            save(state)

    def _slow_down(self, state: TrainState) -> None:
        factor = self.settings.rollback_lr**self.doctor.rollbacks
        state.trainer.base_rates = {name: rate * factor for name, rate in self.rates.items()}

    def due(self, state: TrainState, before: int) -> bool:
        """Whether a look is due, `before` being the examples before the last step."""
        return before // self.settings.look_every != state.examples // self.settings.look_every

    def look(self, state: TrainState) -> None:
        """Look at the networks, and decide."""
        figures = self.symptoms.look(self.model(state), self.discriminator, apart=state.trainer.apart)
        figures = state.trainer.processes.mean(figures)  # all decide alike, however each has rounded
        self._heed(state, self.doctor.see(figures, examples=state.examples, steps=state.steps))

    def hear(self, state: TrainState, metrics: dict[str, float]) -> dict[str, float]:
        """Take a reading; gives it back with what looks have found since the last one."""
        self._heed(state, self.doctor.hear(metrics, examples=state.examples, steps=state.steps))
        return metrics | self.doctor.take()

    def weigh(self, state: TrainState) -> None:
        """Read the sum of all weights: what is not finite is not saved."""
        self._heed(state, self.doctor.finite(state.weights(), examples=state.examples, steps=state.steps))

    def saved(self, state: TrainState) -> None:
        """Note that a checkpoint is about to be saved that was due."""
        self.doctor.saved(state.examples)

    def end(self) -> None:
        """Say once more what was found, when the run is done, and whether it is still there."""
        found = {finding.disease: finding for finding in self.doctor.findings}
        for finding in found.values():
            gone = "" if finding.disease in self.doctor.told else " It was gone at the end."
            self.tell(f"the doctor found, at {finding.examples:,} examples: {finding.sentence}.{gone}")

    def _heed(self, state: TrainState, found: list[Finding]) -> None:
        if not found:
            return
        self._write(state)
        for finding in found:
            if finding.action == "warn":
                self.tell(f"doctor, at {finding.examples:,} examples: {finding.sentence}")
            elif finding.action == "rollback":
                self._go_back(state, finding)
            else:
                self._stop(state, finding)

    def _stop(self, state: TrainState, finding: Finding) -> NoReturn:
        """Raise DiseaseError; where a checkpoint is known to be healthy, the later ones are removed first."""
        healthy, left = self._healthy(), "no checkpoint is known to be healthy"
        if self.settings.action == "warn":  # not finite, and no checkpoint holds that
            found = checkpoints(self.folder)
            left = f"the last good checkpoint is {found[-1].name}" if found else "there is no checkpoint yet"
        elif healthy is not None:
            state.trainer.processes.once(partial(self._remove_after, healthy))
            left = f"the last healthy checkpoint, {healthy.name}, is now the newest"
        where = f"the doctor stopped the run at step {finding.steps} ({finding.examples:,} examples)"
        again = gentler(self.out, self.recipe)
        raise DiseaseError(f"{where}: {finding.sentence}; {left}" + (f"; go on more gently: {again}" if again else ""))

    def _go_back(self, state: TrainState, finding: Finding) -> NoReturn:
        """Take the state back to the last healthy checkpoint, change what leads on from there, raise WentBack."""
        healthy, doctor = self._healthy(), self.doctor
        if healthy is None:
            self._stop(state, finding)
        tensors, numbers = load_checkpoint(healthy)
        state.trainer.processes.once(partial(self._remove_after, healthy))
        kept = doctor.healthy, doctor.rollbacks, doctor.findings
        state.restore(tensors, numbers)
        doctor.gone_back(*kept)
        seed = (self.seed * 1_000_003 + doctor.rollbacks) % 2**32  # other numbers each time
        state.random.manual_seed(seed)  # the same for all processes
        torch.manual_seed(seed + 2**32 * (1 + state.trainer.processes.rank))  # what layers draw from is each's own
        self._slow_down(state)
        self._write(state)
        self.tell(
            f"doctor, at {finding.examples:,} examples: {finding.sentence}. The run goes back to {state.examples:,}, "
            f"with learning rates times {self.settings.rollback_lr**doctor.rollbacks:g} and other random numbers; it "
            f"may do so {self.settings.rollbacks - doctor.rollbacks} times more"
        )
        raise WentBack

    @property
    def folder(self) -> Path:
        """Where the checkpoints are."""
        return self.out / "checkpoints"

    def _healthy(self) -> Path | None:
        found = [path for path in checkpoints(self.folder) if int(path.name) == self.doctor.healthy]
        return found[0] if found else None

    def _remove_after(self, healthy: Path) -> None:
        for path in checkpoints(self.folder):
            if int(path.name) > int(healthy.name):
                with storage_errors(f"cannot remove the checkpoint {path}"):
                    shutil.rmtree(path)

    def _write(self, state: TrainState) -> None:
        state.trainer.processes.once(self._write_once)

    def _write_once(self) -> None:
        """Write doctor.jsonl, a line a finding; a run that has none has no such file."""
        findings, path = self.doctor.findings, self.out / DOCTOR
        if findings:
            with new_file(path) as aside:
                aside.write_text("".join(json.dumps(asdict(f)) + "\n" for f in findings), encoding="utf-8")
        else:
            with storage_errors(f"cannot remove {path}"):
                path.unlink(missing_ok=True)
