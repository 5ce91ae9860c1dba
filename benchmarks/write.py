"""Writing: 8 texts of 256 characters by a transformer that keeps keys and values, against one that reads all again.

    python benchmarks/write.py [--pairs 5] [--threads 2]

The peer is the same network with the same weights, read from the beginning for each character, as a loop without a
memory does. Both write the same tokens, which is compared first. The goal is at least 5.
"""

from __future__ import annotations

import statistics

import torch
from pairs import in_turns, options, spread
from torch import Tensor

from zoo.sequences import Autoregressive, Transformer, TransformerConfig, Writing, choose

COUNT, LENGTH = 8, 256
HOW = Writing(temperature=0.8)


def again(model: Autoregressive, z: Tensor) -> Tensor:
    """The tokens (N, L) by z (N, L), all of them read again for each."""
    uniform = (z.double() + 1) / 2
    tokens = torch.full((len(z), 1), model.network.vocabulary)
    for step in range(z.shape[1]):
        logits, _ = model.network.read(tokens)
        tokens = torch.cat([tokens, choose(logits[:, -1].float(), uniform[:, step], HOW)[:, None]], 1)
    return tokens[:, 1:]


@torch.no_grad()
def main() -> None:
    """Compare the tokens, then the times."""
    arguments = options(__doc__, pairs=5, piece=4.0).parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    network = Transformer(TransformerConfig(vocabulary=65, length=LENGTH, width=144, heads=4, layers=5))
    model = Autoregressive(network).eval()
    z = torch.rand(COUNT, LENGTH, generator=torch.Generator().manual_seed(0)) * 2 - 1
    nothing = torch.empty(0, dtype=torch.int64)

    def kept() -> Tensor:
        return torch.stack([*model.written(z, HOW, nothing)], 1)

    assert torch.equal(kept(), again(model, z))
    ways = {
        "all read again": lambda times: [again(model, z) for _ in range(times)],
        "keys and values kept": lambda times: [kept() for _ in range(times)],
    }
    rounds = in_turns(ways, pairs=arguments.pairs, piece=arguments.seconds)
    peer = rounds.seconds["all read again"]
    for name, values in rounds.seconds.items():
        rate = COUNT * LENGTH / statistics.median(values)
        ratios = [theirs / mine for theirs, mine in zip(peer, values, strict=True)]
        print(f"{name:<24}{rate:>8,.0f} characters/s   {spread(ratios)}")


if __name__ == "__main__":
    main()
