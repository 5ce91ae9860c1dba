"""Families of models: which parts a family has, in which file each is kept, and what makes a model of them.

An architecture names its family; loading, training, export and verification look it up here. The families themselves
are in files of their own, and are imported when one is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from zoo.catalogue.contract.references import import_reference
from zoo.errors import ConfigError, UsageError, WeightsError
from zoo.nn.models import Extras, Model

__all__ = ["Family", "family_of"]


@dataclass(frozen=True, kw_only=True)
class Family:
    """One kind of model. Every part implements the interface `interfaces` gives it."""

    name: str
    interfaces: Mapping[str, type[nn.Module]]
    published: tuple[str, ...]  # the parts in model.safetensors: their moving averages
    beside: Mapping[str, str] = field(default_factory=dict)  # part -> a file of its own, loaded on request
    optional: tuple[str, ...] = ()  # files of further tensors that a folder may hold
    build: Callable[[Mapping[str, Any], Extras], Model]

    def container(self, parts: Mapping[str, nn.Module], extras: Extras | None = None) -> Model:
        """The model in eval mode. Raises WeightsError when a part implements another interface."""
        for name in self.published:
            if name not in parts:
                raise WeightsError(f"a model of the family {self.name} has a {name}, and this architecture has none")
        for name, part in parts.items():
            if not isinstance(part, self.interfaces.get(name, ())):
                raise WeightsError(
                    f"the {name} is a {type(part).__name__}, which implements no interface of its family"
                )
        return self.build(parts, extras or Extras()).eval()

    def files_of(self, names: Sequence[str]) -> dict[str, str]:
        """Part -> its own file. Raises UsageError for a part that this family does not keep beside the others."""
        for name in names:
            if name not in self.beside:
                raise UsageError(f"a model of the family {self.name} has no {name}")
        return {name: self.beside[name] for name in names}


KNOWN = {"gan": "zoo.nn.gan:FAMILY", "vae": "zoo.nn.vae:FAMILY"}


def family_of(name: str, owner: str) -> Family:
    """The family of that name. Raises ConfigError, naming `owner`, for one this zoo does not know."""
    if name not in KNOWN:
        raise ConfigError(f"{owner}: this zoo cannot load the family {name!r}; update genzoo")
    family: Family = import_reference(KNOWN[name], f"family {name}")
    return family
