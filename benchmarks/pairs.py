"""Timing in turns: several ways of one piece of work, short pieces one after the other, ratios within a round.

What other work on the machine does to one way it does, a second later, to the next; medians of the ratios hold where
times do not. Each round also measures the machine's own rate at a large matrix product, float32.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

Way = Callable[[int], object]  # does the work that many times over
Clock = Callable[[], float]
SIDE = 2048  # of the matrix product


@dataclass(frozen=True)
class Rounds:
    """Seconds a unit of work of each way in each round, and the rate of the matrix product in each."""

    seconds: dict[str, list[float]]
    gemm: list[float]  # floating-point operations a second


def seconds(action: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    """Seconds of one call."""
    start = clock()
    action()
    return clock() - start


class Elsewhere:
    """A way in a process of its own, as programs are run: what one sets for its process is not the other's.

    `make` must be picklable: a function of a module, or a partial of one. Enter it for the process.
    """

    def __init__(self, make: Callable[[], Way], threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other, make, threads))

    def __enter__(self) -> Elsewhere:
        self.process.start()
        return self

    def __call__(self, times: int) -> None:
        self.pipe.send(times)
        self.pipe.recv()

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has failed, and said why
            self.pipe.send(None)
        self.process.join()

    def seconds(self, times: int, *, processor: bool) -> float:
        """Seconds of its own clock for the work that many times over: of the wall, or of the processor."""
        self.pipe.send(times)
        wall, own = self.pipe.recv()
        return float(own if processor else wall)

    def flops(self) -> int:
        """Floating-point operations of one unit of work."""
        self.pipe.send("flops")
        return int(self.pipe.recv())


def _serve(pipe: Connection, make: Callable[[], Way], threads: int) -> None:
    if threads:
        torch.set_num_threads(threads)
    way = make()
    while (asked := pipe.recv()) is not None:
        if asked == "flops":
            pipe.send(flops(way))
        else:
            wall, own = time.perf_counter(), time.process_time()
            way(asked)
            pipe.send((time.perf_counter() - wall, time.process_time() - own))


def spread(values: list[float]) -> str:
    """The median, and the range."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def gemm_rate(clock: Clock) -> float:
    """Floating-point operations a second of a product of two square matrices; the best of three."""
    a, b = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    return max(2 * SIDE**3 / seconds(lambda: a @ b, clock) for _ in range(3))


def dense_flops(rows: Sequence[int], weight: Sequence[int], *_: object, **__: object) -> int:
    """Operations of (…, K) times the transpose of (N, K)."""
    return 2 * math.prod(rows) * weight[0]


def flops(way: Way) -> int:
    """Floating-point operations of one unit of work: products in forward and backward, as torch counts them."""
    if isinstance(way, Elsewhere):
        return way.flops()
    more = {torch.ops.mkldnn._linear_pointwise: dense_flops}  # PyTorch counts its public operators only
    with FlopCounterMode(display=False, custom_mapping=more) as counter:
        way(1)
    return counter.get_total_flops()


def in_turns(ways: dict[str, Way], *, pairs: int, piece: float, clock: Clock = time.perf_counter) -> Rounds:
    """`pairs` rounds of all ways, each for about `piece` seconds, in turning order; one warm-up before."""
    counts = {}
    for name, way in ways.items():
        way(2)
        counts[name] = max(1, round(piece / max(_taken(way, 2, clock) / 2, 1e-6)))
    taken: dict[str, list[float]] = {name: [] for name in ways}
    rates = []
    names = list(ways)
    for turn in range(pairs):
        for name in names if turn % 2 == 0 else reversed(names):
            taken[name].append(_taken(ways[name], counts[name], clock) / counts[name])
        rates.append(gemm_rate(clock))
    return Rounds(taken, rates)


def _taken(way: Way, times: int, clock: Clock) -> float:
    if isinstance(way, Elsewhere):
        return way.seconds(times, processor=clock is time.process_time)
    return seconds(lambda: way(times), clock)


def table(rounds: Rounds, peers: Sequence[str], *, examples: int, work: dict[str, int]) -> Iterator[str]:
    """One line a way: examples a second, ratio to each peer, GFLOP a unit of work, and their rate by the product's."""
    titles = "".join(f"{'by ' + peer:<20}" for peer in peers)
    yield f"{'':<24}{'images/s':>9}  {titles}{'GFLOP':>7}  of the matrix product's rate"
    for name, values in rounds.seconds.items():
        rate = examples / statistics.median(values)
        line = f"{name:<24}{rate:>9.0f}  "
        for peer in peers:
            ratios = [theirs / mine for theirs, mine in zip(rounds.seconds[peer], values, strict=True)]
            line += f"{spread(ratios):<20}"
        parts = [work[name] / mine / gemm for mine, gemm in zip(values, rounds.gemm, strict=True)]
        yield f"{line}{work[name] / 1e9:>7.2f}  {spread(parts)}"
    gemm = statistics.median(rounds.gemm) / 1e9
    yield f"matrix product of {SIDE}: {gemm:.0f} GFLOP/s, {torch.get_num_threads()} threads"


def compare(ways: dict[str, Way], peers: Sequence[str], *, examples: int, arguments: argparse.Namespace) -> None:
    """Measure and print the table; a unit of work makes or sees that many examples."""
    work = {name: flops(way) for name, way in ways.items()}
    clock = time.process_time if arguments.processor_time else time.perf_counter
    rounds = in_turns(ways, pairs=arguments.pairs, piece=arguments.seconds, clock=clock)
    for line in table(rounds, peers, examples=examples, work=work):
        print(line, flush=True)


def compare_elsewhere(
    makers: dict[str, Callable[[], Way]], peers: Sequence[str], *, examples: int, arguments: argparse.Namespace
) -> None:
    """As `compare`, each way in a process of its own."""
    with contextlib.ExitStack() as held:
        ways: dict[str, Way] = {
            name: held.enter_context(Elsewhere(make, arguments.threads)) for name, make in makers.items()
        }
        compare(ways, peers, examples=examples, arguments=arguments)


def options(about: str | None, *, pairs: int = 9, piece: float = 1.5) -> argparse.ArgumentParser:
    """The options that these scripts share."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=pairs, help="rounds")
    parser.add_argument("--seconds", type=float, default=piece, help="of one piece of one way")
    parser.add_argument("--threads", type=int, default=0, help="0: torch's choice")
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="count this process's processor time, with --threads 1: where other work keeps the cores busy",
    )
    return parser


def noise_pictures(count: int, shape: tuple[int, ...]) -> Tensor:
    """Pictures (count, *shape) uint8 of even noise: how fast a step is does not depend on what they show."""
    return torch.randint(0, 256, (count, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
