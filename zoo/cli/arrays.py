"""Samples as numbers: an .npz file with all that they were drawn by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.files import new_file

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.nn.models import Model
    from zoo.nn.sampling import Labels

__all__ = ["write_arrays"]


def write_arrays(model: Model, x: Tensor, path: Path, *, seed: int, labels: Labels = None, first: int = 0) -> None:
    """Write samples (N, *data_shape), as the model gives them, into one .npz file, complete or not at all.

    It holds `samples`; `index` (N,), which samples of the seed they are, from `first` on; `seed`, `model` and `origin`;
    and of a model with classes `labels` (N,), or (N, num_classes) where classes are mixed, and `names`, which the
    classes have. `numpy.load` reads it without pickle. Raises StorageError.
    """
    import numpy

    from zoo.nn.sampling import check_labels

    held: dict[str, Any] = {
        "samples": x.numpy(),
        "index": numpy.arange(first, first + len(x)),
        "seed": numpy.int64(seed),
        "model": numpy.str_(model.name),
        "origin": numpy.str_(model.origin),
    }
    of = check_labels(labels, len(x), model.num_classes, model.classes, mixed=model.mixes_labels)
    if of is not None:
        held |= {"labels": of.numpy(), "names": numpy.array(model.classes, dtype=numpy.str_)}
    with new_file(path) as aside, aside.open("wb") as stream:
        numpy.savez_compressed(stream, **held)
