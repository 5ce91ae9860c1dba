"""All that is checked of a model before it is trusted or published: hashes, header, golden samples, concepts, card."""

from __future__ import annotations

import os
from typing import Any

import torch

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.hub.access import Access
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.folder import Folder
from zoo.catalogue.weights.locate import locate
from zoo.latent.concept_file import check_concepts
from zoo.nn import golden

__all__ = ["verify", "verify_folder"]


def verify(
    name: str | os.PathLike[str],
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
    device: str | torch.device = "cpu",
    registry: Registry | None = None,
) -> dict[str, Any]:
    """Check a model: hashes, header, golden samples, concepts and card. Gives a report, JSON-able, `name` first.

    `revision`, `token`, `cache_dir`, `local_files_only` and `device` are those of `zoo.load`. Raises at the first thing
    that is wrong: NotFoundError, IntegrityError, WeightsError, ConfigError, and what finding the model raises.
    """
    known = registry or default_registry()
    access = Access(revision=revision, token=token, cache_dir=cache_dir, local_files_only=local_files_only)
    return verify_folder(locate(name, known, access), known, device=device)


def verify_folder(folder: Folder, registry: Registry, *, device: str | torch.device = "cpu") -> dict[str, Any]:
    """The same, of a folder that has been located."""
    return golden.verify(folder, registry, {"concepts": check_concepts}, device=device)
