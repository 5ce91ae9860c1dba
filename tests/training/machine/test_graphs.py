"""zoo.training.machine.graphs: a run of replayed steps is the run that it would be without, to the last bit.

A CUDA graph is stood for by `TapeRecorder`, which keeps operations as a graph does; only PyTorch's own capture is not
exercised without a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from training.cutting import Contents, Cut, MakeRecipe, Train, after, cut_at, metrics, result
from training.machine.tape import TapeRecorder
from training.trainers.test_vae_gan import make as vae_gan

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.recipes.recipe import resolve
from zoo.data.batches import Batches
from zoo.data.loading import Examples
from zoo.data.rows import Rows
from zoo.training.attendant import Attendant
from zoo.training.loop import train_loop
from zoo.training.machine import graphs
from zoo.training.state import TrainState, first_state
from zoo.training.trainer import Figures
from zoo.training.trainers.adversarial import AdversarialTrainer

DRAWN = torch.randint(0, 256, (20, 3, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
TOKENS = torch.randint(0, 7, (20, 12), generator=torch.Generator().manual_seed(0))
GAN: dict[str, Any] = {
    "image_size": 8,
    "latent_size": 4,
    "generator_widths": [4],
    "discriminator_widths": [4, 4],
}
VAE: dict[str, Any] = {"architecture": "mlp-vae", "trainer": "vae"}
TEXT: dict[str, Any] = {"vocabulary": 7, "length": 12}
KINDS: dict[str, dict[str, Any]] = {  # of runs; what is varied and scheduled in each is in its tensors, not in Python
    "non-saturating": {"settings": {"label_noise": 0.1, "decay": 0.1, "clip_norm": 1.0}},
    "hinge": {"settings": {"loss": "hinge", "augment": ["color", "translation", "cutout"], "anneal": 0.5}},
    "relativistic, lazy penalties": {
        "settings": {"loss": "relativistic", "r1": 1.0, "r2": 1.0, "penalty_every": 4, "penalty_end": 0.1},
        "config": GAN | {"discriminator_norm": "none", "dropout": 0.3},
    },
    "classes and wrong labels": {
        "settings": {"loss": "relativistic", "mismatch": 1.0, "fresh_fakes": False},
        "config": GAN | {"discriminator_norm": "none", "num_classes": 3},
    },
    "wasserstein, critics first": {
        "settings": {"loss": "wasserstein", "gradient_penalty": 10.0, "generator_every": 2},
        "config": GAN | {"discriminator_norm": "none"},
    },
    "steered, same fakes, spectral norm": {
        "settings": {"augment": ["cutout"], "augment_target": 0.6, "augment_reach": 1000, "fresh_fakes": False},
        "config": GAN | {"discriminator_norm": "spectral"},
    },
    "bfloat16": {"settings": {"precision": "bfloat16"}},
    "vae": VAE
    | {
        "config": {"image_size": 8, "channels": 3, "latent_size": 3, "hidden": [8]},
        "settings": {"binarise": True, "samples": 2, "flips": True, "kl_warmup": 60, "scaling": "book"},
    },
}
Made = Callable[[], TrainState]


def run(make: Made, recipe: Any, recorder: TapeRecorder | None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run the loop, recorded by that recorder where there is one; gives what was said."""
    said: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(graphs, "recorder_of", lambda device: recorder)
        train_loop(
            make(), recipe, sample=lambda _: None, checkpoint=lambda _: None, attendant=Attendant(warn=said.append)
        )
    return said


def both(
    make: Made, recipe: Any, monkeypatch: pytest.MonkeyPatch, recorder: TapeRecorder | None = None
) -> tuple[TapeRecorder, list[str]]:
    """Run plain and recorded, and compare all that the runs are; gives the recorder, and what was said."""
    recorder = recorder or TapeRecorder()
    ends, said = [], []
    for used in (None, recorder):
        torch.manual_seed(0)
        state = make()
        said = run(lambda state=state: state, recipe, used, monkeypatch)  # type: ignore[misc]
        ends.append(state.capture())
    (plain, numbers), (replayed, others) = ends
    assert numbers == others
    assert plain.keys() == replayed.keys()
    assert [key for key in plain if not torch.equal(plain[key], replayed[key])] == []
    return recorder, said


def maker(registry: Registry, recipe: Any) -> Made:
    resolved = resolve(recipe, registry)
    labels = torch.arange(len(DRAWN)) % 3
    return lambda: first_state(resolved, Examples(data=DRAWN, labels=labels, classes=("a", "b", "c")))


@pytest.mark.parametrize("kind", KINDS)
def test_replayed_steps_are_the_steps(
    kind: str, registry: Registry, tiny_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights, averages, optimizers, random numbers and metrics are the same bits after twenty steps, over epochs."""
    monkeypatch.setattr("zoo.training.trainer.computes_bfloat16", lambda device: True)
    recipe = tiny_recipe(**({"examples": 80, "log_every": 1000, "config": GAN} | KINDS[kind]))
    recorder, said = both(maker(registry, recipe), recipe, monkeypatch)
    assert said == []
    assert recorder.alones == graphs.WARM * recorder.records
    assert recorder.alones + recorder.records + recorder.replays == 20
    assert recorder.replays >= 8
    assert (recorder.records > 1) == ("," in kind)  # a recording for each variant of the step


@pytest.mark.parametrize("encoder_plays", [True, False])
def test_a_vae_gan_is_replayed_too(
    encoder_plays: bool, tiny_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Examples and reconstructions are augmented alike in every replay, with draws that are new each time."""
    settings = {"augment": ("color", "cutout"), "r1": 1.0, "penalty_every": 2, "encoder_plays": encoder_plays}

    def make() -> TrainState:
        trainer = vae_gan(**settings)
        return TrainState(trainer, Batches(DRAWN, batch_size=4, seed=0), trainer.random, ema_half_life=8.0)

    recorder, said = both(make, tiny_recipe(examples=64), monkeypatch)
    assert (said, recorder.records, recorder.replays) == ([], 2, 8)


@pytest.mark.parametrize("architecture", ["gpt", "char-lstm"])
def test_networks_of_tokens_are_replayed_too(
    architecture: str, registry: Registry, tiny_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a rate that rises first and an optimizer of two groups of weights."""
    recipe = tiny_recipe(
        architecture=architecture,
        trainer="likelihood",
        dataset="shakespeare-lines",
        config=TEXT,
        settings={"warmup": 5, "weight_decay": 0.1},
        examples=32,
    )
    resolved = resolve(recipe, registry)
    about = {"vocabulary": "abcdefg"}
    recorder, said = both(lambda: first_state(resolved, Examples(data=TOKENS, about=about)), recipe, monkeypatch)
    assert (said, recorder.records, recorder.replays) == ([], 1, 4)


@pytest.mark.parametrize("examples", [8, 24, 40])
def test_a_replayed_run_that_dies_goes_on_to_the_last_bit(
    examples: int,
    tmp_path: Path,
    tiny_recipe: MakeRecipe,
    tiny_train: Train,
    contents: Contents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cut while steps are still taken as they are, or replayed, it ends in the bytes of a plain run that was not."""
    settings = {"loss": "relativistic", "r1": 1.0, "r2": 1.0, "penalty_every": 2, "penalty_end": 0.5, "decay": 0.1}
    config = GAN | {"discriminator_norm": "none", "dropout": 0.3}
    recipe = tiny_recipe(examples=80, config=config, settings=settings)
    tiny_train(recipe, tmp_path / "plain")
    recorders = []

    def recorder_of(device: torch.device) -> TapeRecorder:
        recorders.append(TapeRecorder())
        return recorders[-1]

    monkeypatch.setattr(graphs, "recorder_of", recorder_of)
    with pytest.raises(Cut):
        tiny_train(recipe, tmp_path / "cut", report=cut_at(examples))
    tiny_train(recipe, tmp_path / "cut", resume=True)
    assert [recorder.replays > 0 for recorder in recorders] == [examples > 32, True]
    assert result(tmp_path / "cut", contents) == result(tmp_path / "plain", contents)
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "plain")


def test_the_stand_in_keeps_numbers_as_a_graph_does(
    registry: Registry, tiny_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that takes a number from Python which is not `scheduled` is another one when replayed: it shows here."""
    settings = {"r1": 1.0, "penalty_end": 0.01}
    recipe = tiny_recipe(examples=40, settings=settings, config=GAN | {"discriminator_norm": "none"})
    monkeypatch.setattr(AdversarialTrainer, "now", AdversarialTrainer.scheduled)
    with pytest.raises(AssertionError, match=r"parts\.generator"):
        both(maker(registry, recipe), recipe, monkeypatch)


# --- what is not replayed ------------------------------------------------------------------------------------------


def test_on_a_cpu_nothing_is_recorded() -> None:
    """The loop does there what it always did."""
    assert graphs.recorder_of(torch.device("cpu")) is None


def test_data_go_to_a_gpu_where_a_third_of_its_free_memory_holds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line says so, or that they do not; on a CPU nothing is moved or said."""
    batches = Batches(DRAWN[:3], batch_size=2, seed=0)
    assert batches.data.nbytes == 576
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (3 * 576 - 1, 10**9))
    (line,) = graphs.place_data(batches, torch.device("cuda"))
    assert line == "the data stay in the computer's memory: 0 MB are more than a third of what is free on cuda"
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (3 * 576, 10**9))
    moved: list[torch.device] = []
    monkeypatch.setattr(batches, "move", lambda device, room: moved.append(device) or room)
    assert graphs.place_data(batches, torch.device("cuda")) == ["the data lie on cuda: 0 MB"]
    assert graphs.place_data(batches, torch.device("cpu")) == []
    assert moved == [torch.device("cuda")]


def _own_draw(self: Any, x: Tensor, labels: Tensor | None) -> Figures:
    torch.rand(1, generator=self.random)
    return STEP(self, x, labels)


def _other_draws(self: Any, x: Tensor, labels: Tensor | None) -> Figures:
    self.draws.uniform(1 + self.steps % 2)
    return STEP(self, x, labels)


def _new_weights(self: Any, x: Tensor, labels: Tensor | None) -> Figures:
    norm = next(layer for layer in self.generator.modules() if isinstance(layer, nn.BatchNorm2d))
    norm.running_mean = norm.running_mean.clone()
    return STEP(self, x, labels)


STEP = AdversarialTrainer.step


class Refuses(TapeRecorder):
    """Cannot record anything."""

    def record(self, step: Callable[[], Figures]) -> tuple[Figures, Callable[[], None]]:
        raise RuntimeError("operation not permitted when stream is capturing\nand more")


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({"accumulate": 2}, "batches are cut into pieces"),
        ({"step": _own_draw}, "it draws numbers otherwise than by its `draws`"),
        ({"step": _other_draws}, "its steps differ in what they draw"),
        ({"step": _new_weights}, "it puts new tensors into the place of its weights or buffers"),
        ({"variant": lambda self: None}, "AdversarialTrainer does not say that it can be replayed"),
        ({"recorder": Refuses()}, "it could not be recorded (operation not permitted when stream is capturing)"),
    ],
)
def test_what_cannot_be_replayed_runs_as_it_is_and_says_so_once(
    what: dict[str, Any], says: str, registry: Registry, tiny_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is the plain one, whatever it is that is in the way."""
    for name in {"step", "variant"} & set(what):
        monkeypatch.setattr(AdversarialTrainer, name, what[name])
    recipe = tiny_recipe(config=GAN, accumulate=what.get("accumulate", 1))
    recorder, said = both(maker(registry, recipe), recipe, monkeypatch, what.get("recorder"))
    assert recorder.replays == 0
    (line,) = said
    assert line.startswith(f"steps are taken one by one, and not replayed as CUDA graphs: {says}")


def test_an_optimizer_without_tensors_for_its_rate_is_not_replayed(
    make_trainer: Callable[..., AdversarialTrainer], tiny_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch's SGD takes its rate as a number."""

    def make() -> TrainState:
        trainer = make_trainer()
        trainer.optimizers["generator"] = torch.optim.SGD(trainer.generator.parameters(), lr=1e-3)
        return TrainState(trainer, Batches(DRAWN, batch_size=4, seed=0), trainer.random, ema_half_life=8.0)

    recorder, said = both(make, tiny_recipe(), monkeypatch)
    assert recorder.alones == 0
    assert "SGD cannot be replayed" in said[0]


def test_graphs_can_be_switched_off(
    registry: Registry, tiny_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`graphs = false` in a recipe: no word about it, and no recording."""
    recipe = tiny_recipe(graphs=False)
    recorder, said = both(maker(registry, recipe), recipe, monkeypatch)
    assert (recorder.alones, said) == (0, [])


def test_a_run_may_be_resumed_without_them(
    tmp_path: Path,
    tiny_recipe: MakeRecipe,
    tiny_train: Train,
    contents: Contents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is the same run: `graphs` is none of what must stay as it was."""
    tiny_train(tiny_recipe(), tmp_path / "plain")
    recorder = TapeRecorder()
    monkeypatch.setattr(graphs, "recorder_of", lambda device: recorder)
    tiny_train(tiny_recipe(), tmp_path / "cut", stop=after(6))
    assert recorder.replays == 2
    tiny_train(tiny_recipe(graphs=False), tmp_path / "cut", resume=True)
    assert recorder.replays == 2
    assert result(tmp_path / "cut", contents) == result(tmp_path / "plain", contents)


class Shelf(Rows):
    """Examples that are handed out by number, and counts how often."""

    def __init__(self, data: Tensor) -> None:
        self.data, self.reads = data, 0

    def __len__(self) -> int:
        return len(self.data)

    def order(self, generator: torch.Generator) -> Tensor:
        return torch.randperm(len(self), generator=generator)

    def read(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        self.reads += 1
        return self.data[rows], rows

    def expect(self, rows: Tensor) -> None:
        pass

    def news(self) -> list[str]:
        return []


def test_rows_that_are_read_as_needed_are_sent_as_they_are(
    registry: Registry, tiny_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the data do not lie on the device the stored batch goes there with the draws, and its labels."""
    recipe = tiny_recipe(examples=40, config=GAN | {"num_classes": 3})
    labels = torch.arange(20) % 3

    def make() -> TrainState:
        state = first_state(resolve(recipe, registry), Examples(data=DRAWN, labels=labels, classes=("a", "b", "c")))
        state.batches.data = Shelf(DRAWN)
        return state

    recorder, said = both(make, recipe, monkeypatch)
    assert (said, recorder.records, recorder.replays) == ([], 1, 6)
