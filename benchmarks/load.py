"""Loading: `zoo.load` of a bundled model against read + sha256 + fill of the same bytes, in one process, in turn.

    python benchmarks/load.py [NAME] [--runs 50]

The floor reads the two files, hashes them and puts the tensors into a module that is already built. The goal is at
most 1.3. The second line is what checking costs on every load: `Folder.read` of a pinned file against reading and
hashing it; the goal is at most 1.3.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import time
from collections.abc import Callable

import safetensors.torch

import zoo
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.folder import CONFIG, MODEL
from zoo.catalogue.weights.locate import locate
from zoo.nn.build import build_parts, decode_config


def seconds(action: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main() -> None:
    """Print the medians, and the median of the ratios pair by pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", default="dcgan-cifar-frog")
    parser.add_argument("--runs", type=int, default=50)
    arguments = parser.parse_args()
    registry = default_registry()
    folder = locate(arguments.name, registry)
    data = folder.config()
    spec = registry.architecture(data["architecture"])
    generator = build_parts(spec, decode_config(spec, data["config"], "config"), ["generator"])["generator"]

    def floor() -> None:
        for file in (CONFIG, MODEL):
            raw = (folder.path / file).read_bytes()
            hashlib.sha256(raw).hexdigest()
        tensors = {key.removeprefix("generator."): value for key, value in safetensors.torch.load(raw).items()}
        generator.load_state_dict(tensors, assign=True)

    def ours() -> None:
        zoo.load(arguments.name)

    floor(), ours()
    pairs = [(seconds(ours), seconds(floor)) for _ in range(arguments.runs)]
    mine, peer = (statistics.median(column) * 1e3 for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"zoo.load {mine:.2f} ms  read + sha256 + fill {peer:.2f} ms  ratio {ratio:.2f}")

    def checked() -> None:
        folder.read(MODEL)

    def hashed() -> None:
        hashlib.sha256((folder.path / MODEL).read_bytes()).hexdigest()

    pairs = [(seconds(checked), seconds(hashed)) for _ in range(arguments.runs)]
    mine, peer = (statistics.median(column) * 1e3 for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"Folder.read {mine:.2f} ms  read + sha256 {peer:.2f} ms  ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
