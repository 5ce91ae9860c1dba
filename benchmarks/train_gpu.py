"""Training steps on a GPU against a loop that was written by hand around one CUDA graph.

    python benchmarks/train_gpu.py dcgan|mlp|book [--pairs 9] [--seconds 2]
    python benchmarks/train_gpu.py start

`dcgan` is the DCGAN of pytorch/examples (64 channels, batch 64, 32x32), `mlp` and `book` the two VAEs of
`train_vae.py` (batch 128, 28x28). The first peer is as fast as one writes it who writes no more than this one run: the
data lie on the GPU, a step is captured whole, its noise is drawn on the GPU inside it, Adam is fused, nothing is logged
or averaged. The second is the same code without the capture: the eager rate. The zoo's ways are `train_loop` with all
that `zoo train` does between steps (the moving average, metrics, draws on the CPU that a resumed run has again), with
steps replayed, taken one by one (`graphs = false`), and replayed in `precision = "bfloat16"`.

The goals: replayed, at least 0.8 of the graph by hand and at least 5 times the eager rate; bfloat16 not slower than
float32. `start` measures from `import torch` to the end of the first step of a run: at most 6 s.

It needs a CUDA device, and says so where there is none. Not measured yet: no GPU was at hand.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from examples_dcgan import BATCH, LATENT, discriminator, generator, weights_init
from pairs import Elsewhere, Rounds, Way, in_turns, noise_pictures, options, spread
from torch import Tensor
from torch.nn import functional as F
from train_vae import ARCHITECTURES, Plain
from training import zoo_gpu_way

DEVICE = "cuda"
WARM = 3  # steps before the capture
Step = Callable[[Tensor], None]  # of stored examples (N, *shape) on the device


def dcgan_step(device: str) -> Step:
    """One update of each network, as pytorch/examples has it."""
    layout: Any = {"device": device, "memory_format": torch.channels_last}
    g, d = (network.apply(weights_init).to(**layout).train() for network in (generator(), discriminator()))
    adam: dict[str, Any] = {"lr": 2e-4, "betas": (0.5, 0.999), "fused": True, "capturable": device == DEVICE}
    adam_g, adam_d = (torch.optim.Adam(network.parameters(), **adam) for network in (g, d))

    def step(stored: Tensor) -> None:
        real = stored.to(memory_format=torch.channels_last).float().div_(127.5).sub_(1)
        ones, zeros = (torch.full((len(real),), value, device=device) for value in (1.0, 0.0))
        d.requires_grad_(True)
        d.zero_grad()
        F.binary_cross_entropy(d(real), ones).backward()
        fake = g(torch.randn(len(real), LATENT, 1, 1, device=device))
        F.binary_cross_entropy(d(fake.detach()), zeros).backward()
        adam_d.step()
        d.requires_grad_(False)
        g.zero_grad()
        F.binary_cross_entropy(d(fake), ones).backward()
        adam_g.step()

    return step


def vae_step(network: str, device: str) -> Step:
    """One update of a VAE of pytorch/examples' form."""
    model = Plain(network).to(device).train()
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True, capturable=device == DEVICE)

    def step(stored: Tensor) -> None:
        x = stored.float().div_(255)
        adam.zero_grad()
        given, mean, log_var = model(x)
        reconstruction = F.binary_cross_entropy(given, x, reduction="sum")
        (reconstruction - 0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())).backward()
        adam.step()

    return step


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is trained: by hand, and as a recipe."""

    batch: int
    count: int  # examples
    shape: tuple[int, int, int]
    by_hand: Callable[[str], Step]  # device -> step
    recipe: dict[str, Any]
    settings: dict[str, Any]


SAME = {"mix_batches": False, "flips": False, "fresh_fakes": False}  # what the loop of pytorch/examples does
WORKS = {
    "dcgan": Work(
        batch=BATCH,
        count=50_000,
        shape=(3, 32, 32),
        by_hand=dcgan_step,
        recipe={"architecture": "dcgan", "trainer": "adversarial"},
        settings=SAME,
    )
} | {
    name: Work(
        batch=128,
        count=60_000,
        shape=(1, 28, 28),
        by_hand=partial(vae_step, name),
        recipe=about | {"trainer": "vae"},
        settings={},
    )
    for name, about in ARCHITECTURES.items()
}


def captured(step: Callable[[], None]) -> Callable[[], None]:
    """The step as a CUDA graph; what gives its replay."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def endless(count: int, batch: int, device: str) -> Iterator[Tensor]:
    """The rows of whole batches, epoch after epoch."""
    while True:
        yield from torch.randperm(count, device=device)[: count // batch * batch].split(batch)


def hand_way(name: str, device: str, *, graph: bool) -> Way:
    """The loop by hand, around a graph or without one."""
    work = WORKS[name]
    torch.manual_seed(0)
    data, step = noise_pictures(work.count, work.shape).to(device), work.by_hand(device)
    rows, coming = torch.zeros(work.batch, dtype=torch.int64, device=device), endless(work.count, work.batch, device)

    def whole() -> None:
        step(data.index_select(0, rows))

    taken = captured(whole) if graph else whole

    def way(steps: int) -> None:
        for _ in range(steps):
            rows.copy_(next(coming))
            taken()
        if device == DEVICE:
            torch.cuda.synchronize()

    return way


def ways(name: str, device: str = DEVICE) -> dict[str, Callable[[], Way]]:
    """The peers, and the zoo's."""
    work = WORKS[name]
    zoo = partial(zoo_gpu_way, work.count, work.shape, device, batch_size=work.batch, **work.recipe)
    return {
        "graph by hand": partial(hand_way, name, device, graph=True),
        "eager by hand": partial(hand_way, name, device, graph=False),
        "zoo, replayed": partial(zoo, graphs=True, settings=work.settings),
        "zoo, one by one": partial(zoo, graphs=False, settings=work.settings),
        "zoo, replayed, bfloat16": partial(zoo, graphs=True, settings=work.settings | {"precision": "bfloat16"}),
    }


def table(rounds: Rounds, batch: int) -> Iterator[str]:
    """A line a way: images a second, and the ratio of its rate to that of the graph by hand and of the eager loop."""
    peers = ("graph by hand", "eager by hand")
    yield f"{'':<26}{'images/s':>10}  {'by the graph by hand':<22}by the eager loop"
    for name, values in rounds.seconds.items():
        ratios = [
            spread([theirs / mine for theirs, mine in zip(rounds.seconds[peer], values, strict=True)]) for peer in peers
        ]
        yield f"{name:<26}{batch / statistics.median(values):>10,.0f}  {ratios[0]:<22}{ratios[1]}"


START = """
import time
import torch
begun = time.perf_counter()
import tempfile, zoo
with tempfile.TemporaryDirectory() as folder:
    first = []
    note = lambda reading: first.append(time.perf_counter() - begun)
    words = dict(examples=64, batch_size=64, log_every=64, folder=folder + "/run", device="cuda")
    zoo.train("dcgan-shapes", progress=note, **words)
print(first[0])
"""


def start(runs: int) -> None:
    """Print how long it takes from `import torch` to the end of the first step, whole processes."""
    taken = [
        float(subprocess.run([sys.executable, "-c", START], check=True, capture_output=True, text=True).stdout)
        for _ in range(runs)
    ]
    print(f"from `import torch` to the end of the first step: {spread(taken)} s (goal: at most 6)")


def compare(name: str, arguments: argparse.Namespace) -> None:
    """Measure, each way in a process of its own, and print the table."""
    with contextlib.ExitStack() as held:
        elsewhere: dict[str, Way] = {
            way: held.enter_context(Elsewhere(make, arguments.threads)) for way, make in ways(name).items()
        }
        rounds = in_turns(elsewhere, pairs=arguments.pairs, piece=arguments.seconds)
    for line in table(rounds, WORKS[name].batch):
        print(line, flush=True)
    print(torch.cuda.get_device_name(), f"torch {torch.__version__}")


def main() -> None:
    """Measure what is asked for."""
    parser = options(__doc__, piece=2.0)
    parser.add_argument("what", choices=[*WORKS, "start"])
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("train_gpu.py needs a CUDA device, and there is none here: nothing was measured")
    if arguments.what == "start":
        start(arguments.pairs)
    else:
        compare(arguments.what, arguments)


if __name__ == "__main__":
    main()
