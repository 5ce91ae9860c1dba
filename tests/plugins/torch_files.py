"""Torch files of untrained networks, as torchvision's are: a state dict of the right names and shapes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.plugins.loading import default_registry

MEAN = torch.tensor((0.485, 0.456, 0.406), dtype=torch.float64)[:, None, None]
DEVIATION = torch.tensor((0.229, 0.224, 0.225), dtype=torch.float64)[:, None, None]


def normalised(x: Tensor) -> Tensor:
    """Pictures (N, 3, H, W) in [0, 1] as torchvision's networks of ImageNet take them."""
    return (x - MEAN.to(x)) / DEVIATION.to(x)


@torch.no_grad()
def untrained(network: nn.Module, side: int) -> nn.Module:
    """The network in eval mode, its batch norms with the statistics of noise of that side: values stay small."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, nn.BatchNorm2d):
            module.momentum = None
            nn.init.uniform_(module.weight, 0.1, 0.5)
            nn.init.uniform_(module.bias, -0.2, 0.5)
    network.train()(normalised(torch.rand(2, 3, side, side)))
    return network.eval()


def content(network: nn.Module) -> bytes:
    """The bytes of its file."""
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    return file.getvalue()


def pinned(name: str, network: nn.Module, folder: Path, **changes: str) -> Registry:
    """A registry of that feature network alone, its weights those of `network`: in its file in `folder`, and pinned."""
    weights = content(network)
    spec = replace(default_registry().features(name), **changes)
    (folder / spec.file).write_bytes(weights)
    spec = replace(spec, sha256=hashlib.sha256(weights).hexdigest())
    return Registry.of([Owned(name=name, spec=spec, owner="test")])


def activations(network: nn.Module, x: Tensor, layers: Sequence[str]) -> list[Tensor]:
    """What those layers of a network give of x."""
    found: list[Tensor] = []  # in the order in which x passes them
    handles = [
        network.get_submodule(layer).register_forward_hook(lambda _, __, given: found.append(given)) for layer in layers
    ]
    with torch.no_grad():
        network(x)
    for handle in handles:
        handle.remove()
    return found


def close(found: Tensor, wanted: Tensor, share: float = 1e-5) -> bool:
    """Whether they differ by no more than that share of the largest value: folding rounds, and depth makes it more."""
    assert found.shape == wanted.shape
    return float((found.detach() - wanted).abs().max()) <= share * float(wanted.abs().max())
