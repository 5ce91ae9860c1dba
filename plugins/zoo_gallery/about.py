"""What a page must know of a model to offer its controls, once it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Size

from zoo.api import ModalitySpec
from zoo.configs import options
from zoo.data import Modality
from zoo.errors import NotFoundError
from zoo.nn import Encodes, Model
from zoo.sequences import Autoregressive
from zoo_gallery.references import attribute
from zoo_gallery.shown import ARRAYS

__all__ = ["about"]

MOST = 256  # coordinates whose limits are told


def about(model: Model, modality: Modality, spec: ModalitySpec) -> dict[str, Any]:
    """JSON-able facts: sizes, classes, priors, concepts, what it takes besides, and the endings of its files.

    What shows its examples is imported: the first is not to wait for that.
    """
    attribute(spec.html)
    dimensions, prior = Size(model.latent_shape).numel(), model.prior_of()
    return {
        "dimensions": dimensions,
        "limits": [prior.limits(coordinate) for coordinate in range(min(dimensions, MOST))],
        "classes": list(model.classes) or [str(number) for number in range(model.num_classes or 0)],
        "priors": [] if len(model.priors) < 2 else list(model.priors),
        "default_prior": model.default_prior,
        "truncation": model.truncation,
        "cut_at": model.sampling.get("truncation"),
        "concepts": list(model.concepts),
        "options": [] if model.options is None else [_own(one, model) for one in options(model.options)],
        "encodes": isinstance(model, Encodes),
        "animations": [ending for ending in spec.animations if _writable(modality, ending)],
        "slow": isinstance(model, Autoregressive),
        "endings": [*(ending for ending in spec.suffixes if _writable(modality, ending)), ARRAYS],
        "read_as": modality.how_read(model.data_shape),
    }


def _own(option: dict[str, Any], model: Model) -> dict[str, Any]:
    """What `options` says of one, with the model's own default."""
    return option | {"default": model.sampling.get(option["name"], option["default"])}


def _writable(modality: Modality, ending: str) -> bool:
    """Whether what writes such files is there."""
    try:
        modality.check_writable(Path(f"file{ending}"))
    except NotFoundError:
        return False
    return True
