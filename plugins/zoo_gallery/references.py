"""Code of other plugins, which the catalogue names. No torch."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from zoo.api import ModalitySpec

__all__ = ["attribute", "shown_by"]


def attribute(reference: str) -> Any:
    """What `package.module:attribute` names. Raises what importing it raises."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)


def shown_by(spec: ModalitySpec, path: Path) -> str:
    """A file in HTML, as its modality shows it. Raises what that raises."""
    found: str = attribute(spec.html)(path)
    return found
