"""What only a CUDA device can show: steps that it replays, and a `deterministic` run's bytes. By the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from zoo.catalogue.runs.folder import checkpoints

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")

Contents = Callable[[Path], dict[str, str]]
RECIPE = """
name = "tiny"
architecture = "dcgan"
dataset = "shapes"
trainer = "adversarial"
examples = 640
batch_size = 16
log_every = 64
sample_every = 320
checkpoint_every = 160
[config]
image_size = 16
latent_size = 8
generator_widths = [8, 4]
discriminator_widths = [4, 8]
discriminator_norm = "none"
dropout = 0.3
[settings]
loss = "relativistic"
augment = ["color", "translation", "cutout"]
r1 = 1.0
r2 = 1.0
penalty_every = 4
decay = 0.01
"""


@pytest.fixture
def train(tmp_path: Path, contents: Contents) -> Callable[..., tuple[dict[str, str], str]]:
    """`zoo train` of the recipe into a folder, deterministic: the newest checkpoint's digests, and what was said."""
    (tmp_path / "tiny.toml").write_text(RECIPE)

    def run(out: str, *arguments: str) -> tuple[dict[str, str], str]:
        command = [
            sys.executable,
            "-m",
            "zoo",
            "train",
            "tiny.toml",
            "--deterministic",
            "--device",
            "cuda",
            "--out",
            out,
        ]
        done = subprocess.run([*command, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return contents(checkpoints(tmp_path / out / "checkpoints")[-1]), done.stderr

    return run


@pytest.mark.parametrize("graphs", ["true", "false"])
def test_two_runs_and_a_cut_one_are_the_same_bytes(
    graphs: str, train: Callable[..., tuple[dict[str, str], str]]
) -> None:
    """With steps replayed and without; dropout, augmentation and lazy penalties included."""
    choice = ("--set", f"graphs={graphs}")
    one, two = (train(out, *choice)[0] for out in ("one", "two"))
    train("cut", *choice, "--examples", "320")
    assert one == two == train("cut", *choice, "--resume")[0]


def test_replayed_steps_are_the_steps(train: Callable[..., tuple[dict[str, str], str]]) -> None:
    """The same kernels on the same numbers; nothing is said of steps that could not be replayed."""
    replayed, said = train("graphs")
    assert "not replayed" not in said
    assert "the data lie on cuda" in said
    assert replayed == train("eager", "--set", "graphs=false")[0]
