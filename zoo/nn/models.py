"""What every model can do, whatever its family: draw latents, decode them, and where it has an encoder, encode.

Abstract or final: a family brings the way from latents to data (`forward`), and this file what is the same for all.
What comes out follows from weights, seed and arguments; the mode, the buffers and the process are left as they were.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn

from zoo.catalogue.contract.specs import ModelSpec
from zoo.catalogue.weights.folder import CARD, CONCEPTS, Folder
from zoo.configs import decode, near
from zoo.errors import ConfigError, NotFoundError, UsageError, WeightsError
from zoo.nn.distributions import GaussianMixture
from zoo.nn.extras import Extras
from zoo.nn.folding import folded, resting
from zoo.nn.given import as_tensor, check_examples, check_latents, free_shape
from zoo.nn.prior import Prior
from zoo.nn.sampling import CHUNK, TRUNCATION, Labels, Progress, check_labels, cut_at, in_chunks, passes
from zoo.nn.serialization import parse
from zoo.nn.shown import Shown, page_of
from zoo.nn.torch_state import default_state

__all__ = ["Model", "home"]

KNOWN = ("n", "seed", "labels", "truncation", "prior", "progress")  # what every model's `sample` takes


class Model(nn.Module, ABC):
    """A model that can be sampled. What `load` gives is one in eval mode.

    A family's model implements `forward`, and is final.
    """

    usual_range: ClassVar[tuple[float, float]] = (0.0, 1.0)  # a family's `value_range` where the weights name none
    options: type[Any] | None = None  # what `sample` takes besides: a frozen dataclass, see `zoo.configs`
    encodes: ClassVar[bool] = False  # whether it finds the latents of an example, too
    chunk: int = CHUNK  # latents or examples that its networks see at a time: always so many
    stride: int | None = None  # examples may have any multiple of it in their last two axes; None: `data_shape` alone
    mixes_labels: bool = False  # whether labels may be shares of the classes, float32 (N, num_classes)
    vocabulary: int | None = None  # different tokens of its data; None: floats
    exact_latents: ClassVar[bool] = False  # whether `forward` gets latents in float32 whatever dtype the weights have
    latent_shape: tuple[int, ...]  # of one latent, without the batch
    data_shape: tuple[int, ...]  # of one example: (C, H, W) for pictures
    num_classes: int | None  # None: without labels
    classes: tuple[str, ...]  # their names, where the weights carry them
    prior: str  # what the networks were trained with: "normal" N(0, I) or "uniform" U(-1, 1)
    default_prior: str  # what latents are drawn from where none is named, one of `priors`
    value_range: tuple[float, float]  # of the networks' data; users get it moved to [0, 1]
    mixture: GaussianMixture | None  # the ex-post prior, where the weights carry one
    truncation: tuple[float, float] | None  # the range in which it helps, where the weights say; outside is a warning
    sampling: dict[str, Any]  # the options of `sample` where no others are asked for; a user may change them
    modality: str  # the name of the kind of data
    memory_format: torch.memory_format  # in which its networks compute fastest, of tensors of rank four
    spec: ModelSpec | None  # the catalogue entry, where there is one
    info: dict[str, Any]  # what config.json says of data and training
    origin: str  # where it was loaded from: "bundled", `hf://org/repo@commit`, or a folder
    folder: Folder | None  # that place, None for a model that was not loaded

    def __init__(
        self,
        extras: Extras | None,
        *,
        latent_shape: tuple[int, ...],
        data_shape: tuple[int, ...],
        num_classes: int | None = None,
        prior: str = "normal",
    ) -> None:
        super().__init__()
        given = extras or Extras()
        self.latent_shape, self.data_shape = latent_shape, data_shape
        if given.classes and num_classes not in (None, len(given.classes)):
            raise WeightsError(f"data.classes names {len(given.classes)} classes, the networks have {num_classes}")
        self.num_classes, self.classes = num_classes, given.classes
        self.prior, self.mixture, self.truncation = prior, given.mixture, given.truncation
        self.default_prior, self.sampling = given.default_prior or prior, dict(given.sampling)
        if self.default_prior not in self.priors:
            raise WeightsError(f"default_prior is {self.default_prior!r}; there is {' and '.join(self.priors)}")
        self.value_range = given.value_range or self.usual_range
        self.spec, self.info, self.origin, self.folder = given.spec, given.info or {}, given.origin, given.folder
        self._given = given.given
        self.modality, self.memory_format = given.modality, given.memory_format

    def __repr__(self) -> str:
        """Two lines: name, kind and shapes; parameters, and where they are from. The layers are the parts' own repr."""
        classes = f", {self.num_classes} classes" if self.num_classes else ""
        shapes = f"latent {self.latent_shape} -> {self.modality or 'data'} {self.data_shape}{classes}"
        count = sum(weight.numel() for weight in self.parameters())
        origin = f"from {self.origin}" if self.origin else "not loaded"
        kind = f"{self.name or 'a model'}: {type(self).__name__}, {shapes}"
        return f"{kind}\n{count:,} parameters, {str(self.dtype).removeprefix('torch.')} on {self.device}, {origin}"

    def _repr_html_(self) -> str:
        """What a notebook shows: the same, and the samples that lie with the weights; nothing is computed."""
        return page_of(repr(self), self.modality, self.folder)

    @final
    def show(self, x: object, *, columns: int | None = None) -> Shown:
        """Examples x, of any form that `examples` takes, as a notebook shows them: pictures as a grid, sound as a
        player, tunes as notes and a player, text as text.

        `columns` is how many stand in a row, where they are laid out so. Raises as `examples`.
        """
        about = self.info.get("data", {}).get("about")
        return Shown(self.examples(x).cpu(), modality=self.modality, about=about, columns=columns)

    @abstractmethod
    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (N, *latent_shape), and labels (N,) where there are classes, to data (N, *data_shape).

        Continuous data are float32 with [0, 1] for what the data hold, which `decode` cuts to and this does not;
        whole numbers (tokens) stay what they are. z is of the weights' dtype and device. It can be traced: nothing is
        checked, and the batch is one piece. A model with `options` is given them as a third argument, None for the
        defaults.
        """

    def watched(self, z: Tensor, labels: Tensor | None, options: Any, progress: Progress) -> Tensor:
        """`forward` of z and labels with these `options` (None: the defaults), telling `progress` (steps done, steps in
        all) after each step that it takes: here it takes one.
        """
        x: Tensor = self(z, labels) if options is None else self(z, labels, options)
        progress(1, 1)
        return x

    def noise_shape(self, options: Any) -> tuple[int, ...]:
        """The shape of a latent where these `options` are chosen: `latent_shape`, unless they say another."""
        return self.latent_shape

    @property
    def name(self) -> str:
        """What `load` gave it by: a name, `hf://org/repo` or a path; empty for a model that was not loaded."""
        return "" if self.folder is None else self.folder.name

    @property
    def device(self) -> torch.device:
        """Where its weights are, and what it gives."""
        return home(self)[0]

    @property
    def dtype(self) -> torch.dtype:
        """Of its weights; what it takes and gives is float32 all the same."""
        return home(self)[1]

    @property
    def card(self) -> str:
        """The text of its card (README.md), empty where there is none. Raises what reading the file raises."""
        if self.folder is None or not self.folder.has(CARD):
            return ""
        return self.folder.read(CARD).decode("utf-8", errors="replace")

    @property
    def concepts(self) -> tuple[str, ...]:
        """The names of the concepts that its weights carry. Raises what reading the file raises."""
        if self.folder is None or not self.folder.has(CONCEPTS):
            return ()
        return tuple(sorted(parse(self.folder.read(CONCEPTS), f"{self.folder.path / CONCEPTS}")))

    @property
    def priors(self) -> tuple[str, ...]:
        """What `prior` can be in `sample`: that of the training, and "mixture" where the weights carry one."""
        return (self.prior,) if self.mixture is None else (self.prior, "mixture")

    @final
    def prior_of(self, name: str | None = None) -> Prior:
        """The distribution of that name, of `priors`; None is `default_prior`.

        Raises UsageError for another name, NotFoundError where there is no mixture.
        """
        name = self.default_prior if name is None else name
        if name == "mixture" and self.mixture is None:
            fit = ", or fit one: `zoo mixture fit FOLDER`" if self.encodes else ""
            raise NotFoundError(f"these weights carry no mixture; use prior={self.prior!r}{fit}")
        if name not in self.priors:
            raise UsageError(f"prior is {name!r}; this model is sampled from {' or '.join(map(repr, self.priors))}")
        return Prior(name=name, shape=self.latent_shape, mixture=self.mixture if name == "mixture" else None)

    @final
    def latents(
        self,
        n: int,
        *,
        seed: int | None = None,
        labels: Labels = None,
        truncation: float | None = None,
        prior: str | None = None,
        **options: Any,
    ) -> Tensor:
        """Draw the latents (n, *latent_shape) that `sample` with the same arguments and `options` decodes, float32 on
        the CPU. `labels` matter where the prior is each class's own.
        """
        truncation = cut_at(truncation, self.sampling, self.truncation)
        drawn = self.prior_of(prior)
        if (chosen := self.chosen(options)) is not None:
            drawn = replace(drawn, shape=self.noise_shape(chosen))
        return drawn.sample(n, seed=seed, truncation=truncation, labels=self._of_classes(drawn, labels, n))

    def _of_classes(self, prior: Prior, labels: Labels, n: int) -> Tensor | None:
        """The class (n,) that each latent is drawn for, on the CPU; None where the prior knows no classes."""
        if prior.mixture is None or prior.mixture.classes is None or self.num_classes is None:
            return None
        checked = check_labels(labels, n, self.num_classes, self.classes, mixed=self.mixes_labels)
        assert checked is not None
        return (checked.argmax(1) if checked.is_floating_point() else checked).cpu()

    @final
    def chosen(self, options: Mapping[str, Any]) -> Any:
        """The options of this kind, over those of `sampling`, checked; None where there are none. Raises UsageError."""
        if not (given := {key: value for key, value in self.sampling.items() if key != TRUNCATION} | dict(options)):
            return None
        if self.options is None:
            raise UsageError(f"this model takes no {', '.join(given)}{near(next(iter(given)), KNOWN)}")
        try:
            return decode(self.options, given, "sample")
        except ConfigError as error:
            raise UsageError(str(error)) from error

    @final
    def sample(
        self,
        n: int = 16,
        *,
        seed: int | None = None,
        labels: Labels = None,
        truncation: float | None = None,
        prior: str | None = None,
        progress: Progress | None = None,
        **options: Any,
    ) -> Tensor:
        """Draw n samples (n, *data_shape), float32 in [0, 1] (tokens int64); the same seed gives the same samples.

        `truncation` t > 0 keeps every latent coordinate within [-t, t] (of a mixture the noise in each component):
        fewer strange samples, less variety, in the range that `model.truncation` says; below it samples decay, and that
        is warned of; infinity cuts nothing, None as `model.sampling` says. `prior` is one of `model.priors`; None is
        `model.default_prior`. `labels` are a class for each, by name or number, or one for all, or where the model
        `mixes_labels` shares of the classes, (n, num_classes); None takes a model's classes in turn. `progress` is
        called with (steps done, steps in all): many where noise is taken away or tokens are written one by one, else
        one for each `chunk` of samples. `options` are what models of this kind take besides, the fields of
        `model.options`: one that writes text takes a `prompt`, a `temperature` and more; those that are not named are
        as `model.sampling` has them. Raises UsageError for what cannot be meant, NotFoundError without a mixture.
        """
        z = self.latents(n, seed=seed, labels=labels, truncation=truncation, prior=prior, **options)
        return self.decode(z, labels, progress=progress, **options)

    @final
    def decode(self, z: object, labels: Labels = None, *, progress: Progress | None = None, **options: Any) -> Tensor:
        """Map latents (N, *latent_shape) to data (N, *data_shape), float32 in [0, 1] (tokens int64).

        z is a tensor, an array or lists of numbers; one latent alone is a batch of one. Gradients go to z where z asks
        for them, to the weights never. `progress` and `options` as for `sample`. Raises UsageError for latents of
        another shape, or that are not finite, and labels that are none of this model's.
        """
        z, chosen = as_tensor("z", z), self.chosen(options)
        with default_state(grad=z.requires_grad and torch.is_grad_enabled()):
            device, dtype = home(self)
            shape = self.latent_shape if chosen is None else self.noise_shape(chosen)
            z = check_latents(z, free_shape(z, shape, self.stride and 1), device)
            z = z if self.exact_latents else z.to(dtype)
            checked = check_labels(labels, len(z), self.num_classes, self.classes, mixed=self.mixes_labels)
            network, of_each = folded(resting(self)), None if checked is None else checked.to(device)
            index, count = itertools.count(), -(-len(z) // self.chunk)

            def piece(rows: Tensor, of: Tensor | None) -> Tensor:
                tell = passes(progress, next(index), count) or _nobody
                return network.watched(rows, of, chosen, tell)

            x = in_chunks(piece, z, of_each, self.chunk)
            return x.float().clamp(0, 1).contiguous() if x.is_floating_point() else x.contiguous()

    @final
    def examples(self, x: object) -> Tensor:
        """Examples of a user's as this model takes and gives them: float32 (N, *data_shape) in [0, 1], or tokens int64.

        Of every kind of data: a tensor, an array or lists of numbers, one example alone, a path or a list of paths; of
        pictures more, see `zoo.images.values.pictures`. Raises UsageError for another shape or values that are not in
        [0, 1], and for a file what reading it raises.
        """
        kind = isinstance(x, Tensor) and x.is_floating_point() is (self.vocabulary is None)
        shape = free_shape(x, self.data_shape, self.stride)
        fits = isinstance(x, Tensor) and kind and shape in (tuple(x.shape[1:]), tuple(x.shape))
        return check_examples(x if fits else self._given(x, self.data_shape), shape, self.vocabulary)


def _nobody(done: int, total: int) -> None:
    """Where no progress is asked for."""


def home(network: nn.Module) -> tuple[torch.device, torch.dtype]:
    """The device and dtype of a network's floating-point weights, the CPU and float32 where it has none."""
    weights = itertools.chain(network.parameters(), network.buffers())
    first = next((weight for weight in weights if weight.is_floating_point()), None)
    return (torch.device("cpu"), torch.float32) if first is None else (first.device, first.dtype)
