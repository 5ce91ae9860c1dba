"""zoo_gan: each rule of the architecture as a setting, the book's layout, and configs that cannot be built."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo.catalogue.contract.references import resource
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.recipes.recipe import read_recipe, resolve
from zoo.configs import as_data, decode
from zoo.errors import ConfigError
from zoo.nn.build import build_parts, initialise_parts
from zoo.nn.interfaces import Discriminator, Generator
from zoo_gan.configs import DCGANConfig
from zoo_gan.networks import DCGANDiscriminator, DCGANGenerator

SPEC = default_registry().architecture("dcgan")
SMALL: dict[str, Any] = {"image_size": 16, "latent_size": 4, "generator_widths": [4, 3], "discriminator_widths": [3, 4]}
BOOK: dict[str, Any] = {"latent_size": 32, **SPEC.presets["book"]}


def config(**change: Any) -> DCGANConfig:
    return decode(DCGANConfig, SMALL | change, "test")


def nets(**change: Any) -> tuple[DCGANGenerator, DCGANDiscriminator]:
    """Both networks with random weights of seed 0, in eval mode, without gradients."""
    parts: dict[str, Any] = initialise_parts(SPEC, config(**change), seed=0)
    return parts["generator"].eval().requires_grad_(False), parts["discriminator"].eval().requires_grad_(False)


def layers(network: nn.Module, *kinds: type[nn.Module]) -> list[Any]:
    return [module for module in network.modules() if isinstance(module, kinds)]


def maps(network: nn.Module, given: Tensor, *kinds: type[nn.Module]) -> list[tuple[int, ...]]:
    """The shapes, without the batch, that the layers of some kinds give, in the order they run."""
    seen: list[tuple[int, ...]] = []
    for layer in layers(network, *kinds):
        layer.register_forward_hook(lambda _layer, _given, out: seen.append(tuple(out.shape[1:])))
    with torch.no_grad():
        network(given)
    return seen


def z(n: int = 2, size: int = 4) -> Tensor:
    return torch.randn(n, size, generator=torch.Generator().manual_seed(0))


# --- shapes and interfaces -----------------------------------------------------------------------------------------


def test_the_networks_implement_the_interfaces() -> None:
    """They say their shapes, have no classes, and map latents to pictures and pictures to one logit each."""
    generator, discriminator = nets()
    assert isinstance(generator, Generator)
    assert isinstance(discriminator, Discriminator)
    assert (generator.latent_shape, generator.data_shape, generator.num_classes) == ((4,), (3, 16, 16), None)
    assert (discriminator.data_shape, discriminator.num_classes) == ((3, 16, 16), None)
    x = generator(z())
    assert x.shape == (2, 3, 16, 16)
    assert discriminator(x).shape == (2,)


@pytest.mark.parametrize("size", [8, 16, 64])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_of_any_size_and_colour(size: int, channels: int) -> None:
    """The picture has the config's side and channels."""
    generator, discriminator = nets(image_size=size, channels=channels)
    assert generator(z()).shape == (2, channels, size, size)
    assert discriminator(torch.zeros(2, channels, size, size)).shape == (2,)


@pytest.mark.parametrize("kernel", range(2, 9))
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("downsampling", ["stride", "max_pool"])
def test_every_kernel_doubles_and_halves_exactly(kernel: int, padding: str, downsampling: str) -> None:
    """Even and odd kernels double the generator's side; the discriminator's sides are those the config computes."""
    given: dict[str, Any] = {"image_size": 32, "kernel_size": kernel, "padding": padding, "downsampling": downsampling}
    generator, discriminator = nets(**given)
    doubled = maps(generator, z(), nn.ConvTranspose2d)
    assert [shape[1:] for shape in doubled] == [(16, 16), (32, 32)]
    last = nn.Conv2d if downsampling == "stride" else nn.MaxPool2d
    halved = maps(discriminator, torch.zeros(1, 3, 32, 32), last)
    sides = config(**given).discriminator_sizes
    assert [shape[1:] for shape in halved] == [(side, side) for side in sides]
    if padding == "same":
        assert sides == (16, 8)


@pytest.mark.parametrize("stages", [1, 2, 3, 4])
@pytest.mark.parametrize("head", ["transposed", "conv"])
def test_any_number_of_stages_ends_at_the_pictures_side(stages: int, head: str) -> None:
    """The first map is as small as the doublings need it to be."""
    generator, _ = nets(image_size=32, generator_widths=[4] * stages, head=head)
    assert generator(z()).shape == (2, 3, 32, 32)
    doublings = stages - (head == "conv")
    assert generator.stem_shape == (4, 32 >> doublings, 32 >> doublings)


def test_further_convolutions_keep_the_side() -> None:
    """`generator_convs` adds that many stride-1 convolutions to each stage."""
    generator, _ = nets(generator_convs=[2, 1], generator_conv_kernel=5)
    convs = layers(generator.body, nn.Conv2d)
    assert [(conv.kernel_size, conv.stride, conv.padding) for conv in convs] == [((5, 5), (1, 1), (2, 2))] * 3
    assert maps(generator, z(), nn.Conv2d) == [(4, 4, 4), (4, 4, 4), (3, 8, 8)]


# --- the rules -----------------------------------------------------------------------------------------------------


def test_tanh_bounds_the_output() -> None:
    """With tanh no value leaves [-1, 1], however large the latents are; a linear output does."""
    far = z() * 1e4
    bounded, linear = nets(output="tanh")[0], nets(output="linear")[0]
    assert float(bounded(far).abs().max()) <= 1
    assert float(linear(far).abs().max()) > 1
    assert DCGANConfig().output == "tanh"


@pytest.mark.parametrize("prior", ["normal", "uniform"])
def test_the_prior_is_the_configs(prior: str) -> None:
    """The generator says what its latents are drawn from: normal unless set otherwise."""
    assert nets(prior=prior)[0].prior == prior
    assert DCGANConfig().prior == "normal"


def test_strides_shrink_the_map_and_no_pooling_does() -> None:
    """By default every step down is a convolution of stride 2 and none is max pooling; `max_pool` turns it round."""
    _, strided = nets()
    assert [conv.stride for conv in layers(strided, nn.Conv2d)] == [(2, 2)] * 2
    assert layers(strided, nn.MaxPool2d, nn.AvgPool2d) == []
    _, pooled = nets(downsampling="max_pool")
    assert {conv.stride for conv in layers(pooled, nn.Conv2d)} == {(1, 1)}
    assert len(layers(pooled, nn.MaxPool2d)) == 2
    assert DCGANConfig().downsampling == "stride"


def test_the_discriminator_has_leaky_relus() -> None:
    """Its activations are LeakyReLU of slope 0.2 by default, ReLU when set; the generator's the other way round."""
    _, discriminator = nets(discriminator_stem=3)
    assert [layer.negative_slope for layer in layers(discriminator, nn.LeakyReLU)] == [0.2] * 3
    assert layers(discriminator, nn.ReLU) == []
    generator, discriminator = nets(discriminator_activation="relu", generator_activation="leaky_relu")
    assert layers(discriminator, nn.LeakyReLU) == layers(generator, nn.ReLU) == []
    assert layers(nets()[0], nn.LeakyReLU) == []


def test_dropout_stands_before_the_dense_layer() -> None:
    """It drops the set share in training, nothing in eval mode, and is off by default."""
    _, discriminator = nets(dropout=0.4)
    assert [layer.p for layer in layers(discriminator, nn.Dropout)] == [0.4]
    assert DCGANConfig().dropout == 0
    x = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(discriminator(x), discriminator(x))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        dropped = torch.stack([discriminator.dropout.train()(torch.ones(10_000)) for _ in range(10)])
        assert not torch.equal(discriminator(x), discriminator(x))
    assert abs(float((dropped == 0).float().mean()) - 0.4) < 0.01


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_the_generators_norm_is_the_configs(norm: str) -> None:
    """Batch norm behind every layer but the last, whose layers then have no bias; or none, and biases."""
    generator, _ = nets(generator_norm=norm, generator_convs=[1, 0])
    assert len(layers(generator, nn.BatchNorm2d)) == (3 if norm == "batch" else 0)
    inner = layers(generator.body, nn.Conv2d, nn.ConvTranspose2d)
    assert all((layer.bias is None) == (norm == "batch") for layer in [generator.stem, *inner])
    assert generator.head.bias is not None


def test_the_discriminators_norm_is_the_configs() -> None:
    """Batch norm, but not on the first layer; spectral norm on every weight, each of norm near 1; or none."""
    assert len(layers(nets(discriminator_norm="batch")[1], nn.BatchNorm2d)) == 1
    assert len(layers(nets(discriminator_norm="batch", discriminator_stem=3)[1], nn.BatchNorm2d)) == 2
    assert layers(nets(discriminator_norm="none")[1], nn.BatchNorm2d) == []
    _, spectral = nets(discriminator_norm="spectral")
    spectral.train()
    for _ in range(30):
        spectral(torch.zeros(2, 3, 16, 16))
    assert layers(spectral, nn.BatchNorm2d) == []
    for layer in layers(spectral, nn.Conv2d, nn.Linear):
        assert float(torch.linalg.matrix_norm(layer.weight.flatten(1), 2)) == pytest.approx(1, abs=0.05)


def test_kernels_are_divisible_by_the_stride_in_both_nets_of_every_preset_and_recipe() -> None:
    """No checkerboards: where the stride is 2 the kernel is even, for the default, each preset and each recipe."""
    configs = [DCGANConfig(), *(decode(DCGANConfig, preset, "preset") for preset in SPEC.presets.values())]
    for path in sorted(resource("zoo_gan:recipes", "test").glob("*.toml")):
        config = resolve(read_recipe(path), default_registry()).config
        configs += [config] if isinstance(config, DCGANConfig) else []
    assert len(configs) >= 4
    for each in configs:
        both = nn.ModuleList(build_parts(SPEC, each).values())
        strided = [c for c in layers(both, nn.Conv2d, nn.ConvTranspose2d) if c.stride != (1, 1)]
        assert {type(layer) for layer in strided} == {nn.Conv2d, nn.ConvTranspose2d}
        assert all(
            kernel % stride == 0 for c in strided for kernel, stride in zip(c.kernel_size, c.stride, strict=True)
        )


def test_weights_start_as_radford_has_them() -> None:
    """Weights from N(0, 0.02), batch norm's scales from N(1, 0.02), biases zero."""
    for network in nets(generator_widths=[64, 32], discriminator_widths=[32, 64]):
        for layer in layers(network, nn.Conv2d, nn.ConvTranspose2d, nn.Linear):
            if layer.weight.numel() > 1000:
                assert float(layer.weight.std()) == pytest.approx(0.02, rel=0.1)
                assert abs(float(layer.weight.mean())) < 0.003
            assert layer.bias is None or not layer.bias.any()
        for layer in layers(network, nn.BatchNorm2d):
            assert float(layer.weight.mean()) == pytest.approx(1, abs=0.02)


# --- the book ------------------------------------------------------------------------------------------------------


def test_the_books_generator() -> None:
    """Dense to 16x16x128, conv5 256, transposed conv4 stride 2 to 32x32, conv5 256 twice, 7x7 head with tanh."""
    book = decode(DCGANConfig, BOOK, "book")
    generator = initialise_parts(SPEC, book, seed=0)["generator"]
    shapes = maps(generator, torch.zeros(1, 32), nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.Tanh)
    assert shapes == [(16 * 16 * 128,), *[(256, 16, 16)], *[(256, 32, 32)] * 3, *[(3, 32, 32)] * 2]
    found = layers(generator, nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.Tanh)
    kinds = [(type(layer).__name__, getattr(layer, "kernel_size", (0,))[0]) for layer in found]
    expected = [("Linear", 0), ("Conv2d", 5), ("ConvTranspose2d", 4), ("Conv2d", 5), ("Conv2d", 5), ("Conv2d", 7)]
    assert kinds == [*expected, ("Tanh", 0)]
    assert [layer.stride[0] for layer in found[1:-1]] == [1, 2, 1, 1, 1]
    assert len(layers(generator, nn.LeakyReLU)) == 5
    assert layers(generator, nn.BatchNorm2d, nn.ReLU) == []
    assert (book.latent_size, book.prior) == (32, "normal")


def test_the_books_discriminator() -> None:
    """Conv3 128, three conv4 128 of stride 2, none padded (32, 30, 14, 6, 2), dropout 0.4, dense to 1."""
    book = decode(DCGANConfig, BOOK, "book")
    discriminator = initialise_parts(SPEC, book, seed=0)["discriminator"]
    shapes = maps(discriminator, torch.zeros(1, 3, 32, 32), nn.Conv2d, nn.Dropout, nn.Linear)
    assert shapes == [(128, 30, 30), (128, 14, 14), (128, 6, 6), (128, 2, 2), (512,), (1,)]
    convs = layers(discriminator, nn.Conv2d)
    found = [(conv.kernel_size[0], conv.stride[0], conv.padding[0]) for conv in convs]
    assert found == [(3, 1, 0), (4, 2, 0), (4, 2, 0), (4, 2, 0)]
    assert [layer.p for layer in layers(discriminator, nn.Dropout)] == [0.4]
    assert len(layers(discriminator, nn.LeakyReLU)) == 4
    assert layers(discriminator, nn.BatchNorm2d, nn.MaxPool2d, nn.Sigmoid) == []


# --- configs -------------------------------------------------------------------------------------------------------

BAD: list[tuple[dict[str, Any], str]] = [
    ({"generator_widths": [-1]}, "generator_widths = [-1] is not allowed"),
    ({"generator_widths": [10**9]}, "generator_widths = [1000000000] is not allowed"),
    ({"generator_widths": [0]}, "generator_widths = [0]"),
    ({"generator_widths": []}, "generator_widths = []"),
    ({"generator_widths": 64}, "generator_widths = 64"),
    ({"generator_widths": [4] * 8}, "at most 7 of them"),
    ({"generator_widths": [4] * 5, "image_size": 32}, "5 stages, too many for 32 pixels"),
    ({"generator_widths": [4] * 3, "image_size": 8}, "3 stages, too many for 8 pixels"),
    ({"discriminator_widths": [-1]}, "discriminator_widths = [-1]"),
    ({"discriminator_widths": [10**9]}, "discriminator_widths = [1000000000]"),
    ({"discriminator_widths": []}, "discriminator_widths = []"),
    ({"discriminator_widths": [4] * 5, "image_size": 16}, "shrinks 16 pixels to nothing"),
    ({"discriminator_widths": [4] * 3, "image_size": 16, "padding": "valid"}, "shrinks 16 pixels to nothing"),
    (
        {"discriminator_widths": [4], "image_size": 8, "padding": "valid", "discriminator_stem": 4, "kernel_size": 8},
        "nothing",
    ),
    ({"image_size": 33}, "image_size = 33 is not a power of two"),
    ({"image_size": 24}, "image_size = 24 is not a power of two"),
    ({"image_size": 4}, "image_size = 4 is not allowed; it takes a whole number from 8 to 256"),
    ({"image_size": 512}, "image_size = 512 is not allowed"),
    ({"image_size": 32.0}, "image_size = 32.0"),
    ({"channels": 0}, "channels = 0"),
    ({"channels": True}, "channels = True"),
    ({"latent_size": 0}, "latent_size = 0"),
    ({"latent_size": 10**9}, "latent_size = 1000000000"),
    ({"kernel_size": 1}, "kernel_size = 1"),
    ({"kernel_size": 9}, "kernel_size = 9"),
    ({"generator_conv_kernel": 4}, "it takes 1 or 3 or 5 or 7"),
    ({"head_kernel": 2}, "head_kernel = 2"),
    ({"generator_convs": [1]}, "generator_convs needs one count for each of generator_widths"),
    ({"generator_convs": [5, 0]}, "generator_convs = [5, 0]"),
    ({"stem_width": 5}, "stem_width may differ from the first width only"),
    ({"stem_width": 2000}, "stem_width = 2000"),
    ({"dropout": 1}, "dropout = 1 is not allowed"),
    ({"dropout": -0.1}, "dropout = -0.1"),
    ({"dropout": math.nan}, "dropout = nan"),
    ({"prior": "cauchy"}, "prior = 'cauchy' is not allowed; it takes 'normal' or 'uniform'"),
    ({"output": "sigmoid"}, "output = 'sigmoid'"),
    ({"downsampling": None}, "downsampling = None"),
    ({"discriminator_norm": "layer"}, "discriminator_norm = 'layer'"),
    ({"generator_width": [4]}, "unknown key 'generator_width'; did you mean 'generator_widths'"),
]


@pytest.mark.parametrize(("change", "says"), BAD, ids=range(len(BAD)))
def test_a_config_that_cannot_be_built_is_refused(change: dict[str, Any], says: str) -> None:
    """A value out of range, or one that does not go with another, is a ConfigError in one line before any network."""
    with pytest.raises(ConfigError) as caught:
        config(**change)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_field_has_a_default_and_the_default_is_allowed() -> None:
    """The default config passes its own checks, and survives plain data."""
    data = as_data(DCGANConfig())
    assert set(data) == {f.name for f in fields(DCGANConfig)}
    assert decode(DCGANConfig, data, "test") == DCGANConfig()


@pytest.mark.parametrize("size", [8, 32, 64])
@pytest.mark.parametrize("kernel", [2, 3, 8])
@pytest.mark.parametrize("count", [1, 3, 5])
def test_what_a_config_allows_can_be_built(size: int, kernel: int, count: int) -> None:
    """No config passes its checks and fails in the network."""
    for padding in ("same", "valid"):
        for stem in (0, 2):
            given = {"image_size": size, "kernel_size": kernel, "padding": padding, "discriminator_stem": stem}
            try:
                allowed = config(**given, discriminator_widths=[2] * count, generator_widths=[2] * count)
            except ConfigError:
                continue
            parts = initialise_parts(SPEC, allowed, seed=0)
            assert parts["discriminator"](parts["generator"](z())).shape == (2,)
