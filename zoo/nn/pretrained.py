"""Name -> a filled model in eval mode."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor, nn

from zoo.errors import ConfigError, NotFoundError, UsageError, WeightsError
from zoo.nn.build import build_parts, decode_config
from zoo.nn.interfaces import Discriminator, Generator
from zoo.nn.models import GAN
from zoo.nn.serialization import fill, parse
from zoo.plugins import default_registry
from zoo.registry import Registry
from zoo.weights import DISCRIMINATOR, MODEL, Folder, locate

__all__ = ["load", "load_folder"]


def load(
    name: str | os.PathLike[str],
    *,
    discriminator: bool = False,
    device: str | torch.device = "cpu",
    registry: Registry | None = None,
) -> GAN:
    """Load a pretrained model, in eval mode, every byte checked against its pin.

    `name` is a catalogue name, `hf://org/repo[@revision]`, or a path to a weights folder. With `discriminator` a GAN's
    second player comes too. Raises NotFoundError, IntegrityError, WeightsError, ConfigError, NetworkError, UsageError.
    """
    registry = registry or default_registry()
    if device != "cpu":
        _check_device(device)
    model = load_folder(locate(name, registry), registry, discriminator=discriminator)
    return model if device == "cpu" else model.to(device)


def _check_device(device: str | torch.device) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:  # which one depends on how torch was built
        raise UsageError(f"device {device!r} cannot be used here ({error!s:.120}); 'cpu' always can") from error


def load_folder(folder: Folder, registry: Registry, *, discriminator: bool = False) -> GAN:
    """Load from a folder that has been located."""
    data = folder.config()
    spec = registry.architecture(data["architecture"])
    if folder.spec is not None and folder.spec.architecture not in (data["architecture"], spec.name):
        raise WeightsError(f"{folder.name} is catalogued as {folder.spec.architecture}, its config says {spec.name}")
    config = decode_config(spec, data["config"], f"{folder.name}: config")
    if spec.family != "gan":
        raise ConfigError(f"{folder.name}: this zoo cannot load the family {spec.family!r}; update genzoo")
    wanted = ["generator", "discriminator"] if discriminator else ["generator"]
    parts = build_parts(spec, config, wanted)
    _fill_part(parts["generator"], "generator", folder, MODEL)
    if discriminator:
        if not folder.has(DISCRIMINATOR):
            raise NotFoundError(f"{folder.name} has no {DISCRIMINATOR}; only its generator was published")
        _fill_part(parts["discriminator"], "discriminator", folder, DISCRIMINATOR)
    return _container(parts, data, folder).eval()


def _fill_part(part: nn.Module, name: str, folder: Folder, file: str) -> None:
    tensors = parse(folder.read(file), f"{folder.path / file}")
    inner: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        prefix, _, rest = key.partition(".")
        if prefix != name or not rest:
            raise WeightsError(f"{folder.path / file} holds {key!r:.80}, which is no tensor of a {name}")
        inner[rest] = tensor
    fill(part, inner, f"{folder.path / file}")


def _container(parts: dict[str, nn.Module], data: dict[str, Any], folder: Folder) -> GAN:
    generator, second = parts["generator"], parts.get("discriminator")
    if not isinstance(generator, Generator) or not (second is None or isinstance(second, Discriminator)):
        raise WeightsError(f"{folder.name}: architecture {data['architecture']} has parts that implement no interface")
    low_high = data["data"].get("range", [-1.0, 1.0])
    numbers = isinstance(low_high, list) and len(low_high) == 2 and all(isinstance(v, (int, float)) for v in low_high)
    if not numbers or not -1e3 <= low_high[0] < low_high[1] <= 1e3:
        raise WeightsError(f"{folder.name}: data.range {low_high!r:.60} must be two numbers, the lower first")
    low, high = low_high
    return GAN(generator, second, value_range=(low, high), spec=folder.spec, info=data, origin=folder.origin)
