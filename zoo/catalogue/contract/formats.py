"""Formats of others: how a repository or folder that is none of the zoo's is recognised, and what it becomes. No torch.

A format sees file names and small JSON files alone. It gives a `Foreign`: the config that the zoo's own config.json
would hold, so that everything behind it stays as it is, and the safetensors files that hold the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from zoo.catalogue.contract.names import check_name
from zoo.catalogue.contract.references import CODE, check_reference
from zoo.errors import PluginError

__all__ = ["Foreign", "FormatSpec", "Listing"]


@dataclass(frozen=True)
class Listing:
    """What lies in a folder or repository: names with `/` between, and a way to read those that end in .json."""

    files: tuple[str, ...]  # sorted
    read: Callable[[str], dict[str, Any]]  # a JSON file's table; raises WeightsError for what is none, or too large

    def has(self, file: str) -> bool:
        """Whether `file` is there."""
        return file in self.files

    def ending(self, suffix: str, folder: str = "") -> tuple[str, ...]:
        """The files of a `folder`, "" for the outermost, whose names end in `suffix`."""
        return tuple(f for f in self.files if f.endswith(suffix) and f.rpartition("/")[0] == folder)


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """A model of another format, recognised."""

    format: str  # full name of the format
    kind: str  # what it is there: "AutoencoderKL of diffusers 0.31"
    config: Mapping[str, Any]  # as the zoo's config.json would have it: architecture, config, data, training, ...
    weights: tuple[str, ...]  # its safetensors files
    tables: tuple[str, ...] = ()  # JSON files that it follows from
    notes: tuple[str, ...] = ()  # lines for a user: what is not read, what follows from that
    more: Mapping[str, Any] = field(default_factory=dict)  # what `translate` must know besides


@dataclass(frozen=True, kw_only=True)
class FormatSpec:
    """A format of weights that another program writes."""

    name: str
    summary: str
    recognise: str  # reference to a callable (Listing) -> Foreign | None, in a module without torch
    translate: str  # reference to a callable (Foreign, {name: tensor}) -> {"part.name": tensor}
    install_hint: str = ""  # said when its code needs a package that is not installed

    def __post_init__(self) -> None:
        check_name(self.name, "format")
        for key in ("summary", "install_hint"):
            if not isinstance(getattr(self, key), str):
                raise PluginError(f"{self.name}: {key} must be a string")
        check_reference(self.recognise, CODE, f"format {self.name}: recognise")
        check_reference(self.translate, CODE, f"format {self.name}: translate")
