"""The door to models, for plugin authors. A name is imported when it is first used; `import zoo.nn` loads no torch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.nn.distributions import (
        Bernoulli,
        DiagonalGaussian,
        DiscretizedLogistic,
        Gaussian,
        GaussianMixture,
        Likelihood,
    )
    from zoo.nn.families import Family
    from zoo.nn.features import Features, load_features
    from zoo.nn.interfaces import Decoder, Discriminator, Encoder, Generator
    from zoo.nn.models import Bounded, Encodes, Extras, Model

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
    "Gaussian",
    "GaussianMixture",
    "Generator",
    "Likelihood",
    "Model",
    "load_features",
]

_NAMES = {  # module -> what it gives
    "distributions": (
        "Bernoulli",
        "DiagonalGaussian",
        "DiscretizedLogistic",
        "Gaussian",
        "GaussianMixture",
        "Likelihood",
    ),
    "families": ("Family",),
    "features": ("Features", "load_features"),
    "interfaces": ("Decoder", "Discriminator", "Encoder", "Generator"),
    "models": ("Bounded", "Encodes", "Extras", "Model"),
}
_HOME = {name: f"zoo.nn.{module}" for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo.nn' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
