"""torchvision beside a torch that its compiled operators were not built for.

Its wheels are built for CUDA. Beside a CPU torch they cannot be loaded, and `import torchvision` then fails
with "operator torchvision::nms does not exist". Declared here, without an implementation, the two operators
it asks for let everything but the compiled operators work.
"""

from __future__ import annotations

import importlib
import importlib.util
import threading
from functools import cache
from pathlib import Path
from types import ModuleType

import torch

from zoo.catalogue.contract.process_state import foreign_code
from zoo.errors import NotFoundError

__all__ = ["import_torchvision"]

SCHEMAS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}

LOCK = threading.Lock()


def import_torchvision(module: str = "torchvision") -> ModuleType:
    """The module `torchvision`, or one inside it. Raises NotFoundError when it is not installed."""
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        raise NotFoundError("torchvision: not installed; pip install torchvision")
    with LOCK:  # what is declared twice is an error
        _declare_missing(Path(found.origin).parent)
    with foreign_code():  # it sets variables of the environment
        return importlib.import_module(module)


@cache
def _declare_missing(folder: Path) -> None:
    for path in (*folder.glob("_C*.so"), *folder.glob("_C*.pyd"), *folder.glob("_C*.dylib")):
        try:
            torch.ops.load_library(str(path))
        except (OSError, RuntimeError):  # built for another torch
            continue
    for name, schema in SCHEMAS.items():
        if getattr(torch.ops.torchvision, name, None) is None:
            torch.library.define(f"torchvision::{name}", schema)
