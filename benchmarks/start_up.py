"""Start-up: `zoo --help` and `zoo list` against `import torch`, whole processes in turn, medians of the ratios.

    python benchmarks/start_up.py [--runs 15] [--plugins 300]

The goal is at most 0.10 of `import torch`. With --plugins, what that many installed plugins add to `zoo list`: the
goal is at most 0.15 for 300. Each is a distribution of its own with two models, an architecture and a dataset.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "zoo --help": [sys.executable, "-m", "zoo", "--help"],
    "zoo list": [sys.executable, "-m", "zoo", "list"],
}
PEER = [sys.executable, "-c", "import torch"]


PLUGIN = """
from zoo.api import ArchitectureSpec, DatasetSpec, ModelSpec, PluginContext, hookimpl

ZOO_API_VERSION = 2


@hookimpl
def zoo_architectures(context: PluginContext) -> list[ArchitectureSpec]:
    parts = {part: f"{__name__}.networks:{part}" for part in ("encoder", "decoder", "likelihood")}
    config = f"{__name__}.configs:Config"
    return [ArchitectureSpec(name="net", summary="A net.", family="vae", modality="image", config=config, parts=parts)]


@hookimpl
def zoo_datasets(context: PluginContext) -> list[DatasetSpec]:
    return [DatasetSpec(name="data", summary="Data.", load=f"{__name__}.data:load", licence="MIT", modality="image")]


@hookimpl
def zoo_models(context: PluginContext) -> list[ModelSpec]:
    about = dict(architecture=f"{context.namespace}/net", dataset=f"{context.namespace}/data", licence="MIT")
    return [
        ModelSpec(name=name, summary="A model.", recipe=f"{__name__}:recipes/{name}.toml", **about)
        for name in ("one", "two")
    ]
"""


def install(folder: Path, count: int) -> None:
    """Put `count` small plugins into the folder, each as an installer would leave it, compiled."""
    import compileall

    for number in range(count):
        name = f"bench{number:03d}"
        (folder / f"{name}_zoo").mkdir()
        (folder / f"{name}_zoo" / "__init__.py").write_text(PLUGIN)
        about = folder / f"{name}_zoo-1.0.dist-info"
        about.mkdir()
        readme = "A plugin of the zoo, with a description of some length.\n" * 40
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-zoo\nVersion: 1.0\n\n{readme}")
        (about / "entry_points.txt").write_text(f"[zoo]\n{name} = {name}_zoo\n")
    compileall.compile_dir(folder, quiet=2)


def seconds(command: list[str], site: Path | None = None) -> float:
    """Wall-clock seconds of one process, with `site` on its path."""
    env = os.environ if site is None else {**os.environ, "PYTHONPATH": str(site)}
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=env)
    return time.perf_counter() - start


def plugins(count: int, runs: int) -> None:
    """Print what `count` plugins add to `zoo list`, against `import torch`, three by three."""
    command = COMMANDS["zoo list"]
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder)
        install(site, count)
        listed = subprocess.run(
            command, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": folder}
        )
        assert listed.stdout.count("bench") == 6 * count, listed.stderr
        seconds(command)
        threes = [(seconds(command, site), seconds(command), seconds(PEER)) for _ in range(runs)]
    ratios = [(mine - without) / peer for mine, without, peer in threes]
    mine, without, peer = (statistics.median(column) for column in zip(*threes, strict=True))
    print(
        f"{count} plugins: {mine:.3f} s, without {without:.3f} s, import torch {peer:.3f} s, added per import torch",
        end="",
    )
    print(f" {statistics.median(ratios):.3f} ({min(ratios):.3f}-{max(ratios):.3f})")


def main() -> None:
    """Print the median time of each command, and the median of its ratio to the peer, pair by pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--plugins", type=int, default=0)
    arguments = parser.parse_args()
    runs = arguments.runs
    seconds(PEER)
    if arguments.plugins:
        plugins(arguments.plugins, runs)
        return
    for name, command in COMMANDS.items():
        seconds(command)
        pairs = [(seconds(command), seconds(PEER)) for _ in range(runs)]
        ratios = [mine / peer for mine, peer in pairs]
        mine, peer = (statistics.median(column) for column in zip(*pairs, strict=True))
        spread = f"{min(ratios):.3f}-{max(ratios):.3f}"
        print(f"{name:<16}{mine:7.3f} s  import torch {peer:6.3f} s  ratio {statistics.median(ratios):.3f} ({spread})")


if __name__ == "__main__":
    main()
