"""Batches from tar shards against batches from memory: the loader alone, in one process, in turn.

    python benchmarks/shards.py ./shards [--size 64] [--batch 64] [--runs 5]

A run takes a second from each. What counts is whether the shards keep up with the training, not the ratio: memory has
no pictures to decode.
"""

from __future__ import annotations

import argparse
import statistics
import time

from zoo.catalogue.plugins.loading import default_registry
from zoo.data.batches import Batches
from zoo.data.loading import Examples, Streamed, load_dataset, stream_dataset


def batches(examples: Examples | Streamed, size: int) -> Batches:
    """A walk that has begun."""
    walk = Batches(examples.data, examples.labels, batch_size=size, seed=0)
    walk.next()
    return walk


def rate(walk: Batches, seconds: float = 1.0) -> float:
    """Images a second."""
    start, images = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        images += len(walk.next()[0])
    return images / (time.perf_counter() - start)


def main() -> None:
    """Print how long opening takes, and the median rates with their range."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    ask = {"registry": default_registry(), "image_size": arguments.size, "channels": 3}
    start = time.perf_counter()
    streamed = stream_dataset(f"shards:{arguments.path}", **ask)
    opened = time.perf_counter() - start
    walks = {
        "shards": batches(streamed, arguments.batch),
        "memory": batches(load_dataset(f"shards:{arguments.path}", **ask), arguments.batch),
    }
    rates: dict[str, list[float]] = {name: [] for name in walks}
    for _ in range(arguments.runs):
        for name, walk in walks.items():
            rates[name].append(rate(walk))
    print(f"opened {len(streamed.data):,} pictures in {opened:.2f} s")
    for name, found in rates.items():
        print(f"{name}: {statistics.median(found):,.0f} images/s ({min(found):,.0f}-{max(found):,.0f})")


if __name__ == "__main__":
    main()
