"""A zoo of generative models. The public names are imported when they are first used; `import zoo` loads no torch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from zoo.version import __version__ as __version__

if TYPE_CHECKING:
    from zoo.catalogue.questions import info, list_architectures, list_datasets, list_models
    from zoo.catalogue.weights.pulling import pull
    from zoo.errors import ZooError
    from zoo.images.sheet import grid, to_pil
    from zoo.latent.concept_file import load_concept
    from zoo.latent.verification import verify
    from zoo.nn.gan import GAN
    from zoo.nn.models import Model
    from zoo.nn.pretrained import load
    from zoo.nn.vae import VAE

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
    "pull",
    "to_pil",
    "verify",
]

_HOME = {
    "GAN": "zoo.nn.gan",
    "VAE": "zoo.nn.vae",
    "Model": "zoo.nn.models",
    "ZooError": "zoo.errors",
    "grid": "zoo.images.sheet",
    "info": "zoo.catalogue.questions",
    "list_architectures": "zoo.catalogue.questions",
    "list_datasets": "zoo.catalogue.questions",
    "list_models": "zoo.catalogue.questions",
    "load": "zoo.nn.pretrained",
    "load_concept": "zoo.latent.concept_file",
    "pull": "zoo.catalogue.weights.pulling",
    "to_pil": "zoo.images.sheet",
    "verify": "zoo.latent.verification",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
