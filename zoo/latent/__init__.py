"""The door to latent spaces: paths through them, and concepts. A name is imported when it is first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.latent.concept_file import concepts_of
    from zoo.latent.concepts import ConceptVector
    from zoo.latent.interpolation import linear, plane, spherical, traversal, within
    from zoo.latent.inversion import Inversion, invert

__all__ = [
    "ConceptVector",
    "Inversion",
    "concepts_of",
    "invert",
    "linear",
    "plane",
    "spherical",
    "traversal",
    "within",
]

_NAMES = {  # module -> what it gives
    "concept_file": ("concepts_of",),
    "concepts": ("ConceptVector",),
    "inversion": ("Inversion", "invert"),
    "interpolation": ("linear", "plane", "spherical", "traversal", "within"),
}
_HOME = {name: f"zoo.latent.{module}" for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo.latent' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
