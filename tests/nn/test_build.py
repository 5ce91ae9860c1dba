"""zoo.nn.build: from a spec and a config to modules, empty on the meta device or filled from a seed."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo.catalogue.contract.specs import ArchitectureSpec
from zoo.catalogue.plugins.loading import default_registry
from zoo.errors import ConfigError, PluginError
from zoo.nn.build import build_parts, decode_config, initialise_parts
from zoo.nn.interfaces import Discriminator, Generator

DCGAN = default_registry().architecture("dcgan")


def toy(make: Any, monkeypatch: pytest.MonkeyPatch) -> ArchitectureSpec:
    """An architecture with one part, made by calling `make`."""
    module = types.ModuleType("zoo_test_toy")
    module.make = make  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "zoo_test_toy", module)
    return ArchitectureSpec(
        name="toy",
        summary="",
        family="gan",
        modality="image",
        config="zoo_test_toy:Config",
        parts={"generator": "zoo_test_toy:make"},
    )


def states_equal(a: nn.Module, b: nn.Module) -> bool:
    left, right = a.state_dict(), b.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


def test_building_takes_no_memory_and_no_random_numbers() -> None:
    """A network of ten billion weights is built in an instant: everything is on meta, and the random state stays."""
    config = decode_config(DCGAN, {"image_size": 256, "latent_size": 4096, "generator_widths": [1024]}, "test")
    before = torch.get_rng_state()
    part = build_parts(DCGAN, config, ["generator"])["generator"]
    assert sum(parameter.numel() for parameter in part.parameters()) > 10**10
    assert all(tensor.is_meta for tensor in part.state_dict().values())
    assert torch.equal(torch.get_rng_state(), before)


def test_all_parts_or_the_wanted_ones_are_built(tiny_config: dict[str, Any]) -> None:
    """Without names every part is there, with names those; a part the architecture lacks is a ConfigError."""
    config = decode_config(DCGAN, tiny_config, "test")
    assert set(build_parts(DCGAN, config)) == {"generator", "discriminator"}
    assert set(build_parts(DCGAN, config, ["discriminator"])) == {"discriminator"}
    with pytest.raises(ConfigError, match="dcgan has no encoder; it has generator, discriminator"):
        build_parts(DCGAN, config, ["encoder"])


def test_a_config_is_decoded_by_the_architectures_class() -> None:
    """The decoder of a config names the architecture's own keys."""
    with pytest.raises(ConfigError, match="frogs: config: latent_size = -1 is not allowed"):
        decode_config(DCGAN, {"latent_size": -1}, "frogs: config")


def test_random_weights_follow_from_the_seed(tiny_config: dict[str, Any]) -> None:
    """The same seed gives the same parts bit for bit, another seed others; the random state is restored."""
    config = decode_config(DCGAN, tiny_config, "test")
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, two, other = (initialise_parts(DCGAN, config, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    for name in ("generator", "discriminator"):
        assert states_equal(one[name], two[name])
        assert not states_equal(one[name], other[name])
        assert all(parameter.requires_grad and not parameter.is_meta for parameter in one[name].parameters())


def test_building_and_initialising_agree(tiny_config: dict[str, Any]) -> None:
    """The empty parts have the names, shapes and dtypes of the filled ones."""
    config = decode_config(DCGAN, tiny_config, "test")
    empty, filled = build_parts(DCGAN, config), initialise_parts(DCGAN, config, seed=0)
    for name, part in filled.items():
        form = {key: (tensor.shape, tensor.dtype) for key, tensor in part.state_dict().items()}
        assert {key: (t.shape, t.dtype) for key, t in empty[name].state_dict().items()} == form


def _raises(config: object) -> nn.Module:
    raise KeyError("gone")


def _exits(config: object) -> nn.Module:
    raise SystemExit(0)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_raises, "building its generator failed: KeyError: 'gone'"),
        (_exits, "building its generator failed: SystemExit: 0"),
        (lambda _: 3, "a int, no"),
    ],
)
def test_a_broken_network_is_a_plugin_error(make: Any, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that raises, or gives no module, is a PluginError naming architecture and part, on both ways."""
    spec = toy(make, monkeypatch)
    with pytest.raises(PluginError, match=f"architecture toy: .*{says}"):
        build_parts(spec, None)
    with pytest.raises(PluginError, match=f"architecture toy: .*{says}"):
        initialise_parts(spec, None, seed=0)


def test_what_torch_cannot_build_is_a_config_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A config whose network torch refuses is named when weights are drawn; the random state is restored then too."""

    def make(config: object) -> nn.Module:
        raise RuntimeError("not enough memory")

    before = torch.get_rng_state()
    with pytest.raises(ConfigError, match="toy: its generator cannot be built: not enough memory"):
        initialise_parts(toy(make, monkeypatch), None, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_network_beyond_all_bounds_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A config whose every value is allowed, and that asks for 4 TiB, is a ConfigError before anything is allocated."""

    def make(config: object) -> nn.Module:
        return nn.Linear(2**20, 2**20)

    with pytest.raises(ConfigError, match="its generator would have 4,096 GiB, allowed are 8; use fewer"):
        initialise_parts(toy(make, monkeypatch), None, seed=0)


def test_code_that_is_not_there_is_a_plugin_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference to what a module lacks names the reference."""
    with pytest.raises(PluginError, match="cannot import zoo_test_toy:Config"):
        decode_config(toy(_raises, monkeypatch), {}, "test")


class Whole(Generator):
    """A generator that keeps its interface."""

    def __init__(self, config: Any = None) -> None:
        super().__init__()
        self.latent_shape, self.data_shape, self.num_classes, self.prior = (2,), (2,), None, "normal"

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return z


class WithoutLabels(Whole):
    def forward(self, z: Tensor) -> Tensor:  # type: ignore[override]
        return z


def without(*names: str) -> nn.Module:
    part = Whole()
    for name in names:
        delattr(part, name)
    return part


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda config: without("prior"), r"\(Whole\) sets no prior, which every Generator has"),
        (lambda config: without("data_shape", "latent_shape"), "sets no latent_shape and no data_shape, which every"),
        (WithoutLabels, r"\(WithoutLabels\) cannot be called as every Generator is, forward\(z, labels\): too many"),
    ],
)
def test_a_part_that_leaves_its_interface_out_is_named(make: Any, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an interface declares and a part does not set is said when it is built, not where it is first needed."""
    with pytest.raises(PluginError, match=told):
        build_parts(toy(make, monkeypatch), None)
    assert isinstance(build_parts(toy(Whole, monkeypatch), None)["generator"], Whole)


def test_logits_of_another_shape_are_named() -> None:
    """A discriminator that gives a column of logits is told the shape that is needed."""

    class Column(Discriminator):
        data_shape, num_classes = (2,), None

        def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
            return x.sum(1, keepdim=True)

    with pytest.raises(PluginError, match=r"a Column gives logits of shape \(3, 1\); \(N,\) is needed"):
        Column().judge((torch.ones(3, 2),))
