"""The command line, interrupted: what is saved, and how it goes on."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from cli.commands import Run, listing

pytestmark = pytest.mark.usefixtures("here")


def signal_at(step: int, numbers: list[signal.Signals], monkeypatch: pytest.MonkeyPatch) -> None:
    """Send this process the signals in the middle of a step."""
    from zoo.training.trainers.adversarial import AdversarialTrainer

    phase, count = AdversarialTrainer.generator_phase, [0]

    def generator_phase(self: AdversarialTrainer, n: int) -> Any:
        count[0] += 1
        if count[0] == step:
            for number in numbers:
                os.kill(os.getpid(), number)
        return phase(self, n)

    monkeypatch.setattr(AdversarialTrainer, "generator_phase", generator_phase)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_ends(
    number: signal.Signals, run: Run, recipe: str, here: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C and SIGTERM end the step, save, and give 130 with the command that goes on, which gives the same bytes."""
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with monkeypatch.context() as patch:
        signal_at(3, [number], patch)
        code, _, err = run("train", recipe, "--out", "my run", "--set", "summary=my words", "--threads", "1")
    assert code == 130
    *_, line = err.splitlines()
    told, _, command = line.partition(": zoo ")
    assert told == "zoo: stopped and saved; go on with"
    assert [path.name for path in (here / "my run/checkpoints").iterdir()] == ["000000000012"]
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
    assert run(*shlex.split(command))[0] == 0
    mine, other = (listing(place / "checkpoints" / "000000000032") for place in (here / "my run", made / "run"))
    assert mine == other


def test_a_second_signal_ends_at_once(
    run: Run, recipe: str, here: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second Ctrl-C does not wait for the step: 130, nothing half-written, and the last checkpoint resumes."""
    with monkeypatch.context() as patch:
        patch.setattr("zoo.cli.progress.SAME_WISH", 0.0)
        signal_at(6, [signal.SIGINT, signal.SIGINT], patch)
        code, _, err = run("train", recipe, "--out", "run")
    assert (code, err.splitlines()[-1]) == (130, "zoo: interrupted")
    assert [path.name for path in (here / "run/checkpoints").iterdir()] == ["000000000016"]
    assert run("train", recipe, "--out", "run", "--resume")[0] == 0
    mine, other = (listing(place / "checkpoints" / "000000000032") for place in (here / "run", made / "run"))
    assert mine == other


def test_two_signals_in_quick_succession_are_one(
    run: Run, recipe: str, here: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a terminal and a launcher both pass a Ctrl-C on, the run is saved, and the command shown resumes."""
    with monkeypatch.context() as patch:
        patch.setattr("zoo.cli.progress.SAME_WISH", float("inf"))
        signal_at(3, [signal.SIGINT, signal.SIGTERM, signal.SIGINT], patch)
        code, _, err = run("train", recipe, "--out", "run")
    assert code == 130
    assert [path.name for path in (here / "run/checkpoints").iterdir()] == ["000000000012"]
    assert run(*shlex.split(err.splitlines()[-1].partition(": zoo ")[2]))[0] == 0
    mine, other = (listing(place / "checkpoints" / "000000000032") for place in (here / "run", made / "run"))
    assert mine == other


def test_ctrl_c_ends_any_command(run: Run, model: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in another command is 130, one line, and no file."""
    from zoo.nn.gan import GAN

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(GAN, "sample", interrupted)
    assert run("sample", model, "-o", "a.png") == (130, "", "zoo: interrupted\n")
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_process_that_trains_takes_signals(number: signal.Signals, recipe: str, here: Path) -> None:
    """A real `zoo train` that is sent SIGINT or SIGTERM ends with 130 and a whole checkpoint that resumes."""
    from zoo.training.checkpoint import load_newest

    command = [sys.executable, "-m", "zoo", "train", recipe, "--out", "run", "--examples", "1000000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        watch = threading.Timer(300, process.kill)  # so that a test that fails also ends
        watch.start()
        assert any(line.startswith("8/1,000,000,000 ") for line in process.stdout)
        process.send_signal(number)
        _, err = process.communicate()
        watch.cancel()
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("zoo: stopped and saved; go on with: zoo train tiny.toml --out run")
    assert "Traceback" not in err
    _, numbers, refused = load_newest(here / "run" / "checkpoints")
    assert numbers["examples"] >= 8
    assert refused == []
