"""The door to models, for plugin authors. A name is imported when it is first used; `import zoo.nn` loads no torch.

This file is also the plugin that contributes the zoo's own families.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from zoo.api import API_VERSION, FamilySpec, PluginContext, hookimpl

if TYPE_CHECKING:
    from zoo.catalogue.weights.folder import Folder
    from zoo.nn.abilities import Bounded, Encodes, Scored
    from zoo.nn.bounds import Terms
    from zoo.nn.distributions import (
        Bernoulli,
        DiagonalGaussian,
        DiscretizedLogistic,
        Gaussian,
        GaussianMixture,
        Likelihood,
    )
    from zoo.nn.extras import Extras
    from zoo.nn.families import Family, Tried
    from zoo.nn.features import Features, load_features
    from zoo.nn.folding import folded
    from zoo.nn.interfaces import Decoder, Discriminator, Encoder, Generator
    from zoo.nn.models import Model
    from zoo.nn.prior import Prior
    from zoo.nn.residual import PosteriorHead, class_rows, downsampling, joined, upsampling
    from zoo.nn.sampling import Labels, Progress
    from zoo.nn.shown import Shown

__all__ = [
    "Bernoulli",
    "Bounded",
    "Decoder",
    "DiagonalGaussian",
    "DiscretizedLogistic",
    "Discriminator",
    "Encoder",
    "Encodes",
    "Extras",
    "Family",
    "Features",
    "Folder",
    "Gaussian",
    "GaussianMixture",
    "Generator",
    "Labels",
    "Likelihood",
    "Model",
    "PosteriorHead",
    "Prior",
    "Progress",
    "Scored",
    "Shown",
    "Terms",
    "Tried",
    "class_rows",
    "downsampling",
    "folded",
    "joined",
    "load_features",
    "upsampling",
]

_NAMES = {  # module -> what it gives
    "abilities": ("Bounded", "Encodes", "Scored"),
    "bounds": ("Terms",),
    "distributions": (
        "Bernoulli",
        "DiagonalGaussian",
        "DiscretizedLogistic",
        "Gaussian",
        "GaussianMixture",
        "Likelihood",
    ),
    "families": ("Family", "Tried"),
    "features": ("Features", "load_features"),
    "folding": ("folded",),
    "interfaces": ("Decoder", "Discriminator", "Encoder", "Generator"),
    "extras": ("Extras",),
    "models": ("Model",),
    "prior": ("Prior",),
    "residual": ("PosteriorHead", "class_rows", "downsampling", "joined", "upsampling"),
    "sampling": ("Labels", "Progress"),
    "shown": ("Shown",),
}
_HOME = {name: f"zoo.nn.{module}" for module, names in _NAMES.items() for name in names}
_HOME["Folder"] = "zoo.catalogue.weights.folder"


ZOO_API_VERSION = API_VERSION


@hookimpl
def zoo_families(context: PluginContext) -> list[FamilySpec]:
    """Two players, and encoder with decoder."""
    return [
        FamilySpec(
            name="gan",
            summary="A generator, trained against a discriminator.",
            family="zoo.nn.gan:FAMILY",
        ),
        FamilySpec(
            name="vae",
            summary="An encoder and a decoder, with a likelihood of the data.",
            family="zoo.nn.vae:FAMILY",
        ),
    ]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo.nn' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
