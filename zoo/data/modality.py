"""What a kind of data must know: how examples are stored, seen by networks, read, written and judged.

Two forms are carried alike. *Continuous* data of any rank (pictures, waveforms, spectrograms) are seen as floats in the
range that a trainer declares, and given to users in [0, 1]. *Discrete* data are sequences of whole-number tokens, int64
(N, L), and stay what they are: a range means nothing to them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.catalogue.contract.references import import_reference
from zoo.catalogue.contract.specs import ModalitySpec
from zoo.data.draws import Draws
from zoo.errors import PluginError, ZooError

__all__ = ["Augmentation", "Modality", "load_modality", "memory_format"]

Augmentation = Callable[[Tensor, Draws], Tensor]  # (x as a network sees it, the run's draws) -> x, differentiable


class Modality(ABC):
    """One kind of data. Built from what travels with the weights (a vocabulary, a sample rate); it holds no more."""

    augmentations: Mapping[str, Augmentation] = {}  # by the names that recipes use; "flip" is the mirror image

    @abstractmethod
    def check(self, stored: Tensor) -> None:
        """Raise DataError unless `stored` (N, ...) are examples as a loader may give them."""

    @abstractmethod
    def ready(self, stored: Tensor, value_range: tuple[float, float] = (0.0, 1.0)) -> Tensor:
        """Stored examples -> what a network sees: floats that span `value_range`, or tokens, which have no range."""

    @abstractmethod
    def stored(self, x: Tensor) -> Tensor:
        """What a model gives (floats in [0, 1], or tokens) -> as a loader would store it. Raises DataError.

        Stored examples come back as they are, so both can be compared.
        """

    @abstractmethod
    def read(self, path: Path, data_shape: tuple[int, ...]) -> Tensor:
        """A user's file as one example (1, *data_shape), in the form that a model takes and gives.

        Raises NotFoundError, StorageError, and DataError for a file that is none of this kind.
        """

    @abstractmethod
    def write(self, x: Tensor, path: Path, *, columns: int | None = None, scale: int | None = None) -> None:
        """Write examples (N, *data_shape), as a model gives them or stored, into one file, complete or not at all.

        `columns` is how many stand in a row and `scale` how many times larger they are drawn, where the kind of data
        can be laid out so. Raises UsageError for a suffix or numbers that cannot be meant, StorageError.
        """

    def typical_shape(self, stored: Tensor) -> tuple[int, ...]:
        """The shape of the networks' data that suits these examples: a starter chooses by it."""
        return tuple(stored.shape[1:])

    def log(self, board: Any, x: Tensor, step: int) -> None:  # noqa: B027 - most kinds have nothing to show
        """Show examples on TensorBoard (`board` is its SummaryWriter), where the kind of data can be shown there."""


def load_modality(spec: ModalitySpec, about: Mapping[str, Any] | None = None) -> Modality:
    """The modality, for data of which `about` is known. Raises PluginError where its code fails, and what it raises."""
    owner = f"modality {spec.name}"
    make = import_reference(spec.modality, owner, spec.install_hint)
    try:
        made = make(about or {})
    except ZooError:
        raise
    except (Exception, SystemExit) as error:  # a plugin does not end the program
        raise PluginError(f"{owner}: it cannot be built ({type(error).__name__}: {error!s:.200})") from error
    if not isinstance(made, Modality):
        raise PluginError(f"{owner}: {spec.modality} gives a {type(made).__name__}, no Modality")
    return made


def memory_format(spec: ModalitySpec) -> torch.memory_format:
    """How tensors of rank four lie in memory. Raises PluginError for a name that torch lacks."""
    found = getattr(torch, spec.memory_format, None)
    if isinstance(found, torch.memory_format):
        return found
    raise PluginError(f"modality {spec.name}: torch has no memory format {spec.memory_format!r}")
