"""A training process killed at random moments, by the system's own SIGKILL: while it trains and while it saves."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from zoo.catalogue.plugins.loading import default_registry
from zoo.training.checkpoint import checkpoints
from zoo.training.export import export

pytestmark = pytest.mark.slow

COMMON = """
name = "tiny"
examples = 240
batch_size = 4
log_every = 8
sample_every = 60
checkpoint_every = 8
"""
GAN = "{image_size = 8, latent_size = 4, generator_widths = [4], discriminator_widths = [4, 4], dropout = 0.3}"
CODE = "image_size = 8, channels = 3, encoder_widths = [4], encoder_strides = [2], decoder_widths = [4], hidden = 8"
RECIPES = {
    "adversarial": f"""
dataset = "shapes[circle]"
architecture = "dcgan"
trainer = "adversarial"
config = {GAN}
settings = {{augment = ["color", "translation"], label_noise = 0.05}}
""",
    "vae": f"""
dataset = "shapes[circle]"
architecture = "conv-vae"
trainer = "vae"
config = {{{CODE}}}
settings = {{binarise = true, flips = true, kl_warmup = 100}}
""",
    "autoencoder": f"""
dataset = "shapes[circle]"
architecture = "conv-vae"
trainer = "autoencoder"
config = {{{CODE}, posterior = "point"}}
settings = {{sparsity = 0.01, flips = true, optimizer = "rmsprop"}}
""",
    "streamed": f"""
dataset = "shards:shards"
architecture = "dcgan"
trainer = "adversarial"
config = {GAN}
""",
}


def make_shards(folder: Path) -> None:
    """Twelve shards of ten pictures, one of them bad."""
    folder.mkdir()
    for shard in range(12):
        with tarfile.open(folder / f"{shard:02}.tar", "w") as tar:
            for number in range(10):
                content = io.BytesIO()
                Image.new("RGB", (8, 8), (20 * shard, 25 * number, 99)).save(content, "PNG")
                member = tarfile.TarInfo(f"{shard:02}{number:02}.png")
                member.size = len(content.getvalue())
                tar.addfile(member, io.BytesIO(b"x" * member.size if shard == number == 5 else content.getvalue()))


# The command line, in a process that counts the lines of the zoo's own code it runs while it trains, all of them and
# those that write files, and kills itself at one. Half of a tensor file is on disk at a line that writes.
COUNTED = """
import json, os, signal, sys
import zoo.nn.serialization, zoo.training.loop
from zoo.cli.main import main

kind, at, report = sys.argv[1], int(sys.argv[2]), sys.argv[3]
counts = {"any": 0, "saving": 0}
write, loop = zoo.nn.serialization.save_file, zoo.training.loop.train_loop

def count(kinds):
    for each in kinds:
        counts[each] += 1
        if each == kind and counts[each] == at:
            os.kill(os.getpid(), signal.SIGKILL)

def enter(frame, event, _):
    place = frame.f_code.co_filename
    if not place.startswith(os.path.dirname(zoo.__file__) + os.sep):
        return None
    saving = place.endswith(("files.py", "checkpoint.py", "serialization.py"))
    kinds = ("any", "saving") if saving else ("any",)
    def line(frame, event, _):
        if event == "line":
            count(kinds)
        return line
    return line

def save_file(tensors, path, **more):
    write(tensors, path, **more)
    size = os.path.getsize(path)
    for part in range(4):
        os.truncate(path, size * part // 4)
        count(("any", "saving"))
    write(tensors, path, **more)

def train_loop(*arguments, **more):
    sys.settrace(enter)
    loop(*arguments, **more)

zoo.nn.serialization.save_file = save_file
import zoo.training.train
zoo.training.train.train_loop = train_loop
status = main(sys.argv[4:])
sys.settrace(None)
open(report, "w").write(json.dumps(counts))
sys.exit(status)
"""


def train(folder: Path, out: str, *, kind: str = "any", at: int = -1) -> int:
    """Run the recipe in `folder`, or go on with it, killed at a line; the exit status."""
    resume = ["--resume"] if (folder / out / "recipe.json").exists() else []
    arguments = [kind, str(at), f"{out}.json", "train", "tiny.toml", "--out", out, "--threads", "1", *resume]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "ZOO_CACHE": str(folder / "cache")}
    return subprocess.run(
        [sys.executable, "-c", COUNTED, *arguments], cwd=folder, env=env, stdout=subprocess.DEVNULL, check=False
    ).returncode


def left(run: Path) -> dict[str, Any]:
    """What a run has come to, besides its last checkpoint: lines of metrics without rates, and the samples."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    samples = {path.name: path.read_bytes() for path in (run / "samples").iterdir()}
    return {"samples": samples, "metrics": [line | {"examples_per_second": 0} for line in lines]}


@pytest.mark.parametrize("kind_of_run", RECIPES)
def test_killed_at_random_it_ends_in_the_same_bytes(
    kind_of_run: str, tmp_path: Path, contents: Callable[[Path], dict[str, str]]
) -> None:
    """Killed at two random lines, and at three random lines of those that save, a run of any trainer, on
    shards too, ends in the same checkpoint, exported model, metrics and samples as one that was left alone.
    """
    seed = int(os.environ.get("ZOO_TEST_SEED", random.SystemRandom().randrange(2**32)))
    sys.stdout.write(f"ZOO_TEST_SEED={seed}\n")  # pytest shows it where the test fails
    drawn = random.Random(seed)
    (tmp_path / "tiny.toml").write_text(COMMON + RECIPES[kind_of_run])
    make_shards(tmp_path / "shards")
    assert train(tmp_path, "whole") == 0
    lines = json.loads((tmp_path / "whole.json").read_text())
    assert lines["any"] > lines["saving"] > 1000
    kinds = drawn.sample(["any", "any", "saving", "saving", "saving"], 5)
    for kind in kinds:
        # A sixth of a run each, so that five kills never reach its end.
        assert train(tmp_path, "run", kind=kind, at=drawn.randint(1, lines[kind] // 6)) == -signal.SIGKILL
    assert train(tmp_path, "run") == 0
    whole, cut = (contents(checkpoints(tmp_path / name / "checkpoints")[-1]) for name in ("whole", "run"))
    assert cut == whole
    assert left(tmp_path / "run") == left(tmp_path / "whole")
    assert not list((tmp_path / "run").rglob(".[!l]*"))
    registry = default_registry()
    pins = [export(tmp_path / name, tmp_path / f"{name}-out", registry) for name in ("whole", "run")]
    assert pins[0] == pins[1]
