"""zoo.train: training in Python, to the same bytes as on the command line, in a thread, and stopped by Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from cli.commands import RECIPE

import zoo
from zoo.catalogue.runs.folder import read_run
from zoo.cli.main import main
from zoo.errors import ConfigError, UsageError
from zoo.nn.pretrained import load
from zoo.training.attendant import Reading

Contents = Callable[[Path], dict[str, str]]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.delitem(sys.modules, "zoo.training.trackers.tensorboard", raising=False)  # it may hold it already
    Path("tiny.toml").write_text(RECIPE)


def state(run: str) -> bytes:
    return Path(run, "checkpoints/000000000032/state.safetensors").read_bytes()


def test_it_trains_what_the_command_line_does() -> None:
    """The same words give the same checkpoint; overrides go on top of the recipe's tables; readings are handed on."""
    seen: list[Reading] = []
    told: dict[str, Any] = {"settings": {"generator_lr": 1e-3}, "seed": 5}
    trained = zoo.train("tiny.toml", folder="one", progress=seen.append, **told)
    words = ["--set", "settings.generator_lr=1e-3", "--set", "seed=5", "--device", "cpu"]
    assert main(["train", "tiny.toml", "--out", "two", *words]) == 0
    assert state("one") == state("two")
    assert (trained.folder, trained.examples, trained.finished) == (Path("one"), 32, True)
    assert [reading.examples for reading in seen] == [8, 16, 24, 32]
    assert read_run(Path("one")).recipe.config["image_size"] == 8


def test_the_model_is_the_one_that_is_exported(contents: Contents) -> None:
    """`.model` gives what its export gives, discriminator too, and saved as it is it is the same folder."""
    trained = zoo.train("tiny.toml", folder="run")
    out = trained.export("out")
    loaded, model = load(out, discriminator=True), trained.model
    assert not model.training
    assert torch.equal(model.sample(3, seed=1), loaded.sample(3, seed=1))
    assert model.state_dict().keys() == loaded.state_dict().keys()
    assert model.info == loaded.info
    zoo.save(model, "saved")
    assert contents(Path("saved")) == contents(Path("out"))


def test_a_model_is_trained_on_from_its_folder() -> None:
    """`from_` without a recipe: architecture and config are the model's, a starter chooses the rest by the data."""
    zoo.train("tiny.toml", folder="run").export("mine")
    trained = zoo.train(from_="./mine", data="shapes[square]", examples=32, batch_size=8)
    assert trained.folder == Path("runs/mine-shapes-square")
    recipe = read_run(trained.folder).recipe
    assert (recipe.start_from, recipe.architecture, recipe.dataset) == ("./mine", "dcgan", "shapes[square]")
    assert recipe.config["generator_widths"] == [4]
    with pytest.raises(UsageError, match=r"is to learn more, and needs something to learn from: give --data"):
        zoo.train(from_="./mine")
    with pytest.raises(ConfigError, match=r"\./mine is a dcgan, not a conv-vae; leave conv-vae out"):
        zoo.train("conv-vae", from_="./mine", data="shapes")
    with pytest.raises(UsageError, match="holds a run already"):
        zoo.train(from_="./mine", data="shapes[square]")


def test_it_trains_in_a_thread() -> None:
    """Outside the main thread it trains to the same bytes, and listens to no signal."""
    zoo.train("tiny.toml", folder="one")
    thread = threading.Thread(target=lambda: zoo.train("tiny.toml", folder="two"))
    thread.start()
    thread.join()
    assert state("one") == state("two")


def test_ctrl_c_leaves_a_checkpoint() -> None:
    """SIGINT saves, then is a KeyboardInterrupt that says how to go on; resumed it ends as an uncut run."""
    zoo.train("tiny.toml", folder="whole")

    def press(reading: Reading) -> None:
        if reading.examples == 8:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="stopped and saved in cut; resume=True goes on"):
        zoo.train("tiny.toml", folder="cut", progress=press)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    zoo.train("tiny.toml", folder="cut", resume=True)
    assert state("cut") == state("whole")


def test_the_command_line_says_how_to_go_on_from_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    """`--from RUN` without a recipe has the run's, in a folder beside it; too few examples say what to ask for; the
    command that a refused resumption ends with is executed.
    """
    assert main(["train", "tiny.toml", "--out", "run", "--set", "settings.anneal=0.5"]) == 0
    assert main(["train", "--from", "run"]) == 4
    assert "has seen 32 examples already; ask for more: --examples 64" in capsys.readouterr().err
    assert main(["train", "run", "--resume", "--examples", "48"]) == 4
    said = " ".join(capsys.readouterr().err.split())
    words = said.partition("go on from it as you ask: zoo ")[2].split()
    assert main(words) == 0
    assert Path("run-2/checkpoints/000000000048").is_dir()
    assert main(["train", "run", "--finish", "--examples", "64"]) == 2
    assert main(["export", "run", "-o", "early", "--at", "16"]) == 0
    assert load("./early").info["training"]["examples"] == 16
