"""The diffusers library itself, imported when one of its models is built."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import warnings
from collections.abc import Mapping
from typing import Any

from zoo.errors import NotFoundError
from zoo.images import import_torchvision

__all__ = ["at_once", "built", "of_library"]

MOST_PLACES = 1 << 17  # of the pictures that a network sees at a time: two of 256 pixels a side

import_torchvision()  # beside a CPU torch the library's import fails otherwise; here, for what is unpickled, too


def of_library(name: str) -> Any:
    """One of its classes, by name or as `module:name`. Raises NotFoundError where it is not installed."""
    if importlib.util.find_spec("diffusers") is None:
        raise NotFoundError("the diffusers library is not installed; pip install 'genzoo[diffusers]'")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it says of its own deprecations is not the user's
        module, _, inside = name.rpartition(":")
        return getattr(importlib.import_module(f"diffusers.{module}".rstrip(".")), inside)


def built(name: str, settings: Mapping[str, Any]) -> Any:
    """A network of the library; settings that it writes and does not take are left out."""
    make = of_library(name)
    taken = inspect.signature(make.__init__).parameters
    return make(**{key: value for key, value in settings.items() if key in taken})


def at_once(side: int) -> int:
    """How many pictures of that side, in pixels, a network sees at a time: 32, fewer of more than 64 pixels."""
    return max(1, min(32, MOST_PLACES // side**2))
