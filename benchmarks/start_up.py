"""Start-up: `zoo --help` and `zoo list` against `import torch`, whole processes in turn, medians of the ratios.

    python benchmarks/start_up.py [--runs 15]

The goal is at most 0.15 of `import torch`.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "zoo --help": [sys.executable, "-m", "zoo", "--help"],
    "zoo list": [sys.executable, "-m", "zoo", "list"],
}
PEER = [sys.executable, "-c", "import torch"]


def seconds(command: list[str]) -> float:
    """Wall-clock seconds of one process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Print the median time of each command, and the median of its ratio to the peer, pair by pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    seconds(PEER)
    for name, command in COMMANDS.items():
        seconds(command)
        pairs = [(seconds(command), seconds(PEER)) for _ in range(runs)]
        ratios = [mine / peer for mine, peer in pairs]
        mine, peer = (statistics.median(column) for column in zip(*pairs, strict=True))
        spread = f"{min(ratios):.3f}-{max(ratios):.3f}"
        print(f"{name:<16}{mine:7.3f} s  import torch {peer:6.3f} s  ratio {statistics.median(ratios):.3f} ({spread})")


if __name__ == "__main__":
    main()
