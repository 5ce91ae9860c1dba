"""What a kind of data must know: how examples are stored, seen by networks, read, written and judged.

Two forms are carried alike. *Continuous* data of any rank (pictures, waveforms, spectrograms) are seen as floats in the
range that a trainer declares, and given to users in [0, 1]. *Discrete* data are sequences of whole-number tokens, int64
(N, L), and stay what they are: a range means nothing to them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from zoo.catalogue.contract.references import blamed, import_reference
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.contract.specs import ModalitySpec
from zoo.catalogue.plugins.loading import default_registry
from zoo.data.draws import Draws
from zoo.errors import PluginError, UsageError

__all__ = ["Augmentation", "Classifier", "Described", "Judge", "Labelled", "Modality", "load_modality", "modality_of"]

Augmentation = Callable[[Tensor, Draws], Tensor]  # (x as a network sees it, the run's draws) -> x, differentiable
Labelled = tuple[Tensor, Tensor]  # stored examples (N, ...), and labels (N,): classes, or 1, 0, below 0 for unknown


class Modality(ABC):
    """One kind of data. Built from what travels with the weights (a vocabulary, a sample rate); it holds no more."""

    augmentations: Mapping[str, Augmentation] = {}  # by the names that recipes use; "flip" is the mirror image
    vocabulary: int | None = None  # how many different tokens there are; None: the data are continuous

    @abstractmethod
    def check(self, stored: Tensor) -> None:
        """Raise DataError unless `stored` (N, ...) are examples as a loader may give them."""

    @abstractmethod
    def ready(self, stored: Tensor, value_range: tuple[float, float] = (0.0, 1.0)) -> Tensor:
        """Stored examples -> what a network sees: floats that span `value_range`, or tokens, which have no range."""

    def values(self, stored: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Stored examples -> what a model takes from users and gives them: floats in [0, 1] of that dtype, or tokens.

        The inverse of `stored`.
        """
        x = self.ready(stored)
        return x.to(dtype) if x.is_floating_point() else x

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

    def read_whole(self, path: Path, data_shape: tuple[int, ...], stride: int) -> Tensor:
        """The same at the file's own size, for a model whose last two axes may be any multiple of `stride`: (1, ...).

        A modality whose examples have one size leaves it as it is.
        """
        return self.read(path, data_shape)

    def given(self, value: object, data_shape: tuple[int, ...]) -> object:
        """What a user hands over as examples -> numbers (N, *data_shape), in the form that a model takes.

        Here a path, or a list with paths in it, is read; a modality of files that hold more, or of objects that users
        have at hand, takes those too. The rest is given back as it is: the model takes tensors, arrays and lists of
        numbers itself, and refuses what it cannot. Raises as `read`, and UsageError.
        """
        if isinstance(value, (str, PathLike)):
            return self.read(Path(value).expanduser(), data_shape)
        if isinstance(value, (list, tuple)) and any(isinstance(item, (str, PathLike)) for item in value):
            return [self.read(Path(item).expanduser(), data_shape)[0] for item in value]
        return value

    def how_read(self, data_shape: tuple[int, ...]) -> str:
        """What `read` does to a file on the way, in a few words for the user: what is cut off must be said."""
        return f"brought to {' x '.join(map(str, data_shape))}"

    @abstractmethod
    def write(self, x: Tensor, path: Path, *, columns: int | None = None, scale: int | None = None) -> None:
        """Write examples (N, *data_shape), as a model gives them or stored, into one file, complete or not at all.

        `columns` is how many stand in a row and `scale` how many times larger they are drawn, where the kind of data
        can be laid out so; None leaves both to the modality. Raises UsageError for a suffix or numbers that cannot be
        meant, StorageError.
        """

    def tokens(self, text: str) -> Tensor:
        """A user's text as tokens (L,) int64, for a prompt. Raises UsageError for characters that are not known."""
        raise UsageError("this kind of data is no text, and nothing can be written before it")

    def texts(self, x: Tensor) -> list[str] | None:
        """Examples (N, *data_shape) as texts that a terminal shows; None for a kind of data that is none."""
        return None

    def terminal(self, x: Tensor, *, width: int, columns: int | None = None, colour: bool = False) -> str | None:
        """Examples x (N, *data_shape) as lines of at most `width` letters for a terminal, `columns` a row where they
        can be laid out so; None for a kind of data that cannot be shown there. Here it is `texts`.

        With `colour` the terminal takes 24-bit colours (`\\x1b[38;2;R;G;Bm`): other escape sequences are shown as text.
        """
        texts = self.texts(x)
        return None if texts is None else f"\n{'-' * 40}\n".join(texts)

    def check_writable(self, path: Path) -> None:  # noqa: B027
        """Raise NotFoundError where `path` names a format that needs what is not there: before examples are made."""

    def animate(
        self, x: Tensor, path: Path, *, columns: int | None = None, scale: int | None = None, duration: int = 100
    ) -> None:
        """Write walks, x (T, N, *data_shape) as a model gives them, into one file that shows N examples move in T
        frames of `duration` milliseconds, for ever: where the modality's spec names `animations`.

        `columns` and `scale` as for `write`. Raises UsageError where nothing of this kind moves, StorageError.
        """
        raise UsageError(f"{path}: walks of this kind of data are written as they stand, not as animations")

    def rules(self, x: Tensor) -> dict[str, float]:
        """What examples x (N, *data_shape) of this kind must keep to be well made, in words -> the share of them, or of
        their parts, that keeps it, in [0, 1]. None are known here.
        """
        return {}

    def comparable(self, x: Tensor) -> Tensor:
        """Examples (N, *data_shape), as a model gives them -> (N, channels, one to three sides), for distances between
        the values themselves: what looks or sounds alike must be near. Here it is x.
        """
        return x

    def fits(self, count: int, data_shape: tuple[int, ...], *, scale: int | None = None) -> None:  # noqa: B027
        """Raise UsageError where one file cannot hold so many examples: before they are made."""

    def typical_shape(self, stored: Tensor) -> tuple[int, ...]:
        """The shape of the networks' data that suits these examples: a starter chooses by it."""
        return tuple(stored.shape[1:])

    def shapes(self) -> Iterable[tuple[int, ...]]:
        """Shapes that examples of users have, small and large: the conformance kit tries starters on them."""
        return ()

    def made_up(self, n: int, data_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Examples without a meaning, as they are stored, with something to learn in them: for checks of networks.

        These are noise on a ramp; a modality of tokens makes its own.
        """
        noise = torch.rand(n, *data_shape, generator=generator)
        ramp = torch.linspace(0, 1, data_shape[-1]).expand(n, *data_shape)
        return self.stored((noise + 3 * ramp) / 4)

    def log(self, board: Any, x: Tensor, step: int) -> None:  # noqa: B027 - most kinds have nothing to show
        """Show examples on TensorBoard (`board` is its SummaryWriter), where the kind of data can be shown there."""

    def judge(self, train: Labelled, held_out: Labelled, *, seed: int = 0) -> Judge:
        """A classifier of real examples, fitted to `train` and measured on `held_out`, which tells one property.

        Raises UsageError where there is none for this kind of data, DataError for too few examples.
        """
        raise UsageError("there is no judge of this kind of data yet: its concepts can be used, but not measured")

    def classifier(
        self, train: Labelled, held_out: Labelled, num_classes: int, *, seed: int = 0, cache_dir: Path | None = None
    ) -> Classifier:
        """A classifier of real examples, fitted to `train` and measured on `held_out`: labels (N,) from 0 on.

        It is kept below `cache_dir`. Raises UsageError where there is none for this kind of data, DataError for labels
        that do not fit.
        """
        raise UsageError("there is no classifier of this kind of data yet: what samples show cannot be measured")


class Fitted(Protocol):
    """What was fitted to real examples, and measured on others."""

    @property
    def accuracy(self) -> float:
        """Its accuracy on the held-out examples; of a property, both sides counting the same."""
        ...

    @property
    def design(self) -> str:
        """What kind of network it is, in a few words."""
        ...

    @property
    def sha256(self) -> str:
        """Of its weights."""
        ...


class Classifier(Fitted, Protocol):
    """A classifier of real examples, which tells a dataset's classes apart."""

    def classify(self, x: Tensor) -> Tensor:
        """The class of each of x (N, *data_shape), as a model gives them: (N,) int64."""
        ...


class Judge(Fitted, Protocol):
    """A classifier of real examples, which tells one property."""

    @property
    def auc(self) -> float:
        """The area under its ROC curve, on the held-out examples."""
        ...

    def decide(self, x: Tensor) -> Tensor:
        """Whether each of x (N, *data_shape), as a model gives them, has the property: (N,) bool."""
        ...


class Described(Protocol):
    """What a model says of its data."""

    modality: str  # the name of the kind of data
    info: dict[str, Any]  # config.json


def modality_of(model: Described, registry: Registry | None = None) -> Modality:
    """The modality of a model's data, with what travels with its weights. Raises NotFoundError, PluginError."""
    spec = (registry or default_registry()).modality(model.modality)
    return load_modality(spec, model.info.get("data", {}).get("about"))


def load_modality(spec: ModalitySpec, about: Mapping[str, Any] | None = None) -> Modality:
    """The modality, for data of which `about` is known. Raises PluginError where its code fails, and what it raises."""
    owner = f"modality {spec.name}"
    make = import_reference(spec.modality, owner, spec.install_hint)
    with blamed(f"{owner}: building it failed"):
        made = make(about or {})
    if not isinstance(made, Modality):
        raise PluginError(f"{owner}: {spec.modality} gives a {type(made).__name__}, no Modality")
    return made
