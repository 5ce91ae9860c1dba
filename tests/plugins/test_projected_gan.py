"""zoo_gan's projected GAN: its generator, its configs, and a short training through the frozen network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.recipes.recipe import Recipe, resolve
from zoo.configs import decode
from zoo.errors import ConfigError
from zoo.nn.build import build_parts, initialise_parts
from zoo.training.attendant import Attendant
from zoo.training.train import train
from zoo_gan.configs import ProjectedGANConfig
from zoo_gan.projected import ProjectedGANGenerator

SPEC = default_registry().architecture("projected-gan")
SMALL: dict[str, Any] = {
    "image_size": 16,
    "latent_size": 8,
    "generator_widths": [8, 8, 4],
    "features_size": 32,
    "mixing_width": 4,
}


def generator(**change: Any) -> ProjectedGANGenerator:
    parts: dict[str, Any] = initialise_parts(SPEC, decode(ProjectedGANConfig, SMALL | change, "test"), seed=0)
    network: ProjectedGANGenerator = parts["generator"].eval().requires_grad_(False)
    return network


def z(n: int = 3) -> torch.Tensor:
    return torch.randn(n, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("size", "widths"), [(16, [8, 8, 4]), (32, [8, 8, 4, 4]), (64, [8] * 5), (128, [8] * 6)])
def test_it_makes_square_pictures_of_its_size(size: int, widths: list[int]) -> None:
    """From 4 x 4 pixels each stage doubles the side, up to 128; the values are tanh's."""
    x = generator(image_size=size, generator_widths=widths)(z())
    assert x.shape == (3, 3, size, size)
    assert float(x.abs().max()) <= 1


def test_of_z_only_the_direction_counts() -> None:
    """z and 3 z are the same picture: what it sees is on the sphere of radius sqrt(d)."""
    network = generator()
    seen: list[torch.Tensor] = []
    network.body.stem.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    torch.testing.assert_close(network(3 * z()), network(z()))
    torch.testing.assert_close(seen[0].norm(dim=1), torch.full((3,), 8**0.5))


def test_with_classes_the_norms_are_each_classes_own() -> None:
    """Another label gives another picture, where that class's scales are others."""
    network = generator(num_classes=3)
    assert network.num_classes == 3
    assert len([m for m in network.modules() if isinstance(m, nn.BatchNorm2d) and m.affine]) == 0
    network.body.stem_norm.scale.weight[1] *= 2
    same, other = (network(z(), torch.full((3,), label)) for label in (2, 1))
    torch.testing.assert_close(network(z(), torch.zeros(3, dtype=torch.long)), same, rtol=0.2, atol=0.2)
    assert not torch.equal(same, other)


def test_channels_last_survives_the_gates() -> None:
    """The gradient that reaches a batch norm lies as its input does: else it takes eight times as long."""
    network = generator().requires_grad_(True).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    found: list[bool] = []
    for stage in network.body.stages:
        stage.norm.register_full_backward_hook(
            lambda _m, _i, out: found.append(out[0].is_contiguous(memory_format=torch.channels_last))
        )
    network(z()).square().sum().backward()
    assert found == [True, True]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"generator_widths": [8, 8]}, "generator_widths needs 3 widths for 16 pixels"),
        ({"image_size": 48}, "16 or 32 or 64 or 128"),
        ({"map_strides": [4, 8]}, "one number for each map"),
        ({"features": ""}, "features is empty.*full name of a feature network"),
    ],
)
def test_a_config_that_cannot_be_built_is_refused(change: dict[str, Any], says: str) -> None:
    """Widths that do not double up to the side, and maps without strides, are ConfigErrors that say what fits."""
    with pytest.raises(ConfigError, match=says):
        decode(ProjectedGANConfig, SMALL | change, "test")


def test_the_recipes_networks_have_the_sizes_they_say() -> None:
    """The generator of the frogs has 1.07 million weights, the discriminator 0.77 million with its mixing."""
    parts = build_parts(SPEC, decode(ProjectedGANConfig, {}, "test"))
    sizes = {name: sum(t.numel() for t in part.state_dict().values()) for name, part in parts.items()}
    assert 1_050_000 < sizes["generator"] < 1_100_000
    assert sizes["discriminator"] == 771_460


def small_recipe(**settings: Any) -> Recipe:
    return decode(
        Recipe,
        {
            "name": "small",
            "architecture": "projected-gan",
            "dataset": "shapes[circle]",
            "trainer": "adversarial",
            "examples": 48,
            "batch_size": 8,
            "log_every": 16,
            "checkpoint_every": 24,
            "config": SMALL,
            "settings": {"loss": "relativistic", "r1": 0.5, "r2": 0.5, "penalty_every": 2, "mix_batches": False}
            | {"fresh_fakes": False, "augment": ["translation"]}
            | settings,
        },
        "test",
    )


def test_a_cut_run_ends_in_the_bytes_of_an_uncut_one(tmp_path: Path) -> None:
    """Stopped after 24 of 48 pictures and resumed, it has the same checkpoint; the mixing is that of its first step."""
    registry = default_registry()
    resolved = resolve(small_recipe(), registry)
    train(resolved, tmp_path / "whole", registry=registry)
    calls = iter([False, False, True])
    attendant = Attendant(stop=lambda: next(calls))
    train(resolved, tmp_path / "cut", registry=registry, attendant=attendant)
    train(resolved, tmp_path / "cut", registry=registry, resume=True)
    last = [sorted((tmp_path / name / "checkpoints").iterdir())[-1] for name in ("whole", "cut")]
    files = [sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file()) or [Path()] for folder in last]
    assert files[0] == files[1]
    assert [(last[0] / f).read_bytes() for f in files[0]] == [(last[1] / f).read_bytes() for f in files[1]]


@pytest.mark.parametrize("fresh", [True, False])
def test_it_learns_through_the_network(fresh: bool, tmp_path: Path) -> None:
    """A step moves the generator and the heads, and the mixing never; each reading tells r1 and r2."""
    registry = default_registry()
    run = train(resolve(small_recipe(fresh_fakes=fresh), registry), tmp_path / "run", registry=registry)
    lines = (run.folder / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 3
    assert all("r1" in line and "r2" in line for line in lines)
