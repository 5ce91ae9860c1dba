"""Spec + config -> modules. Random initialisation and pretrained loading (`nn.pretrained`) are two verbs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from zoo.catalogue.contract.references import import_reference
from zoo.catalogue.contract.specs import ArchitectureSpec, ModalitySpec
from zoo.catalogue.weights.folder import MOST_BYTES
from zoo.configs import decode
from zoo.errors import ConfigError, PluginError
from zoo.nn.torch_state import default_state, own_random

__all__ = ["build_parts", "decode_config", "initialise_parts", "memory_format"]


class _NoFilling(TorchFunctionMode):
    """Leaves out `torch.nn.init` and in-place random filling: on the meta device they cost time and do nothing."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if getattr(func, "__module__", "") == "torch.nn.init" or name in ("normal_", "uniform_", "fill_", "zero_"):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def decode_config(spec: ArchitectureSpec, data: Any, where: str) -> Any:
    """The architecture's config from plain data. Raises ConfigError naming key, value and range."""
    return decode(import_reference(spec.config, f"architecture {spec.name}", spec.install_hint), data, where)


@default_state()
def build_parts(spec: ArchitectureSpec, config: Any, names: Iterable[str] | None = None) -> dict[str, nn.Module]:
    """The parts on the meta device: shapes and names, no memory, no random numbers.

    Raises ConfigError for a part the architecture lacks or that torch cannot build, PluginError when its code fails.
    """
    parts: dict[str, nn.Module] = {}
    for name in spec.parts if names is None else names:
        if name not in spec.parts:
            raise ConfigError(f"architecture {spec.name} has no {name}; it has {', '.join(spec.parts)}")
        make = _maker(spec, name)  # imported outside: a constant of its module is no tensor without content
        with torch.device("meta"), _NoFilling():
            parts[name] = _made(spec, name, make, config)
        if not isinstance(parts[name], nn.Module):
            raise PluginError(f"architecture {spec.name}: its {name} is a {type(parts[name]).__name__}, no module")
        _check_interface(spec, name, parts[name])
    return parts


@default_state()
def initialise_parts(
    spec: ArchitectureSpec, config: Any, *, seed: int, memory_format: torch.memory_format = torch.contiguous_format
) -> dict[str, nn.Module]:
    """The parts on the CPU with random weights that follow from the seed; the global random state is restored.

    `memory_format` is how those of rank four lie in memory: what computes fastest, see `memory_format` of a modality.
    Raises what `build_parts` raises, and ConfigError for parts larger than a file that is ever loaded, 8 GiB, before
    memory is taken.
    """
    parts: dict[str, nn.Module] = {}
    with own_random():
        for name, empty in build_parts(spec, config).items():
            size = sum(tensor.nbytes for tensor in empty.state_dict().values())
            if size > MOST_BYTES:
                asked = f"its {name} would have {size / 2**30:,.0f} GiB, allowed are {MOST_BYTES / 2**30:.0f}"
                raise ConfigError(f"architecture {spec.name}: {asked}; use fewer or smaller widths")
        torch.manual_seed(seed)
        for name in spec.parts:
            part: Any = _made(spec, name, _maker(spec, name), config)
            parts[name] = part.to(memory_format=memory_format)
    return parts


def memory_format(spec: ModalitySpec) -> torch.memory_format:
    """How tensors of rank four lie in memory. Raises PluginError for a name that torch lacks."""
    found = getattr(torch, spec.memory_format, None)
    if isinstance(found, torch.memory_format):
        return found
    raise PluginError(f"modality {spec.name}: torch has no memory format {spec.memory_format!r}")


def _check_interface(spec: ArchitectureSpec, name: str, part: nn.Module) -> None:
    """Raise PluginError where a part leaves out an attribute, or an argument of `forward`, that its interface has."""
    told = f"architecture {spec.name}: its {name} ({type(part).__name__})"
    for base in type(part).__mro__:
        if not issubclass(base, nn.Module) or not inspect.isabstract(base):
            continue
        if unset := [key for key in inspect.get_annotations(base) if getattr(part, key, part) is part]:
            raise PluginError(f"{told} sets no {' and no '.join(unset)}, which every {base.__name__} has")
        wanted = [key for key in inspect.signature(base.forward).parameters if key != "self"]
        try:
            inspect.signature(part.forward).bind(*wanted)
        except TypeError as error:
            given = f"forward({', '.join(wanted)})"
            raise PluginError(f"{told} cannot be called as every {base.__name__} is, {given}: {error}") from error


def _maker(spec: ArchitectureSpec, name: str) -> Callable[[Any], nn.Module]:
    make: Callable[[Any], nn.Module] = import_reference(
        spec.parts[name], f"architecture {spec.name}", spec.install_hint
    )
    return make


def _made(spec: ArchitectureSpec, name: str, make: Callable[[Any], nn.Module], config: Any) -> nn.Module:
    try:
        return make(config)
    except RuntimeError as error:
        raise ConfigError(f"architecture {spec.name}: its {name} cannot be built: {error!s:.200}") from error
    except (Exception, SystemExit) as error:  # a plugin does not end the program
        cause = f"{type(error).__name__}: {error!s:.200}"
        raise PluginError(f"architecture {spec.name}: building its {name} failed: {cause}") from error
