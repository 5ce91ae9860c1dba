"""What the catalogue's own models were measured at: yardsticks for another one of the same data."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from zoo.catalogue.contract.references import resource
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.contract.specs import ModelSpec
from zoo.catalogue.weights.folder import Folder
from zoo.errors import ZooError

__all__ = ["measured_on"]


def measured_on(data: Mapping[str, Any], network: str, registry: Registry) -> list[dict[str, Any]]:
    """What the bundled models of those data are recorded to have, nearest to the data first: `name`, `samples`,
    `frechet` and `kernel`.

    `data` are the `data` of a config.json, and `network` is the sha256 of the feature network: distances of others do
    not compare. A model that was not measured, or cannot be read, is left out.
    """
    found = []
    for owned in registry.list("model"):
        spec = owned.spec
        if not isinstance(spec, ModelSpec) or spec.weights is None or spec.weights.bundled is None:
            continue
        with contextlib.suppress(ZooError, KeyError):
            folder = Folder(name=owned.name, path=resource(spec.weights.bundled, owned.name))
            known, theirs = folder.evaluation(), folder.config()["data"]
            if theirs["sha256"] == data["sha256"] and known["network_sha256"] == network:
                found.append({"name": owned.name} | {key: known[key] for key in ("samples", "frechet", "kernel")})
    return sorted(found, key=lambda one: float(one["frechet"]))
