"""Every architecture of the catalogue, with its default config and each preset: registering is being tested."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo.configs import as_data
from zoo.nn.bounds import elbo, variational_terms
from zoo.nn.build import build_parts, decode_config, initialise_parts
from zoo.nn.distributions import DiagonalGaussian, Likelihood
from zoo.nn.families import FAMILIES
from zoo.nn.interfaces import Decoder, Discriminator, Encoder, Generator
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


def given_to(part: nn.Module, data_shape: tuple[int, ...]) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    """A batch the part takes, and the shape it must give; the two figures of a posterior count as channels."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(BATCH, *data_shape, generator=generator)
    if isinstance(part, (Generator, Decoder)):
        return (torch.randn(BATCH, *part.latent_shape, generator=generator),), (BATCH, *part.data_shape)
    if isinstance(part, Encoder):
        return (x,), (BATCH, 2, *part.latent_shape)
    if isinstance(part, Likelihood):
        return (torch.rand(BATCH, *data_shape, generator=generator), x.round()), (BATCH, *data_shape)
    assert isinstance(part, Discriminator), f"a {type(part).__name__} implements no interface this test knows"
    return (x * 2 - 1,), (BATCH,)


def given_by(part: nn.Module, given: tuple[Tensor, ...]) -> Tensor:
    """What the part gives, as one tensor."""
    out = part(*given)
    return torch.stack([out.mean, out.log_var], dim=1) if isinstance(out, DiagonalGaussian) else out


def data_shape_of(parts: dict[str, Any]) -> tuple[int, ...]:
    shapes = {part.data_shape for part in parts.values() if not isinstance(part, Likelihood)}
    assert len(shapes) == 1, f"its parts are of data of different shapes: {shapes}"
    return shapes.pop()


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
    parts = initialise_parts(REGISTRY.architecture(name), decoded(name, preset), seed=0)
    for part, module in parts.items():
        given, shape = given_to(module, data_shape_of(parts))
        out = given_by(module.train(), given)
        assert (out.shape, out.dtype) == (shape, torch.float32), part
        assert bool(out.isfinite().all()), part
        weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
        if out.requires_grad:  # a likelihood may have nothing to learn
            (out * weights).sum().backward()
        for key, parameter in module.named_parameters():
            assert parameter.grad is not None, f"{part}.{key} gets no gradient"
            assert bool(parameter.grad.isfinite().all()), f"{part}.{key}"
            assert bool(parameter.grad.any()), f"{part}.{key} gets a gradient of zeros"


@every_case
def test_its_parts_fit_one_another(name: str, preset: str) -> None:
    """The discriminator judges what the generator gives; the decoder decodes, and the likelihood reads, an encoding."""
    parts: dict[str, Any] = initialise_parts(REGISTRY.architecture(name), decoded(name, preset), seed=0)
    family = FAMILIES[REGISTRY.architecture(name).family]
    assert set(family.published) <= set(parts)
    family.container(parts)
    if family.name == "vae":
        encoder, decoder, likelihood = (parts[part].eval() for part in family.published)
        x = torch.rand(BATCH, *encoder.data_shape, generator=torch.Generator().manual_seed(0)).round()
        noise = torch.randn(3, BATCH, *encoder.latent_shape, generator=torch.Generator().manual_seed(1))
        bound = elbo(variational_terms(encoder, decoder, likelihood, x, noise))
        assert bound.shape == (BATCH,)
        assert bool(bound.isfinite().all())
        return
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
    parts = initialise_parts(spec, config, seed=0)
    for part, module in parts.items():
        save(tmp_path / f"{part}.safetensors", module.state_dict())
        tensors = parse(bytearray((tmp_path / f"{part}.safetensors").read_bytes()), part)
        fill(empty[part], tensors, part)
        again = empty[part].state_dict()
        assert all(torch.equal(tensor, again[key]) for key, tensor in module.state_dict().items())
        given, _ = given_to(module, data_shape_of(parts))
        with torch.no_grad():
            # Close, not equal: another memory layout of the same weights runs through other kernels.
            assert torch.allclose(given_by(empty[part].eval(), given), given_by(module.eval(), given), atol=1e-5)
