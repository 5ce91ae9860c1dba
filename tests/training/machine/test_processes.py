"""zoo.training.machine.processes: several processes train as one does, and fail as one does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo.catalogue.runs.folder import checkpoints
from zoo.errors import UsageError
from zoo.training.checkpoint import load_newest
from zoo.training.machine.batch_norm import SharedBatchNorm
from zoo.training.machine.processes import ALONE, open_processes

RECIPE = """
name = "tiny"
architecture = "{architecture}"
dataset = "shapes"
trainer = "{trainer}"
examples = 320
batch_size = 16
log_every = 32
sample_every = 160
checkpoint_every = 160
{more}
"""
GAN = RECIPE.format(
    architecture="dcgan",
    trainer="adversarial",
    more="""
[config]
image_size = 16
latent_size = 8
generator_widths = [8, 4]
discriminator_widths = [4, 8]
[settings]
augment = ["color", "translation", "cutout"]
label_noise = 0.1
clip_norm = 1.0
""",
)
VAE = RECIPE.format(
    architecture="conv-vae",
    trainer="vae",
    more="""
[config]
image_size = 16
latent_size = 3
encoder_widths = [4, 8]
decoder_widths = [8, 4]
hidden = 16
decoder_stem = 8
[settings]
binarise = true
samples = 2
flips = true
""",
)


def launch(folder: Path, *arguments: str) -> list[str]:
    """The command that starts two processes on this machine."""
    alone = [sys.executable, "-m", "zoo", "train", "tiny.toml", "--threads", "1", *arguments]
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", *alone[1:]]


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def alone(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(folder, sys.executable, "-m", "zoo", "train", "tiny.toml", "--threads", "1", *arguments)


def curve(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "examples_per_second"} for line in lines]


def state(folder: Path) -> dict[str, Tensor]:
    return load_newest(folder / "checkpoints")[0]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [GAN, VAE], ids=["gan", "vae"])
def test_two_processes_have_the_curve_of_one(recipe: str, tmp_path: Path) -> None:
    """With the batch kept, two processes log the losses of one, within 1e-4 of them: their sums have another order.

    Weights are not compared one by one: where a gradient is zero but for rounding (a bias before a batch norm), Adam
    makes steps of it. Nor is the number of active units: each process counts those of its own rows.
    """
    (tmp_path / "tiny.toml").write_text(recipe)
    for command in (alone(tmp_path, "--out", "one"), run(tmp_path, *launch(tmp_path, "--out", "two"))):
        assert command.returncode == 0, command.stderr
    one, two = curve(tmp_path / "one"), curve(tmp_path / "two")
    assert len(one) == 10
    for line in (*one, *two):
        line.pop("active_units", None)
    for mine, theirs in zip(one, two, strict=True):
        assert theirs == pytest.approx(mine, rel=1e-4)
    assert json.loads((tmp_path / "two" / "recipe.json").read_text())["facts"]["processes"] == 2


@pytest.mark.slow
def test_a_cut_run_of_two_processes_goes_on_to_the_last_bit(
    tmp_path: Path, contents: Callable[[Path], dict[str, str]]
) -> None:
    """Cut in the middle and resumed, two processes with dropout, which each draws for itself, end in the same bytes;
    one process is refused that run, and the difference is shown.
    """
    (tmp_path / "tiny.toml").write_text(GAN.replace("latent_size = 8", "latent_size = 8\ndropout = 0.3"))
    for arguments in (("--out", "whole"), ("--out", "cut", "--examples", "160"), ("--out", "cut", "--resume")):
        done = run(tmp_path, *launch(tmp_path, *arguments))
        assert done.returncode == 0, done.stderr
    whole, cut = (contents(checkpoints(tmp_path / name / "checkpoints")[-1]) for name in ("whole", "cut"))
    assert cut == whole
    assert "random.torch.1" in state(tmp_path / "cut")
    refused = alone(tmp_path, "--out", "cut", "--resume")
    assert refused.returncode == 4
    assert "processes: 2 -> None" in refused.stderr


@pytest.mark.slow
def test_a_fault_in_the_first_process_ends_all_and_is_said_once(tmp_path: Path) -> None:
    """A folder that holds a run, and a batch without equal shares, are refused by one line and leave nothing behind."""
    (tmp_path / "tiny.toml").write_text(GAN)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "recipe.json").write_text("{}")
    for arguments, says in (
        (("--out", "taken"), "zoo: taken holds a run already"),
        (("--out", "odd", "--set", "batch_size=15"), "zoo: a batch of 15 has no equal shares for 2 processes"),
    ):
        done = run(tmp_path, *launch(tmp_path, *arguments))
        assert done.returncode != 0
        assert done.stderr.count(says) == 1, done.stderr
        assert "zoo/cli/main.py" not in done.stderr  # a traceback of ours; the launcher has its own
    assert not (tmp_path / "odd").exists()


@pytest.mark.slow
def test_two_processes_go_back_together(tmp_path: Path) -> None:
    """Both come to the doctor's decisions at the same step: one way back to the beginning, then a stop, said once."""
    doctor = "[doctor]\naction = 'rollback'\nrollbacks = 1\npatience = 64\nlook_every = 32\nheld_out_split = 'test'\n"
    apart = GAN.replace("[settings]", "[settings]\nmix_batches = false")  # looks then share their batch norms too
    (tmp_path / "tiny.toml").write_text(apart + doctor + "generator_wins = 1\n")  # every report is sick
    done = run(tmp_path, *launch(tmp_path, "--out", "two"))
    assert done.returncode != 0
    assert done.stderr.count("zoo: the doctor stopped the run at step 4 (64 examples)") == 1, done.stderr
    assert done.stderr.count("The run goes back to 0, with") == 1, done.stderr
    found = [json.loads(line) for line in (tmp_path / "two" / "doctor.jsonl").read_text().splitlines()]
    assert [(line["action"], line["examples"]) for line in found] == [("rollback", 64), ("stop", 64)]
    assert [path.name for path in checkpoints(tmp_path / "two" / "checkpoints")] == ["000000000000"]


@pytest.mark.slow
def test_a_signal_to_the_launcher_saves_once_and_the_run_goes_on(
    tmp_path: Path, contents: Callable[[Path], dict[str, str]]
) -> None:
    """SIGTERM comes to the processes at different steps; they stop at one, and resumed end in the same bytes."""
    (tmp_path / "tiny.toml").write_text(GAN.replace("examples = 320", "examples = 960"))
    assert run(tmp_path, *launch(tmp_path, "--out", "whole")).returncode == 0
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        launch(tmp_path, "--out", "cut"), cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    while process.poll() is None and not checkpoints(tmp_path / "cut" / "checkpoints"):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert int(checkpoints(tmp_path / "cut" / "checkpoints")[-1].name) < 960
    resumed = run(tmp_path, *launch(tmp_path, "--out", "cut", "--resume"))
    assert resumed.returncode == 0, resumed.stderr
    whole, cut = (contents(checkpoints(tmp_path / name / "checkpoints")[-1]) for name in ("whole", "cut"))
    assert cut == whole


THREADS = """
import atexit, os, sys
from pathlib import Path

def threads():
    return [Path(f"/proc/self/task/{task}/comm").read_text().strip() for task in os.listdir("/proc/self/task")]

@atexit.register
def say():
    left = [name for name in threads() if "gloo" in name]
    os.write(1, f"begun: {any('gloo' in name for name in begun)} left: {left}\\n".encode())  # whole, of two writers

import torch
from zoo.training.machine.processes import open_processes

def train():
    processes = open_processes("cpu")
    replica = processes.replicate(torch.nn.Linear(3, 3))
    replica(torch.ones(2, 3)).sum().backward()
    found = threads()
    processes.close()
    return found

begun = train()
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the threads of a process are read from /proc")
def test_no_thread_of_the_group_outlives_python(tmp_path: Path) -> None:
    """One that did would abort the process where it asks for the interpreter that has ended."""
    (tmp_path / "closing.py").write_text(THREADS)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = run(tmp_path, *launcher, "closing.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["begun: True left: []"] * 2


@pytest.fixture
def group(tmp_path: Path) -> Iterator[None]:
    """A group of one process."""
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("options", [{}, {"affine": False}, {"momentum": None}, {"track_running_stats": False}])
def test_shared_batch_norm_is_batch_norm(options: dict[str, Any], group: None) -> None:
    """Among one process it gives what PyTorch's does: outputs, gradients, running statistics, in training and after."""
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5, **options))
    shared = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5, **options))
    shared.load_state_dict(plain.state_dict())
    SharedBatchNorm.replace_in(shared)
    assert list(shared.state_dict()) == list(plain.state_dict())
    for _ in range(3):
        x = torch.randn(4, 3, 6, 6)
        ours, theirs = shared(x), plain(x)
        torch.testing.assert_close(ours, theirs)
        for network, y in ((shared, ours), (plain, theirs)):
            network.zero_grad()
            (y.sin() * torch.linspace(0, 1, y.numel()).view_as(y)).sum().backward()
        for mine, other in zip(shared.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(mine.grad, other.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(shared.state_dict(), plain.state_dict())
    torch.testing.assert_close(shared.eval()(x), plain.eval()(x))


def test_alone_everything_is_its_own() -> None:
    """One process is the first, its mean is its own figure, and Accelerate is not imported for it."""
    assert open_processes("cpu", env={}) == ALONE
    assert ALONE.first
    assert ALONE.mean({"loss": 2.0}) == {"loss": 2.0}
    assert ALONE.any(True)
    assert not ALONE.any(False)
    assert ALONE.gather(torch.arange(3)).tolist() == [[0, 1, 2]]
    code = (
        "import sys, zoo.training.machine.processes as p\n"
        "p.open_processes('cpu'); sys.exit('accelerate' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_cannot_be_opened_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that is not there, a damaged environment and a missing Accelerate are UsageErrors with a way out."""
    with pytest.raises(UsageError, match=r"device 'warp' cannot be used here; there are auto, .*cpu"):
        open_processes("warp")
    for count in ("0", "two", "-1"):
        with pytest.raises(UsageError, match=f"WORLD_SIZE is '{count}'"):
            open_processes("cpu", env={"WORLD_SIZE": count})
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(UsageError, match=r"2 processes need Accelerate; .*genzoo\[train\]"):
        open_processes("cpu", env={"WORLD_SIZE": "2"})
