"""zoo_gan's residual GAN: its blocks at the start, its sizes, its classes and its configs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from zoo.catalogue.plugins.loading import default_registry
from zoo.configs import decode
from zoo.errors import ConfigError
from zoo.nn.build import build_parts, initialise_parts
from zoo_gan.configs import ResGANConfig
from zoo_gan.residual import ResGANDiscriminator, ResGANGenerator

SPEC = default_registry().architecture("res-gan")
SMALL: dict[str, Any] = {"image_size": 16, "latent_size": 4, "widths": [16, 16, 8], "blocks": 1, "group_size": 4}


def nets(**change: Any) -> tuple[ResGANGenerator, ResGANDiscriminator]:
    parts: dict[str, Any] = initialise_parts(SPEC, decode(ResGANConfig, SMALL | change, "test"), seed=0)
    return parts["generator"].requires_grad_(False), parts["discriminator"].requires_grad_(False)


def z(n: int = 3) -> torch.Tensor:
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("size", "count"), [(16, 3), (32, 4), (64, 5), (128, 6)])
@pytest.mark.parametrize("num_classes", [0, 3])
def test_pictures_of_any_size_with_and_without_classes(size: int, count: int, num_classes: int) -> None:
    """The generator gives pictures of the config's side, the discriminator a logit for each."""
    generator, discriminator = nets(image_size=size, widths=[8] * count, num_classes=num_classes)
    labels = torch.tensor([0, 2, 1]) if num_classes else None
    x = generator(z(), labels)
    assert x.shape == (3, 3, size, size)
    assert discriminator(x, labels).shape == (3,)


def test_a_block_begins_as_the_identity() -> None:
    """The last convolution of each block is zero at the start, so a stage of one width gives what it got."""
    generator, _ = nets()
    x = torch.randn(2, 16, 4, 4)
    assert torch.equal(generator.stages[0](x), x)
    generator.stages[0].blocks[0].narrow.weight.fill_(0.1)
    assert not torch.equal(generator.stages[0](x), x)


def test_no_layer_normalises() -> None:
    """Neither net has a norm: an example is judged alone, and a penalty on its slope means what it says."""
    for network in nets():
        assert not [m for m in network.modules() if "Norm" in type(m).__name__]
    _, discriminator = nets()
    x = torch.randn(4, 3, 16, 16)
    torch.testing.assert_close(discriminator(x)[:2], discriminator(x[:2]))


def test_the_first_map_is_the_learned_one_scaled_by_z() -> None:
    """With the base at one value a channel the map behind it is that value times a linear map of z."""
    generator, _ = nets()
    seen: list[torch.Tensor] = []
    generator.stages[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    generator(z())
    torch.testing.assert_close(seen[0], generator.base * generator.scales(z())[:, :, None, None])


def test_another_class_is_another_picture_and_another_logit() -> None:
    """Both nets see the label."""
    generator, discriminator = nets(num_classes=3)
    one, two = (torch.full((3,), label) for label in (0, 1))
    assert not torch.equal(generator(z(), one), generator(z(), two))
    x = generator(z(), one)
    assert bool((discriminator(x, one) != discriminator(x, two)).all())


def test_convolutions_are_grouped() -> None:
    """Each 3x3 convolution sees `group_size` channels together, and a block is `expansion` times wider inside."""
    generator, _ = nets(expansion=3, group_size=8)
    spatial = [m for m in generator.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    assert [(m.in_channels, m.in_channels // m.groups) for m in spatial] == [(48, 8), (48, 8), (24, 8)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"widths": [16, 16]}, "widths needs 3 widths for 16 pixels"),
        ({"widths": [16, 16, 5]}, "5 times expansion 2 is no multiple of 4"),
        ({"image_size": 24}, "16 or 32 or 64 or 128"),
    ],
)
def test_a_config_that_cannot_be_built_is_refused(change: dict[str, Any], says: str) -> None:
    """Widths that do not double up to the side or do not fall into groups are ConfigErrors that say why."""
    with pytest.raises(ConfigError, match=says):
        decode(ResGANConfig, SMALL | change, "test")


def test_the_defaults_have_the_size_they_are_documented_with() -> None:
    """At 32 pixels a net of the default config has between one and three million weights."""
    for part in build_parts(SPEC, decode(ResGANConfig, {}, "test")).values():
        assert 1_000_000 < sum(p.numel() for p in part.parameters()) < 3_000_000
