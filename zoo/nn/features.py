"""Feature networks: frozen, pretrained networks to look through, each found by its name in the catalogue."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import threading
from abc import ABC, abstractmethod
from pathlib import Path

import torch
from torch import Tensor, nn

from zoo.catalogue.contract.references import blamed, import_reference, resource
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.contract.specs import FeaturesSpec
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.judges import networks_of
from zoo.errors import IntegrityError, NotFoundError, PluginError, StorageError
from zoo.nn.torch_state import default_state, own_random
from zoo.settings import data_folders

__all__ = ["Features", "default_features", "load_features"]


class Features(nn.Module, ABC):
    """A frozen network of one modality, differentiable in what it looks at.

    It takes examples (N, *data_shape) of any size, floats in [0, 1], and makes of them what its weights know.
    """

    strides: tuple[int, ...]  # of the maps, from fine to coarse: input values a side for each of a map
    dimensions: int  # D, of the vector
    batch_size: int = 64  # examples at a time where there is no gradient: what it is fastest with
    resize: str = ""  # how examples are brought to the size it looks at, in words
    name: str = ""  # full name, modality and the weights' sha256: set by `load_features`
    modality: str = ""
    sha256: str = ""  # of its weights, hex: set by `load_features`

    @abstractmethod
    def vector(self, x: Tensor) -> Tensor:
        """Map x (N, *data_shape) in [0, 1] to vectors (N, D), for distances between examples."""

    @abstractmethod
    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map x (N, *data_shape) in [0, 1], not resized, to one (N, C, ...) for each of `strides`."""


_loaded: dict[tuple[str, str, str], Features] = {}
_lock = threading.Lock()


def load_features(name: str, registry: Registry | None = None) -> Features:
    """The feature network of that full name, in eval mode and frozen, on the CPU.

    It is loaded once a process and shared by all who ask: do not change it. Raises NotFoundError for an unknown name
    with near ones, or with the line that installs its package; IntegrityError when the file of its weights has another
    sha256 than the pinned one; StorageError when it cannot be read; PluginError when its code fails.
    """
    spec = (registry or default_registry()).features(name)
    key = name, spec.features, spec.sha256
    with _lock:
        if key not in _loaded:
            _loaded[key] = _load(name, spec)
        return _loaded[key]


def default_features(modality: str, registry: Registry) -> str:
    """The name of the network that judges a modality where no other is asked for: the zoo's own before a plugin's.

    Raises NotFoundError where there is none.
    """
    found = networks_of(modality, registry)
    if not found:
        raise NotFoundError(f"no feature network looks at {modality}; install a plugin that brings one")
    return found[0]


def _load(name: str, spec: FeaturesSpec) -> Features:
    owner = f"feature network {name}"
    weights = _weights(owner, spec)
    build = import_reference(spec.features, owner, spec.install_hint)
    # Whoever loads it first, it is the same for all, gradients pass through it, and no random numbers are used up.
    with blamed(f"{owner}: building it failed"), default_state(), own_random():
        network = build(weights)
    if not isinstance(network, Features):
        raise PluginError(f"{owner}: {spec.features} gives a {type(network).__name__}, no zoo.nn.Features")
    network.name, network.modality, network.sha256 = name, spec.modality, spec.sha256
    return network.eval().requires_grad_(False)


def _weights(owner: str, spec: FeaturesSpec) -> bytes:
    """The file's bytes, found without importing the package that carries it, and compared with their pin."""
    package = spec.weights.partition(":")[0]
    if package and importlib.util.find_spec(package) is not None:
        return _pinned(resource(spec.weights, owner), owner, spec, f"reinstall {package}")
    if spec.file:
        return _users_file(owner, spec)
    raise NotFoundError(f"{owner}: its weights are not installed; {spec.install_hint or f'install {package}'}")


def _users_file(owner: str, spec: FeaturesSpec) -> bytes:
    """The bytes of a file that no package carries: of a folder of ZOO_DATA, or of the checkpoints of torch.hub."""
    places = (*data_folders(os.environ), Path(torch.hub.get_dir()) / "checkpoints")
    found = next((place / spec.file for place in places if (place / spec.file).is_file()), None)
    if found is None:
        raise NotFoundError(f"{owner}: its weights, {spec.file}, are in no folder of ZOO_DATA; {spec.install_hint}")
    return _pinned(found, owner, spec, "fetch it anew")


def _pinned(path: Path, owner: str, spec: FeaturesSpec, remedy: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{owner}: cannot read {path} ({error}); {remedy}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != spec.sha256:
        raise IntegrityError(f"{owner}: {path} has sha256 {digest}, not {spec.sha256}; {remedy}")
    return content
