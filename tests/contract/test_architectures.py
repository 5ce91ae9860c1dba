"""Every architecture of the catalogue, with its default config and each preset: registering is being tested."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo.configs import as_data
from zoo.nn.build import build_parts, decode_config, initialise_parts
from zoo.nn.interfaces import Discriminator, Generator
from zoo.nn.sampling import draw_latents
from zoo.nn.serialization import fill, parse, save
from zoo.plugins import default_registry

REGISTRY = default_registry()
CASES = [
    (owned.name, preset)
    for owned in REGISTRY.list("architecture")
    for preset in ("", *REGISTRY.architecture(owned.name).presets)
]
BATCH = 2
every_case = pytest.mark.parametrize(("name", "preset"), CASES)


def decoded(name: str, preset: str) -> Any:
    spec = REGISTRY.architecture(name)
    return decode_config(spec, spec.presets[preset] if preset else {}, f"{name} {preset}")


def given_to(part: nn.Module) -> tuple[Tensor, tuple[int, ...]]:
    """A batch the part takes, and the shape it must give."""
    generator = torch.Generator().manual_seed(0)
    if isinstance(part, Generator):
        return torch.randn(BATCH, *part.latent_shape, generator=generator), (BATCH, *part.data_shape)
    assert isinstance(part, Discriminator), f"a {type(part).__name__} implements no interface this test knows"
    return torch.rand(BATCH, *part.data_shape, generator=generator) * 2 - 1, (BATCH,)


def test_there_are_architectures() -> None:
    """The catalogue has an architecture, so the tests of this file have something to run over."""
    assert CASES


@every_case
def test_it_is_built_on_meta_and_on_the_cpu_alike(name: str, preset: str) -> None:
    """All parts are built on meta without memory, and on the CPU with the same names, shapes and dtypes."""
    spec, config = REGISTRY.architecture(name), decoded(name, preset)
    empty, filled = build_parts(spec, config), initialise_parts(spec, config, seed=0)
    assert list(empty) == list(filled) == list(spec.parts)
    for part, module in empty.items():
        state = module.state_dict()
        assert all(tensor.is_meta for tensor in state.values())
        form = {key: (tensor.shape, tensor.dtype) for key, tensor in filled[part].state_dict().items()}
        assert {key: (tensor.shape, tensor.dtype) for key, tensor in state.items()} == form


@every_case
def test_its_config_survives_plain_data(name: str, preset: str) -> None:
    """The config is JSON-able, and decodes to itself."""
    config = decoded(name, preset)
    assert decode_config(REGISTRY.architecture(name), as_data(config), "again") == config


@every_case
def test_every_part_gives_finite_values_of_its_shape_and_every_parameter_learns(name: str, preset: str) -> None:
    """Outputs have the interface's shape and are finite; each parameter's gradient is finite and not all zero."""
    for part, module in initialise_parts(REGISTRY.architecture(name), decoded(name, preset), seed=0).items():
        given, shape = given_to(module)
        out = module.train()(given)
        assert (out.shape, out.dtype) == (shape, torch.float32), part
        assert bool(out.isfinite().all()), part
        weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
        (out * weights).sum().backward()
        for key, parameter in module.named_parameters():
            assert parameter.grad is not None, f"{part}.{key} gets no gradient"
            assert bool(parameter.grad.isfinite().all()), f"{part}.{key}"
            assert bool(parameter.grad.any()), f"{part}.{key} gets a gradient of zeros"


@every_case
def test_its_parts_fit_one_another(name: str, preset: str) -> None:
    """The discriminator judges what the generator gives from latents of its prior."""
    parts = initialise_parts(REGISTRY.architecture(name), decoded(name, preset), seed=0)
    generator, discriminator = parts["generator"].eval(), parts["discriminator"].eval()
    assert isinstance(generator, Generator)
    assert isinstance(discriminator, Discriminator)
    assert generator.data_shape == discriminator.data_shape
    assert generator.prior in ("normal", "uniform")
    z = draw_latents(BATCH, generator.latent_shape, seed=0, prior=generator.prior)
    with torch.no_grad():
        logits = discriminator(generator(z))
    assert logits.shape == (BATCH,)
    assert bool(logits.isfinite().all())


@every_case
def test_its_state_survives_safetensors(name: str, preset: str, tmp_path: Path) -> None:
    """Every part's state, saved and filled into the empty part, is bit for bit the same, and gives the same values."""
    spec, config = REGISTRY.architecture(name), decoded(name, preset)
    empty = build_parts(spec, config)
    for part, module in initialise_parts(spec, config, seed=0).items():
        save(tmp_path / f"{part}.safetensors", module.state_dict())
        tensors = parse(bytearray((tmp_path / f"{part}.safetensors").read_bytes()), part)
        fill(empty[part], tensors, part)
        again = empty[part].state_dict()
        assert all(torch.equal(tensor, again[key]) for key, tensor in module.state_dict().items())
        given, _ = given_to(module)
        with torch.no_grad():
            # Close, not equal: another memory layout of the same weights runs through other kernels.
            assert torch.allclose(empty[part].eval()(given), module.eval()(given), atol=1e-5)
