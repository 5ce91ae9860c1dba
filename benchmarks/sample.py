"""Sampling: 512 pictures of a DCGAN of 64 channels, 32x32, against plain eager.

    python benchmarks/sample.py [--pairs 15] [--seconds 1] [--threads 2]

The peer is the generator of pytorch/examples with the same weights: one batch of 512, memory as torch makes it, a
transposed convolution on a 1x1 map, batch norms in evaluation. The goal is at least 1.5. The last row is
what `sample` does, drawing its latents too; the row before shows where the gain comes from. All pictures are compared
first.
"""

from __future__ import annotations

from typing import Any

import torch
from examples_dcgan import LATENT, generator, weights_init
from pairs import Way, compare, options
from torch import Tensor, nn

from zoo.catalogue.plugins.loading import default_registry
from zoo.nn.build import decode_config, initialise_parts
from zoo.nn.gan import GAN
from zoo.nn.sampling import in_chunks

COUNT = 512


def same_weights(peer: nn.Sequential) -> GAN:
    """The zoo's DCGAN with the weights of the peer."""
    spec = default_registry().architecture("dcgan")
    config = decode_config(spec, {}, "config")
    parts: dict[str, Any] = initialise_parts(spec, config, seed=0, memory_format=torch.channels_last)
    model = GAN(parts["generator"]).eval()
    stem, *others = [tensor for key, tensor in peer.state_dict().items() if not key.endswith("num_batches_tracked")]
    mine = model.generator.state_dict()
    names = [key for key in mine if key not in ("stem.weight", "head.bias") and "num_batches" not in key]
    mine["stem.weight"].copy_(stem.flatten(1).T)
    mine["head.bias"].zero_()  # the peer's last layer has none
    for name, tensor in zip(names, others, strict=True):
        mine[name].copy_(tensor)
    return model


def main() -> None:
    """Compare the pictures, then the times."""
    arguments = options(__doc__, pairs=15, piece=1.0).parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    peer = generator().apply(weights_init)
    with torch.no_grad():
        for _ in range(20):  # running statistics that are those of something
            peer(torch.randn(64, LATENT, 1, 1))
    peer.eval()
    model = same_weights(peer)
    z = model.latents(COUNT, seed=0)

    def plain(z: Tensor) -> Tensor:
        x: Tensor = (peer(z[:, :, None, None]) + 1) / 2
        return x

    @torch.no_grad()
    def eager(times: int) -> None:
        for _ in range(times):
            plain(torch.randn(COUNT, LATENT))

    @torch.no_grad()
    def unfolded(times: int) -> None:
        for _ in range(times):
            in_chunks(model.generator, torch.randn(COUNT, LATENT), None)

    def ours(times: int) -> None:
        for _ in range(times):
            model.sample(COUNT)

    with torch.no_grad():
        difference = float((plain(z) - model.decode(z)).abs().max())
    print(f"largest difference between the pictures: {difference:.1g} of 1")
    ways: dict[str, Way] = {"plain eager": eager, "in chunks, not folded": unfolded, "model.sample": ours}
    compare(ways, ["plain eager"], examples=COUNT, arguments=arguments)


if __name__ == "__main__":
    main()
