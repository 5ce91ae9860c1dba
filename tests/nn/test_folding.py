"""zoo.nn.folding: a folded network gives what the plain one gives, and where that is in doubt it is left as it is."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from zoo.catalogue.plugins.loading import default_registry
from zoo.nn.build import decode_config, initialise_parts
from zoo.nn.folding import folded
from zoo.nn.gan import GAN


def norms_of(network: nn.Module) -> int:
    return sum(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())


def lived(network: nn.Module) -> Any:
    """The network in eval mode, its batch norms with statistics and weights of their own."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            for tensor, low, high in (
                (module.running_mean, -1.0, 1.0),
                (module.running_var, 0.1, 3.0),
                (module.weight, -2.0, 2.0),
                (module.bias, -1.0, 1.0),
            ):
                if tensor is not None:
                    tensor.data.uniform_(low, high, generator=generator)
    return network.eval()


def norms_run(network: nn.Module, x: Tensor) -> int:
    """How many batch norms are called on the way of x."""
    calls = []
    handles = [
        module.register_forward_hook(lambda *_: calls.append(1))
        for module in network.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
    ]
    network(x)
    for handle in handles:
        handle.remove()
    return len(calls)


PAIRS: dict[str, Callable[[], tuple[list[nn.Module], tuple[int, ...]]]] = {
    "conv": lambda: ([nn.Conv2d(3, 5, 3, padding=1), nn.BatchNorm2d(5)], (2, 3, 6, 6)),
    "conv without bias": lambda: ([nn.Conv2d(3, 5, 3, bias=False), nn.BatchNorm2d(5)], (2, 3, 6, 6)),
    "grouped conv": lambda: ([nn.Conv2d(4, 6, 3, groups=2), nn.BatchNorm2d(6)], (2, 4, 6, 6)),
    "transposed": lambda: ([nn.ConvTranspose2d(3, 5, 4, 2, 1), nn.BatchNorm2d(5)], (2, 3, 6, 6)),
    "norm without weights": lambda: ([nn.ConvTranspose2d(3, 5, 4), nn.BatchNorm2d(5, affine=False)], (2, 3, 6, 6)),
    "one dimension": lambda: ([nn.Conv1d(3, 5, 3), nn.BatchNorm1d(5)], (2, 3, 6)),
    "three dimensions": lambda: ([nn.ConvTranspose3d(3, 5, 3), nn.BatchNorm3d(5)], (2, 3, 4, 4, 4)),
    "two in a row": lambda: (
        [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2), nn.Tanh()],
        (2, 3, 6, 6),
    ),
    "two norms behind one conv": lambda: ([nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4)], (2, 3, 6, 6)),
}


@pytest.mark.parametrize("case", PAIRS)
def test_a_folded_pair_gives_the_same(case: str) -> None:
    """For every kind of convolution the result is that of the two layers in float64 to 1e-12, and no norm runs."""
    torch.manual_seed(0)
    layers, shape = PAIRS[case]()
    network = lived(nn.Sequential(*layers)).double()
    x = torch.randn(shape, dtype=torch.float64)
    ready = folded(network)
    assert norms_run(network, x) > norms_run(ready, x) == 0
    assert torch.allclose(ready(x), network(x), rtol=0, atol=1e-12)


def test_the_network_itself_is_left_alone() -> None:
    """Folding changes no tensor, no key and no layer of the network, and what is given has its keys and weights."""
    torch.manual_seed(0)
    network = lived(nn.Sequential(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)), nn.Conv2d(4, 1, 1)))
    before, kept = copy.deepcopy(network.state_dict()), list(network.modules())
    ready = folded(network)
    assert ready is not network
    assert [*network.modules()] == kept
    assert network.state_dict().keys() == before.keys() == ready.state_dict().keys()
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert ready[1] is network[1]


class Tapped(nn.Module):
    """Walks through its layers and keeps what is between convolution and norm."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        between = self.layers[0](x)
        for layer in list(self.layers)[1:]:
            x = layer(between)
        return x + between


class Sub(nn.Conv2d):
    """A convolution that does more."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).abs()


def hooked() -> nn.Module:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
    network[0].register_forward_hook(lambda module, given, x: x.abs())
    return network


DOUBTFUL: dict[str, Callable[[], nn.Module]] = {
    "a walk through the layers": Tapped,
    "a subclass": lambda: nn.Sequential(Sub(1, 4, 3), nn.BatchNorm2d(4)),
    "a hook": hooked,
    "spectral norm": lambda: nn.Sequential(spectral_norm(nn.Conv2d(1, 4, 3)), nn.BatchNorm2d(4)),
    "no running statistics": lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)),
    "a dense layer": lambda: nn.Sequential(nn.Conv2d(1, 4, 8), nn.Flatten(), nn.Linear(4, 4), nn.BatchNorm1d(4)),
    "an activation between": lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)),
    "the norm first": lambda: nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 4, 3)),
    "groups, transposed": lambda: nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ConvTranspose2d(4, 4, 3, groups=2), nn.BatchNorm2d(4)
    ),
}


@pytest.mark.parametrize("case", DOUBTFUL)
def test_what_is_in_doubt_is_run_as_it_was(case: str) -> None:
    """Hooks, subclasses, parametrizations, batch statistics, networks that look inside: not one bit differs."""
    torch.manual_seed(0)
    network = lived(DOUBTFUL[case]())
    x = torch.randn(3, 1, 8, 8)
    assert torch.equal(folded(network)(x), network(x))


def test_nothing_is_folded_in_training() -> None:
    """A norm that uses the batch's own statistics is no fixed scale: the network is given back as it is."""
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)).train()
    assert folded(network) is network
    network[0].eval()
    assert folded(network) is network


def generator(**change: Any) -> Any:
    spec = default_registry().architecture("dcgan")
    config = {"image_size": 16, "latent_size": 20, "generator_widths": [16, 8], "discriminator_widths": [4, 4]}
    parts = initialise_parts(spec, decode_config(spec, config | change, "test"), seed=0)
    return lived(parts["generator"].requires_grad_(False))


@pytest.mark.parametrize("change", [{}, {"generator_convs": [1, 1], "head": "conv"}, {"generator_norm": "none"}])
def test_samples_are_those_of_the_plain_generator(change: dict[str, Any]) -> None:
    """A GAN's samples are its generator's to float32's rounding, and every norm behind a convolution is folded."""
    network = generator(**change)
    model = GAN(network).eval()
    z = model.latents(40, seed=0)
    plain = (network(z) + 1) / 2
    assert float((model.decode(z) - plain).abs().max()) < 2e-6
    behind_convolutions = max(0, norms_of(network) - 1)  # the first one stands behind the dense layer
    assert norms_run(network, z) - norms_run(folded(network), z) == behind_convolutions


def test_a_model_whose_weights_change_samples_with_the_new_ones() -> None:
    """Nothing is remembered between samples: new weights, statistics or dtypes count at once."""
    model = GAN(generator()).eval()
    before = model.sample(2, seed=0)
    with torch.no_grad():
        model.generator.get_submodule("body.2").weight.data.mul_(-1)
        model.generator.get_submodule("body.3").running_mean.data.add_(1)
    z = model.latents(2, seed=0)
    after = model.sample(2, seed=0)
    assert float((after - before).abs().max()) > 1e-3
    assert float((after - (model.generator(z) + 1) / 2).abs().max()) < 2e-6
