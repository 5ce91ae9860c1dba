"""A training step of a DCGAN of 64 channels, 32x32, batch 64, against the loop of pytorch/examples.

    python benchmarks/train_dcgan.py [--pairs 9] [--seconds 2] [--threads 2] [--workers 2]

The peer is the loop of `examples_dcgan.py` behind the data path of pytorch/examples: torchvision's CIFAR10 class, which
makes a PIL picture of each row, its transforms, and a DataLoader with the two worker processes that are its default.
The zoo's first way does the same work: real and fake each alone in the discriminator, the generator learns from the
fakes that the discriminator has seen; no flips. It also keeps the moving average, which the peer has not. The second
makes new fakes for the generator, as `zoo train` does by default; the third is the first with `precision = "bfloat16"`.
The goal is at least 1.45, and 55 % of the matrix product's rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from examples_dcgan import BATCH, new_run, step
from pairs import Way, compare_elsewhere, noise_pictures, options
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from training import zoo_way

from zoo.images import import_torchvision

COUNT, SHAPE = 50_000, (3, 32, 32)  # as CIFAR-10 has


class Pictures(Dataset[tuple[Tensor, int]]):
    """Rows of memory as torchvision's CIFAR10 gives them: through PIL and the example's transforms."""

    def __init__(self, data: Tensor) -> None:
        transforms = import_torchvision("torchvision.transforms")
        self.rows = data.permute(0, 2, 3, 1).contiguous().numpy()
        self.transform = transforms.Compose(
            [transforms.Resize(32), transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))]
        )

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.rows[row])), 0

    def __len__(self) -> int:
        return len(self.rows)


def endless(data: Tensor, workers: int) -> Iterator[Tensor]:
    """Whole batches, epoch after epoch."""
    start = "fork" if workers else None  # the default on Linux; here it would be this process's own, "spawn"
    loader = DataLoader(
        Pictures(data),
        batch_size=BATCH,
        shuffle=True,
        num_workers=workers,
        drop_last=True,
        multiprocessing_context=start,
    )
    while True:
        for real, _ in loader:
            yield real


def peer_way(workers: int) -> Way:
    """The loop of pytorch/examples."""
    data = noise_pictures(COUNT, SHAPE)
    run, batches = new_run(0, 3, fast=False), endless(data, workers)

    def way(steps: int) -> None:
        for _ in range(steps):
            step(run, next(batches))

    return way


def ways(workers: int) -> dict[str, Callable[[], Way]]:
    """The peer, and the zoo's DCGAN of the same layout with settings that differ in what they cost."""
    same = {"mix_batches": False, "flips": False, "fresh_fakes": False}
    settings = {
        "zoo, the same work": same,
        "zoo, fresh fakes": same | {"fresh_fakes": True},
        "zoo, bfloat16": same | {"precision": "bfloat16"},
    }
    recipe = {"architecture": "dcgan", "trainer": "adversarial"}
    made = {
        name: partial(zoo_way, COUNT, SHAPE, batch_size=BATCH, **recipe, settings=value)
        for name, value in settings.items()
    }
    return {"examples": partial(peer_way, workers), **made}


def main() -> None:
    """Print the table."""
    parser = options(__doc__, piece=2.0)
    parser.add_argument("--workers", type=int, default=2, help="processes of the peer's DataLoader")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    compare_elsewhere(ways(arguments.workers), ["examples"], examples=BATCH, arguments=arguments)


if __name__ == "__main__":
    main()
