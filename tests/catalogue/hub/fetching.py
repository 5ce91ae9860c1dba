"""What the tests of the Hub's client and its cache share."""

from __future__ import annotations

import pytest

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.weights.folder import FILES
from zoo.catalogue.weights.locate import locate

MODEL = "model.safetensors"


def read_all(name: str, registry: Registry) -> dict[str, bytes]:
    folder = locate(name, registry)
    return {file: bytes(folder.read(file)) for file in FILES if folder.has(file) or file in folder.pins}


both = pytest.mark.parametrize("name", ["pinned", "hf://acme/tiny"])
