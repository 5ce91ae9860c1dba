"""A dream of a photo of 12 megapixels: how much memory it takes, and whether the tiles can be seen in it.

    python benchmarks/dream.py [--steps 4] [--threads 2]

The photo is `china.jpg` of scikit-learn, enlarged to 4000 x 3000; `zoo dream` runs as a process of its own, whose
largest resident memory is told by the system (goal: under 2 GB). Then the same photo is dreamt on at 1024 x 768, once
in tiles of 256 pixels and once in one piece. Where tiles meet moves with each step, so all columns are looked at: how
far each one's sharpness, its mean absolute Laplacian, lies from that of the 48 columns beside, in their standard
deviations. The goal is that the largest is none larger in tiles than in one piece, by more than a tenth.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import Tensor
from torch.nn import functional as F

import zoo_dream

LARGE, SMALL, TILE = (4000, 3000), (1024, 768), 256


def sharpness(x: Tensor) -> Tensor:
    """The mean absolute Laplacian of each column of x (3, H, W): (W,)."""
    kernel = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])[None, None]
    return F.conv2d(F.pad(x[:, None], (1, 1, 1, 1), mode="replicate"), kernel).abs().mean((0, 1, 2))


def largest(x: Tensor) -> float:
    """How far the sharpness of a column of x (3, H, W) lies from that of the columns beside, at most, in deviations."""
    columns = sharpness(x)
    found = 0.0
    for at in range(26, len(columns) - 26):
        near = torch.cat([columns[at - 25 : at - 1], columns[at + 2 : at + 26]])
        found = max(found, abs(float((columns[at] - near.mean()) / near.std())))
    return found


def main() -> None:
    """Measure memory, then look for borders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=4, help="of each octave (default 4)")
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    photo = Image.fromarray(load_sample_image("china.jpg"))
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "photo.png", Path(folder) / "dream.png"
        photo.resize(LARGE, Image.Resampling.BICUBIC).save(file)
        command = [sys.executable, "-m", "zoo", "dream", str(file), "-o", str(out), "--steps", str(arguments.steps)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        size = Image.open(out).size
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"{size[0]} x {size[1]} pixels, {arguments.steps} steps an octave: {peak:.2f} GiB at most (goal: under 2)")
    small = photo.resize(SMALL, Image.Resampling.BICUBIC)
    for name, tile in (("in tiles of 256", TILE), ("in one piece", max(SMALL))):
        (found,) = zoo_dream.dream(small, steps=arguments.steps, octaves=3, tile=tile)
        print(f"{name:<16} a column's sharpness lies at most {largest(found):.2f} deviations from beside")


if __name__ == "__main__":
    main()
