"""Concepts in a weights folder: written, read, checked against their model."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.hub.access import Access
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.folder import CONCEPTS, Folder, as_folder
from zoo.catalogue.weights.locate import locate
from zoo.configs import strict_json
from zoo.errors import UsageError, WeightsError
from zoo.latent.concepts import ConceptVector, concept_named
from zoo.nn.models import Model
from zoo.nn.serialization import parse, parse_metadata, save

__all__ = ["check_concepts", "concepts_of", "load_concept", "save_concepts"]


def save_concepts(folder: Path | Folder, concepts: Sequence[ConceptVector]) -> None:
    """Write concepts.safetensors of a weights folder, all of its concepts at once, complete or not at all.

    Each is marked with the sha256 of the folder's model.safetensors. Raises UsageError for two of one name or one that
    belongs to another model, StorageError.
    """
    names = [concept.name for concept in concepts]
    if len(set(names)) != len(names):
        raise UsageError(f"two concepts have one name: {', '.join(sorted(names))}")
    of = as_folder(folder)
    digest = of.model_sha256()
    facts = {}
    for concept in concepts:
        if concept.model_sha256 not in ("", digest):
            raise UsageError(f"concept {concept.name} was fitted to another model than that in {of.path}")
        about = {"method": concept.method, "source": concept.source, "measures": dict(concept.measures)}
        facts[concept.name] = about | {"model_sha256": digest}
    metadata = {"concepts": json.dumps(facts, sort_keys=True)}  # one key: the library writes several in any order
    save(of.path / CONCEPTS, {concept.name: concept.direction.clone() for concept in concepts}, metadata)


def concepts_of(folder: Folder) -> dict[str, ConceptVector]:
    """The concepts a weights folder holds, by name; none where it has no file of them.

    Raises WeightsError when the file is malformed or of another model.
    """
    if not folder.has(CONCEPTS):
        return {}
    where = f"{folder.path / CONCEPTS}"
    blob = folder.read(CONCEPTS)
    tensors = parse(blob, where)
    digest = folder.model_sha256()
    try:
        facts = strict_json(parse_metadata(blob, where)["concepts"].encode())
        if set(facts) != set(tensors):
            raise ValueError("names and directions differ")
        return {name: _read(name, tensors[name], facts[name], digest) for name in sorted(tensors)}
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(f"{where} is damaged ({error!s:.120}); fit its concepts again") from error


def _read(name: str, direction: Tensor, facts: dict[str, Any], digest: str) -> ConceptVector:
    if direction.dtype != torch.float32 or not bool(direction.isfinite().all()) or not bool(direction.any()):
        raise ValueError(f"{name} is no direction")
    if facts["model_sha256"] != digest:
        raise WeightsError(f"concept {name} belongs to a model of sha256 {facts['model_sha256']:.12}, not {digest:.12}")
    measures = {str(key): float(value) for key, value in facts["measures"].items()}
    return ConceptVector(
        name=name,
        direction=direction,
        method=str(facts["method"]),
        source=str(facts["source"]),
        model_sha256=digest,
        measures=measures,
    )


def check_concepts(folder: Folder, model: Model) -> list[str]:
    """The names of the concepts a folder holds. Raises WeightsError for a malformed file, or one of other latents."""
    known = concepts_of(folder)
    for concept in known.values():
        concept.check_fit(model)
    return sorted(known)


def load_concept(
    model: str | os.PathLike[str],
    concept: str,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
    registry: Registry | None = None,
) -> ConceptVector:
    """Load a concept that a model's weights carry: `load_concept("vae-faces", "smile")`.

    `revision`, `token`, `cache_dir` and `local_files_only` are those of `zoo.load`. Raises NotFoundError with near
    names where there is none of that name, and what finding and reading the weights raises.
    """
    access = Access(revision=revision, token=token, cache_dir=cache_dir, local_files_only=local_files_only)
    folder = locate(model, registry or default_registry(), access)
    return concept_named(concept, concepts_of(folder), folder)


def describe(concept: ConceptVector) -> dict[str, Any]:
    """A concept's facts as JSON-able data, `name` first, without the direction itself."""
    facts = {key: value for key, value in asdict(concept).items() if key != "direction"}
    return facts | {"dimensions": concept.direction.numel(), "measures": dict(concept.measures)}
