"""doctor.treatment: a run that is stopped at its last healthy checkpoint, or goes back to it, killed or not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.catalogue.recipes.recipe import Recipe
from zoo.catalogue.runs.folder import checkpoints
from zoo.configs import decode
from zoo.errors import ConfigError, DiseaseError, IntegrityError
from zoo.training import checkpoint as checkpoint_module
from zoo.training.attendant import Reading
from zoo.training.checkpoint import load_checkpoint
from zoo.training.export import export
from zoo.training.run import Run
from zoo.training.trainers.adversarial import AdversarialTrainer

MakeRecipe = Callable[..., Recipe]
Train = Callable[..., Run]
Contents = Callable[[Path], dict[str, str]]

CONFIG: dict[str, Any] = {"image_size": 8, "latent_size": 4, "generator_widths": [4], "discriminator_widths": [4, 4]}
STEPS = 16  # of 4 examples; a report a step, a checkpoint and a look every second one


class Killed(Exception):
    """Stands for what ends a process."""


@pytest.fixture
def make(tiny_recipe: MakeRecipe) -> MakeRecipe:
    """A recipe whose doctor acts on two sick reports in a row."""

    def recipe(*, doctor: dict[str, Any] | None = None, **changes: Any) -> Recipe:
        table = {"patience": 8, "samples": 8, "spread": 0, "nearest": 0, "generator_wins": 0} | (doctor or {})
        values: dict[str, Any] = {"examples": 4 * STEPS, "log_every": 4, "sample_every": 8, "checkpoint_every": 8}
        return tiny_recipe(**values | {"doctor": table} | changes)

    return recipe


@pytest.fixture
def falls_ill(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`falls_ill(9, above=1e-4)`: from the ninth step on the discriminator wins, while its rate is above that."""

    def patch(step: int, *, above: float = 0.0) -> None:
        learn, set_rates = AdversarialTrainer.step, AdversarialTrainer.set_rates
        now = [0]

        def notes(self: AdversarialTrainer, *, step: int, progress: float) -> None:
            now[0] = step + 1
            set_rates(self, step=step, progress=progress)

        def reports(self: AdversarialTrainer, pixels: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
            metrics = learn(self, pixels, labels)
            sick = now[0] >= step and self.optimizers["discriminator"].param_groups[0]["lr"] > above
            share = metrics["real_accuracy"].new_tensor(1.0 if sick else 0.5)
            lost = metrics["real_accuracy"].new_tensor(0.0)
            return metrics | {"real_accuracy": share, "fake_accuracy": share, "discriminator_loss": lost}

        monkeypatch.setattr(AdversarialTrainer, "set_rates", notes)
        monkeypatch.setattr(AdversarialTrainer, "step", reports)

    return patch


def names(out: Path) -> list[int]:
    return [int(path.name) for path in checkpoints(out / "checkpoints")]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def examples_of(out: Path) -> list[int]:
    return [line["examples"] for line in lines(out / "metrics.jsonl")]


def end_of(out: Path, contents: Contents) -> dict[str, Any]:
    """All that a run has come to: its last state, its last picture, its figures, and what was found."""
    newest = checkpoints(out / "checkpoints")[-1]
    figures = [{k: v for k, v in line.items() if k != "examples_per_second"} for line in lines(out / "metrics.jsonl")]
    picture = contents(out / "samples")[f"{4 * STEPS:012d}.png"]
    return contents(newest) | {"figures": figures, "found": lines(out / "doctor.jsonl"), "picture": picture}


# --- warn ----------------------------------------------------------------------------------------------------------


def test_a_warning_changes_nothing(
    tmp_path: Path, make: MakeRecipe, tiny_train: Train, falls_ill: Callable[..., None], registry: Any
) -> None:
    """By default a disease is said when it is found, once more at the end, and kept; what is learnt is the same."""
    falls_ill(9)
    told: list[str] = []
    tiny_train(make(), tmp_path / "run", warn=told.append)
    told = [line for line in told if "TensorBoard" not in line]
    assert [line.partition(": the")[0] for line in told] == [
        "doctor, at 40 examples",
        "the doctor found, at 40 examples",
    ]
    assert all("lower discriminator_lr" in line for line in told)
    (found,) = lines(tmp_path / "run/doctor.jsonl")
    assert (found["disease"], found["examples"], found["since"], found["action"]) == (
        "the discriminator wins",
        40,
        32,
        "warn",
    )
    assert names(tmp_path / "run") == [56, 64]
    tiny_train(make(doctor={"action": "off"}), tmp_path / "off")
    pins = [export(tmp_path / name, tmp_path / f"{name}-out", registry) for name in ("run", "off")]
    assert pins[0]["model.safetensors"] == pins[1]["model.safetensors"]
    assert pins[0]["discriminator.safetensors"] == pins[1]["discriminator.safetensors"]
    assert not (tmp_path / "off/doctor.jsonl").exists()


def test_looks_are_in_the_reports(tmp_path: Path, make: MakeRecipe, tiny_train: Train) -> None:
    """What a look shows is in the report that comes with it, and in no other."""
    tiny_train(make(doctor={"held_out_split": "test", "look_every": 16}), tmp_path / "run")
    of_a_look = {"sample_spread", "sample_nearest", "r_v", "r_t", "r_t_held_out"}
    seen = {line["examples"]: of_a_look & set(line) for line in lines(tmp_path / "run/metrics.jsonl")}
    assert {examples for examples, figures in seen.items() if figures == of_a_look} == {16, 32, 48, 64}
    assert {examples for examples, figures in seen.items() if figures} == {16, 32, 48, 64}


# --- stop ----------------------------------------------------------------------------------------------------------


def test_a_stop_leaves_the_last_healthy_checkpoint(
    tmp_path: Path,
    make: MakeRecipe,
    tiny_train: Train,
    falls_ill: Callable[..., None],
    contents: Contents,
    registry: Any,
) -> None:
    """A run that is stopped names disease, figure, step, remedy and checkpoint; what is newest was saved in health."""
    tiny_train(make(examples=32), tmp_path / "well")
    falls_ill(9)
    with pytest.raises(DiseaseError) as caught:
        tiny_train(make(doctor={"action": "stop", "patience": 16}), tmp_path / "run")
    text = str(caught.value)
    assert caught.value.exit_code == 4
    assert "\n" not in text
    for words in (
        "at step 12 (48 examples)",
        "the discriminator wins",
        "100.0 %",
        "lower discriminator_lr",
        "000000000032",
    ):
        assert words in text
    assert names(tmp_path / "run") == [32]
    export(tmp_path / "run", tmp_path / "exported", registry)
    export(tmp_path / "well", tmp_path / "expected", registry)
    for file in ("model.safetensors", "discriminator.safetensors"):
        assert contents(tmp_path / "exported")[file] == contents(tmp_path / "expected")[file]


def test_a_stopped_run_goes_on_when_the_doctor_is_told_to_warn(
    tmp_path: Path, make: MakeRecipe, tiny_train: Train, falls_ill: Callable[..., None], contents: Contents
) -> None:
    """What the doctor does may change on a resume: the run ends in the weights of one that was only warned."""
    falls_ill(9)
    tiny_train(make(), tmp_path / "warned")
    with pytest.raises(DiseaseError):
        tiny_train(make(doctor={"action": "stop"}), tmp_path / "run")
    tiny_train(make(), tmp_path / "run", resume=True)
    assert end_of(tmp_path / "run", contents) == end_of(tmp_path / "warned", contents)


def test_without_a_healthy_checkpoint_a_stop_says_so(
    tmp_path: Path, make: MakeRecipe, tiny_train: Train, falls_ill: Callable[..., None]
) -> None:
    """A run that was never well keeps what it has saved, and is told that none of it is known to be healthy."""
    falls_ill(1)
    with pytest.raises(DiseaseError, match="no checkpoint is known to be healthy"):
        tiny_train(make(doctor={"action": "stop", "patience": 20}), tmp_path / "run")
    assert names(tmp_path / "run") == [8, 16]


def test_the_healthy_checkpoint_outlives_two_later_ones(
    tmp_path: Path, make: MakeRecipe, tiny_train: Train, falls_ill: Callable[..., None]
) -> None:
    """However long a disease takes to be told, the checkpoint before it is still there."""
    falls_ill(5)
    seen: dict[int, list[int]] = {}

    def look(progress: Reading) -> None:
        seen[progress.examples] = names(tmp_path / "run")

    with pytest.raises(DiseaseError, match="last healthy checkpoint, 000000000016"):
        tiny_train(make(doctor={"action": "stop", "patience": 40}), tmp_path / "run", report=look)
    assert seen[52] == [16, 40, 48]
    assert names(tmp_path / "run") == [16]


# --- rollback ------------------------------------------------------------------------------------------------------

BACK = {"action": "rollback"}
ILL = {"step": 9, "above": 1.5e-4}  # the rate of the tiny recipe is 2e-4: half of it cures


def test_a_rollback_goes_on_from_health_with_half_the_rate(
    tmp_path: Path, make: MakeRecipe, tiny_train: Train, falls_ill: Callable[..., None]
) -> None:
    """The run goes back to its last healthy checkpoint, is changed as it says, and comes to its end."""
    falls_ill(ILL["step"], above=ILL["above"])
    told: list[str] = []
    reported: list[int] = []
    tiny_train(
        make(doctor=BACK),
        tmp_path / "run",
        warn=told.append,
        report=lambda progress: reported.append(progress.examples),
    )
    (said,) = [line for line in told if "goes back" in line]
    assert "back to 32, with learning rates times 0.5 and other random numbers; it may do so 2 times more" in said
    assert reported == [*range(4, 40, 4), *range(36, 68, 4)]
    assert examples_of(tmp_path / "run") == list(range(4, 68, 4))
    (found,) = lines(tmp_path / "run/doctor.jsonl")
    assert (found["examples"], found["since"], found["action"]) == (40, 32, "rollback")
    assert names(tmp_path / "run")[-2:] == [56, 64]


def test_a_rollback_draws_other_numbers_at_half_the_rate(
    tmp_path: Path, make: MakeRecipe, tiny_train: Train, falls_ill: Callable[..., None], contents: Contents
) -> None:
    """What follows is neither what an unwatched run learns, nor what one with a rate factor of 1 learns."""
    falls_ill(ILL["step"], above=ILL["above"])
    found = []
    for name, table in {"back": BACK, "warned": {}, "fast": BACK | {"rollback_lr": 0.7}}.items():
        tiny_train(make(doctor=table), tmp_path / name)
        found.append(contents(checkpoints(tmp_path / name / "checkpoints")[-1])["state.safetensors"])
    assert len(set(found)) == 3


@pytest.mark.parametrize("cut", [8, 32, 36, 40, 44, 56, 64])
def test_a_run_killed_around_a_rollback_ends_alike(
    cut: int, tmp_path: Path, make: MakeRecipe, tiny_train: Train, falls_ill: Callable[..., None], contents: Contents
) -> None:
    """Killed before, in or after its way back, a resumed run ends in the same bytes, figures and findings."""
    falls_ill(ILL["step"], above=ILL["above"])
    recipe = make(doctor=BACK, config=CONFIG | {"dropout": 0.3})
    tiny_train(recipe, tmp_path / "whole")
    reported: list[int] = []

    def die(progress: Reading) -> None:
        reported.append(progress.examples)
        if progress.examples == cut and (cut <= 36 or len(reported) > 9):  # beyond: the second time
            raise Killed

    with pytest.raises(Killed):
        tiny_train(recipe, tmp_path / "cut", report=die)
    tiny_train(recipe, tmp_path / "cut", resume=True)
    assert end_of(tmp_path / "cut", contents) == end_of(tmp_path / "whole", contents)


@pytest.mark.parametrize("steps", [1, 8, 9, 10, 11, 13])
def test_a_run_stopped_around_a_rollback_ends_alike(
    steps: int,
    tmp_path: Path,
    make: MakeRecipe,
    tiny_train: Train,
    falls_ill: Callable[..., None],
    contents: Contents,
) -> None:
    """A signal saves where no checkpoint is due, and between two reports: the doctor goes on as if nothing had been."""
    falls_ill(ILL["step"], above=ILL["above"])
    recipe = make(doctor=BACK, log_every=8)
    tiny_train(recipe, tmp_path / "whole")
    left = [steps]

    def stop() -> bool:
        left[0] -= 1
        return left[0] == 0

    tiny_train(recipe, tmp_path / "cut", stop=stop)
    tiny_train(recipe, tmp_path / "cut", resume=True)
    assert end_of(tmp_path / "cut", contents) == end_of(tmp_path / "whole", contents)


@pytest.mark.parametrize("victims", [1, 2])
def test_a_run_killed_while_it_removes_checkpoints_ends_alike(
    victims: int,
    tmp_path: Path,
    make: MakeRecipe,
    tiny_train: Train,
    falls_ill: Callable[..., None],
    contents: Contents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed when so many of the later checkpoints are gone, one of them half, it goes back again and ends alike."""
    falls_ill(5, above=ILL["above"])
    recipe = make(doctor=BACK | {"patience": 30})  # told at 48: 24, 32 and 40 were saved in sickness
    tiny_train(recipe, tmp_path / "whole")
    rmtree, gone = shutil.rmtree, [0]

    def dies(path: Path, **more: Any) -> None:
        if path.name.isdecimal() and int(path.name) > 16 and not more:
            gone[0] += 1
            if gone[0] == victims:
                (path / checkpoint_module.NUMBERS).unlink()
                raise Killed
        rmtree(path, **more)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", dies)
        with pytest.raises(Killed):
            tiny_train(recipe, tmp_path / "cut")
    tiny_train(recipe, tmp_path / "cut", resume=True)
    assert end_of(tmp_path / "cut", contents) == end_of(tmp_path / "whole", contents)


def test_a_run_never_well_goes_back_to_its_beginning_and_then_stops(
    tmp_path: Path, make: MakeRecipe, tiny_train: Train, falls_ill: Callable[..., None]
) -> None:
    """What is sick from the first step goes back to it, as often as it may, and is then stopped there."""
    falls_ill(1)
    told: list[str] = []
    with pytest.raises(DiseaseError, match="the last healthy checkpoint, 000000000000, is now the newest"):
        tiny_train(make(doctor=BACK | {"rollbacks": 2}), tmp_path / "run", warn=told.append)
    assert [line.count("goes back to 0, with") for line in told if "goes back" in line] == [1, 1]
    assert [line["action"] for line in lines(tmp_path / "run/doctor.jsonl")] == ["rollback", "rollback", "stop"]
    assert names(tmp_path / "run") == [0]


def test_a_run_that_stays_well_is_not_changed_by_its_doctor(
    tmp_path: Path, make: MakeRecipe, tiny_train: Train, registry: Any
) -> None:
    """A doctor who may go back and never has to leaves the same model as none."""
    quiet = {"discriminator_wins": 0}
    for name, table in {"watched": BACK | quiet, "off": {"action": "off"}}.items():
        tiny_train(make(doctor=table), tmp_path / name)
    pins = [export(tmp_path / name, tmp_path / f"{name}-out", registry) for name in ("watched", "off")]
    assert pins[0]["model.safetensors"] == pins[1]["model.safetensors"]


def test_what_is_not_finite_is_rolled_back(
    tmp_path: Path, make: MakeRecipe, tiny_train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NaN is a disease like the others where the recipe asks for a way back; at the same rate the random numbers alone
    lead elsewhere.
    """
    recipe = make(doctor=BACK | {"rollback_lr": 1, "discriminator_wins": 0})
    tiny_train(recipe, tmp_path / "well")
    learn, left = AdversarialTrainer.step, [6]

    def poisoned(self: AdversarialTrainer, *batch: Any) -> dict[str, Tensor]:
        left[0] -= 1
        metrics = learn(self, *batch)
        return metrics | ({"generator_loss": metrics["generator_loss"] * float("nan")} if left[0] == 0 else {})

    monkeypatch.setattr(AdversarialTrainer, "step", poisoned)
    tiny_train(recipe, tmp_path / "run")
    (found,) = lines(tmp_path / "run/doctor.jsonl")
    assert (found["disease"], found["examples"], found["action"]) == ("not finite", 24, "rollback")
    assert examples_of(tmp_path / "run") == list(range(4, 68, 4))
    well, run = (load_checkpoint(checkpoints(tmp_path / name / "checkpoints")[-1])[0] for name in ("well", "run"))
    for part in ("generator", "discriminator"):
        learnt = [key for key in well if key.startswith(f"parts.{part}.") and key.endswith("weight")]
        assert any(not torch.equal(well[key], run[key]) for key in learnt)


def test_a_damaged_healthy_checkpoint_is_named(
    tmp_path: Path, make: MakeRecipe, tiny_train: Train, falls_ill: Callable[..., None]
) -> None:
    """A way back to a checkpoint whose bytes have changed is refused by its name, and nothing is removed."""
    falls_ill(ILL["step"], above=ILL["above"])
    path = tmp_path / "run/checkpoints/000000000032/state.safetensors"

    def damage(progress: Reading) -> None:
        if progress.examples == 36:
            path.write_bytes(path.read_bytes()[:-1] + b"x")

    with pytest.raises(IntegrityError, match="000000000032 is damaged"):
        tiny_train(make(doctor=BACK), tmp_path / "run", report=damage)
    assert names(tmp_path / "run") == [24, 32]


# --- what may change on a resume -----------------------------------------------------------------------------------


def test_what_is_held_out_belongs_to_the_run(tmp_path: Path, make: MakeRecipe, tiny_train: Train) -> None:
    """Thresholds may change on a resume; what is held out of the training data may not."""
    tiny_train(make(doctor={"held_out": 0.25}), tmp_path / "run", stop=lambda: True)
    with pytest.raises(ConfigError, match=r"doctor\.held_out: 0.25 -> 0.2"):
        tiny_train(make(doctor={"held_out": 0.2}), tmp_path / "run", resume=True)
    tiny_train(make(doctor={"held_out": 0.25, "discriminator_wins": 0}), tmp_path / "run", resume=True)
    assert names(tmp_path / "run")[-1] == 4 * STEPS


def test_a_held_out_share_is_not_trained_on(tmp_path: Path, make: MakeRecipe, tiny_train: Train) -> None:
    """The run's facts count what it trains on, and what was held out."""
    run = tiny_train(make(doctor={"held_out": 0.25}), tmp_path / "run", stop=lambda: True)
    whole = tiny_train(make(), tmp_path / "whole", stop=lambda: True)
    count = whole.recorded.facts["data"]["count"]
    assert (run.recorded.facts["data"]["count"], run.recorded.facts["held_out"]["count"]) == (
        count - round(count / 4),
        round(count / 4),
    )


def test_a_run_of_before_the_doctor_goes_on(
    tmp_path: Path, make: MakeRecipe, tiny_train: Train, contents: Contents
) -> None:
    """A run folder whose recipe and checkpoints know of no doctor is resumed."""
    recipe = decode(Recipe, {**vars(make()), "doctor": {"action": "off"}}, "test")
    tiny_train(recipe, tmp_path / "run", stop=lambda: True)
    path = tmp_path / "run/recipe.json"
    data = json.loads(path.read_text())
    del data["recipe"]["doctor"]
    path.write_text(json.dumps(data))
    tiny_train(make(), tmp_path / "run", resume=True)
    assert names(tmp_path / "run")[-1] == 4 * STEPS
