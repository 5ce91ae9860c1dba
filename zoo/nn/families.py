"""Families of models: which parts a family has, in which file each is kept, and what makes a model of them.

An architecture names its family, and plugins contribute families, the core among them: a spec refers to a `Family`,
which is imported when a model of it is built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Generator, Tensor, nn

from zoo.catalogue.contract.references import import_reference
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.contract.specs import FamilySpec
from zoo.errors import ConfigError, NotFoundError, PluginError, UsageError, WeightsError
from zoo.nn.extras import Extras
from zoo.nn.models import Model
from zoo.nn.sampling import TRUNCATION, check_truncation

__all__ = ["Family", "Tried", "check_sampling", "family_of", "load_family"]

Tried = Callable[[Any, int, Generator], tuple[Tensor, ...]]  # (part, n, random) -> what its forward takes, of n rows


@dataclass(frozen=True, kw_only=True)
class Family:
    """One kind of model. Every part implements the interface `interfaces` gives it."""

    name: str
    interfaces: Mapping[str, type[nn.Module]]  # part -> the abstract class it implements
    published: tuple[str, ...]  # the parts in model.safetensors: their moving averages
    beside: Mapping[str, str] = field(default_factory=dict)  # part -> a file of its own, loaded on request
    optional: tuple[str, ...] = ()  # files of further tensors that a folder may hold
    build: Callable[[Mapping[str, Any], Extras], Model]  # (parts by name, extras) -> the model that holds them
    tried_with: Mapping[str, Tried] = field(default_factory=dict)  # part -> made-up input of it, for the kit's checks

    def container(self, parts: Mapping[str, nn.Module], extras: Extras | None = None) -> Model:
        """The model in eval mode. Raises WeightsError when a part implements another interface, and for
        `sampling` that such a model cannot do.
        """
        for name in self.published:
            if name not in parts:
                raise WeightsError(f"a model of the family {self.name} has a {name}, and this architecture has none")
        for name, part in parts.items():
            if not isinstance(part, self.interfaces.get(name, ())):
                raise WeightsError(
                    f"the {name} is a {type(part).__name__}, which implements no interface of its family"
                )
        model = self.build(parts, extras or Extras()).eval()
        check_sampling(model)
        return model

    def files_of(self, names: Sequence[str]) -> dict[str, str]:
        """Part -> its own file. Raises UsageError for a part that this family does not keep beside the others."""
        for name in names:
            if name not in self.beside:
                raise UsageError(f"a model of the family {self.name} has no {name}")
        return {name: self.beside[name] for name in names}


def check_sampling(model: Model) -> None:
    """Raise WeightsError where `model.sampling` is nothing that such a model can do."""
    try:
        model.chosen({})
        check_truncation(model.sampling.get(TRUNCATION))
    except UsageError as error:
        raise WeightsError(f"sampling: {error}") from error


def load_family(spec: FamilySpec) -> Family:
    """The family that a spec refers to. Raises PluginError where its code fails or is none."""
    family = import_reference(spec.family, f"family {spec.name}", spec.install_hint)
    if not isinstance(family, Family):
        raise PluginError(f"family {spec.name}: {spec.family} is a {type(family).__name__}, no Family")
    return family


def family_of(name: str, registry: Registry, owner: str) -> Family:
    """The family of that name. Raises ConfigError, naming `owner`, for one that no plugin brings, PluginError."""
    try:
        return load_family(registry.family(name))
    except NotFoundError as error:
        raise ConfigError(f"{owner}: {error}") from error
