"""A training process killed without warning, while it trains and while it saves, by the system's own SIGKILL."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.runs.folder import checkpoints
from zoo.training.export import export

pytestmark = pytest.mark.slow

RECIPE = """
name = "tiny"
architecture = "dcgan"
dataset = "shapes[circle]"
trainer = "adversarial"
examples = 120
batch_size = 4
log_every = 4
sample_every = 100
checkpoint_every = 8

[config]
image_size = 8
latent_size = 4
generator_widths = [4]
discriminator_widths = [4, 4]
dropout = 0.3
"""

# The command line, in a process that kills itself in the middle of its third checkpoint, or its eleventh step.
KILLED = """
import os, signal, sys
import safetensors.torch, zoo.nn.serialization
from zoo.cli.main import main
from zoo.training.trainers.adversarial import AdversarialTrainer

where, seen = sys.argv[1], []
move, write, learn = os.replace, zoo.nn.serialization.save_file, AdversarialTrainer.generator_phase

def killed(count=3):
    seen.append(1)
    if len(seen) == count:
        os.kill(os.getpid(), signal.SIGKILL)

def generator_phase(self, n):
    if where == "training":
        killed(11)
    return learn(self, n)

def replace(source, target):
    if where == "renaming" and "/checkpoints/0" in str(target):
        killed()
    move(source, target)

def save_file(tensors, path, **more):
    write(tensors, path, **more)
    if where == "writing":
        os.truncate(path, os.path.getsize(path) // 2)
        killed()
        write(tensors, path, **more)

os.replace, zoo.nn.serialization.save_file = replace, save_file
AdversarialTrainer.generator_phase = generator_phase
sys.exit(main(sys.argv[2:]))
"""


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "zoo", "train", "tiny.toml", "--threads", "1", *arguments]


def test_killed_three_times_it_ends_in_the_same_bytes(
    tmp_path: Path, contents: Callable[[Path], dict[str, str]], registry: Registry
) -> None:
    """Killed while it writes a checkpoint, while it renames one, and between the two phases of a step, a run resumes
    each time from a whole checkpoint and ends in the same bytes as one that was left alone.
    """
    (tmp_path / "tiny.toml").write_text(RECIPE)
    quiet = {"cwd": tmp_path, "stdout": subprocess.DEVNULL}
    subprocess.run(command("--out", "whole"), check=True, **quiet)  # type: ignore[call-overload]
    saved = []
    for where in ("writing", "renaming", "training"):
        arguments = command("--out", "run", *(["--resume"] if saved else []))[3:]
        done = subprocess.run([sys.executable, "-c", KILLED, where, *arguments], **quiet)  # type: ignore[call-overload]
        assert done.returncode == -signal.SIGKILL
        assert bool(list((tmp_path / "run" / "checkpoints").glob(".*"))) == (where != "training")
        saved.append(int(checkpoints(tmp_path / "run" / "checkpoints")[-1].name))
    assert saved == [16, 32, 72]
    subprocess.run(command("--out", "run", "--resume"), check=True, **quiet)  # type: ignore[call-overload]
    whole, cut = (contents(checkpoints(tmp_path / name / "checkpoints")[-1]) for name in ("whole", "run"))
    assert cut == whole
    assert not list((tmp_path / "run" / "checkpoints").glob(".*"))
    pins = [export(tmp_path / name, tmp_path / f"{name}-out", registry) for name in ("whole", "run")]
    assert pins[0] == pins[1]
