"""What a feature network sees of a set of examples, batch by batch, and kept on disk where it is asked for again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from zoo.data.decoded import Decoded, cached, content_key, fingerprint
from zoo.data.modality import Modality
from zoo.nn.features import Features
from zoo.nn.models import home
from zoo.nn.sampling import Progress
from zoo.nn.torch_state import default_state

__all__ = ["Observer", "cached_vectors", "vectors"]

VERSION = 3  # raised when the way from examples to vectors changes, so that no old cache entry is read
PIECE = 500  # examples of a cache entry


@dataclass(frozen=True)
class Observer:
    """What looks at examples: a feature network, and what is known of their kind."""

    network: Features
    modality: Modality

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return home(self.network)[0]


@default_state(grad=False)
def vectors(x: Tensor, observer: Observer, *, progress: Progress | None = None) -> Tensor:
    """The network's vectors of examples (N, *data_shape), stored or floats in [0, 1]: float32 (N, D), on the CPU.

    Floats are rounded as they would be stored first, so that generated examples go the same way as a dataset's.
    `progress` is called with (done, total) after each batch. Raises DataError for what cannot be stored.
    """
    network, modality = observer.network, observer.modality
    x = modality.stored(x).cpu()
    result = torch.empty(len(x), network.dimensions, dtype=torch.float32, device="cpu")
    for start in range(0, len(x), network.batch_size):
        batch = modality.values(x[start : start + network.batch_size]).to(observer.device)
        result[start : start + network.batch_size] = network.vector(batch)
        if progress is not None:
            progress(start + len(batch), len(x))
    return result


def cached_vectors(
    x: Tensor, observer: Observer, cache_dir: Path | None, *, progress: Progress | None = None
) -> Tensor:
    """`vectors(x, observer)`, kept below `cache_dir` 500 examples at a time, each entry under the sha256 of its
    examples and of the network's weights: what was cut short, or is asked for more examples, goes on from there.

    An entry that is missing or damaged is computed anew; a folder that cannot be read or written costs time, never a
    failure. `None` keeps nothing. Raises as `vectors`.
    """
    x = observer.modality.stored(x).cpu()
    found, done = [], 0
    for piece in x.split(PIECE):
        step = None if progress is None else partial(_moved, progress, done, len(x))
        found.append(_piece(piece, observer, cache_dir, step))
        done += len(piece)
        if progress is not None:
            progress(done, len(x))
    return torch.cat(found)


def _piece(x: Tensor, observer: Observer, cache_dir: Path | None, progress: Progress | None) -> Tensor:
    network = observer.network
    place = {} if observer.device.type == "cpu" else {"device": observer.device.type}  # it rounds differently
    key = content_key(
        network=network.name, weights=network.sha256, version=VERSION, examples=fingerprint({"examples": x}), **place
    )

    def build() -> Decoded:
        return Decoded(tensors={"features": vectors(x, observer, progress=progress)})

    return cached(cache_dir, key, build).tensors["features"]


def _moved(progress: Progress, before: int, total: int, done: int, _: int) -> None:
    progress(before + done, total)
