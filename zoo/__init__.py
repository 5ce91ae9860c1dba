"""A zoo of generative models. The public names are imported when they are first used; `import zoo` loads no torch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.catalogue import info, list_architectures, list_datasets, list_models
    from zoo.errors import ZooError
    from zoo.latent.concepts import load_concept
    from zoo.nn.gan import GAN
    from zoo.nn.models import Model
    from zoo.nn.pretrained import load
    from zoo.nn.vae import VAE
    from zoo.pictures import grid, to_pil

__version__ = "0.1.0"
__all__ = [
    "GAN",
    "VAE",
    "Model",
    "ZooError",
    "grid",
    "info",
    "list_architectures",
    "list_datasets",
    "list_models",
    "load",
    "load_concept",
    "to_pil",
]

_HOME = {
    "GAN": "zoo.nn.gan",
    "VAE": "zoo.nn.vae",
    "Model": "zoo.nn.models",
    "ZooError": "zoo.errors",
    "grid": "zoo.pictures",
    "info": "zoo.catalogue",
    "list_architectures": "zoo.catalogue",
    "list_datasets": "zoo.catalogue",
    "list_models": "zoo.catalogue",
    "load": "zoo.nn.pretrained",
    "load_concept": "zoo.latent.concepts",
    "to_pil": "zoo.pictures",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
