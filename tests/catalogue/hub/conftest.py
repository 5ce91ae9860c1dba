"""Fixtures: what the tests of the Hub's client and its cache share."""

from __future__ import annotations

import hashlib

import pytest
from loopback_hub import LoopbackHub

from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.contract.specs import ModelSpec, WeightsSpec
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.folder import FILES


@pytest.fixture
def commit(hub: LoopbackHub, tiny_files: dict[str, bytes]) -> str:
    """The one commit of hf://acme/tiny."""
    return hub.repo("acme/tiny", tiny_files).refs["main"]


@pytest.fixture
def catalogue(commit: str, tiny_files: dict[str, bytes]) -> Registry:
    """The catalogue with the model `pinned`, whose weights are those of hf://acme/tiny."""
    pins = {name: hashlib.sha256(body).hexdigest() for name, body in tiny_files.items() if name in FILES}
    weights = WeightsSpec(files=pins, repo_id="acme/tiny", revision=commit)
    spec = ModelSpec(name="pinned", summary="", architecture="dcgan", dataset="shapes", licence="MIT", weights=weights)
    known = [owned for claims in default_registry().entries.values() for owned in claims]
    return Registry.of([*known, Owned(name="pinned", spec=spec, owner="test")])
