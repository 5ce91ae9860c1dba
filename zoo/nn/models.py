"""What every model can do, whatever its family: draw latents, decode them, and where it has an encoder, encode.

Abstract or final: a family brings the way from latents to data (`forward`), and this file what is the same for all.
What comes out follows from weights, seed and arguments; the mode, the buffers and the process are left as they were.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn

from zoo.catalogue.contract.specs import ModelSpec
from zoo.catalogue.weights.folder import CARD, CONCEPTS, Folder
from zoo.errors import NotFoundError, UsageError, WeightsError
from zoo.nn.bounds import Terms, elbo
from zoo.nn.distributions import DiagonalGaussian, GaussianMixture, Likelihood
from zoo.nn.extras import Extras
from zoo.nn.folding import folded, resting
from zoo.nn.given import as_tensor, check_examples, check_latents
from zoo.nn.prior import Prior
from zoo.nn.sampling import Labels, check_labels, draw_noise, in_chunks, warn_of_truncation
from zoo.nn.serialization import parse
from zoo.nn.torch_state import default_state

__all__ = ["Bounded", "Encodes", "Model", "bounding", "encoding", "home"]


class Model(nn.Module, ABC):
    """A model that can be sampled. What `load` gives is one in eval mode.

    A family's model implements `forward`, and is final.
    """

    usual_range: ClassVar[tuple[float, float]] = (0.0, 1.0)  # a family's `value_range` where the weights name none
    latent_shape: tuple[int, ...]  # of one latent, without the batch
    data_shape: tuple[int, ...]  # of one example: (C, H, W) for pictures
    num_classes: int | None  # None: without labels
    classes: tuple[str, ...]  # their names, where the weights carry them
    prior: str  # what the networks were trained with: "normal" N(0, I) or "uniform" U(-1, 1)
    default_prior: str  # what latents are drawn from where none is named, one of `priors`
    value_range: tuple[float, float]  # of the networks' data; users get it moved to [0, 1]
    mixture: GaussianMixture | None  # the ex-post prior, where the weights carry one
    truncation: tuple[float, float] | None  # the range in which it helps, where the weights say; outside is a warning
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
        self.default_prior = given.default_prior or prior
        if self.default_prior not in self.priors:
            raise WeightsError(f"default_prior is {self.default_prior!r}; there is {' and '.join(self.priors)}")
        self.value_range = given.value_range or self.usual_range
        self.spec, self.info, self.origin, self.folder = given.spec, given.info or {}, given.origin, given.folder
        self._given = given.given
        self.modality, self.memory_format = given.modality, given.memory_format

    @abstractmethod
    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (N, *latent_shape), and labels (N,) where there are classes, to data (N, *data_shape).

        Continuous data are float32 with [0, 1] for what the data hold, which `decode` cuts to and this does not;
        whole numbers (tokens) stay what they are. z is of the weights' dtype and device. It can be traced: nothing is
        checked, and the batch is one piece.
        """

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
            fit = ", or fit one: `zoo mixture fit FOLDER`" if isinstance(self, Encodes) else ""
            raise NotFoundError(f"these weights carry no mixture; use prior={self.prior!r}{fit}")
        if name not in self.priors:
            raise UsageError(f"prior is {name!r}; this model is sampled from {' or '.join(map(repr, self.priors))}")
        return Prior(name=name, shape=self.latent_shape, mixture=self.mixture if name == "mixture" else None)

    @final
    def latents(
        self, n: int, *, seed: int | None = None, truncation: float | None = None, prior: str | None = None
    ) -> Tensor:
        """Draw the latents (n, *latent_shape) that `sample` with the same arguments decodes, float32 on the CPU."""
        warn_of_truncation(truncation, self.truncation)
        return self.prior_of(prior).sample(n, seed=seed, truncation=truncation)

    @final
    def sample(
        self,
        n: int = 16,
        *,
        seed: int | None = None,
        labels: Labels = None,
        truncation: float | None = None,
        prior: str | None = None,
    ) -> Tensor:
        """Draw n samples (n, *data_shape), float32 in [0, 1] (tokens int64); the same seed gives the same samples.

        `truncation` t > 0 keeps every latent coordinate within [-t, t] (of a mixture the noise in each component):
        fewer strange samples, less variety, in the range that `model.truncation` says; below it samples decay, and that
        is warned of. `prior` is one of `model.priors`; None is `model.default_prior`. `labels` are a class for each, by
        name or number, or one for all; None takes a model's classes in turn. Raises UsageError for what cannot be
        meant, NotFoundError where there is no mixture.
        """
        return self.decode(self.latents(n, seed=seed, truncation=truncation, prior=prior), labels)

    @final
    def decode(self, z: object, labels: Labels = None) -> Tensor:
        """Map latents (N, *latent_shape) to data (N, *data_shape), float32 in [0, 1] (tokens int64).

        z is a tensor, an array or lists of numbers; one latent alone is a batch of one. Gradients go to z where z asks
        for them, to the weights never. Raises UsageError for latents of another shape, or that are not finite, and
        labels that are none of this model's.
        """
        z = as_tensor("z", z)
        with default_state(grad=z.requires_grad and torch.is_grad_enabled()):
            device, dtype = home(self)
            z = check_latents(z, self.latent_shape, device)
            checked = check_labels(labels, len(z), self.num_classes, self.classes)
            network = folded(resting(self))
            x = in_chunks(
                lambda rows, of: network(rows.to(dtype), of), z, None if checked is None else checked.to(device)
            )
            return x.float().clamp(0, 1).contiguous() if x.is_floating_point() else x.contiguous()

    @final
    def examples(self, x: object) -> Tensor:
        """Examples of a user's as this model takes and gives them: float32 (N, *data_shape) in [0, 1].

        Of every kind of data: a tensor, an array or lists of numbers, one example alone, a path or a list of paths; of
        pictures more, see `zoo.images.values.pictures`. Raises UsageError for another shape or values that are not in
        [0, 1], and for a file what reading it raises.
        """
        fits = isinstance(x, Tensor) and x.is_floating_point() and tuple(x.shape[1:]) == self.data_shape
        return check_examples(x if fits else self._given(x, self.data_shape), self.data_shape)


class Encodes(Model):
    """A model that finds the latents of an example, too."""

    @abstractmethod
    def posterior(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        """q(z given x) for x (N, *data_shape) in [0, 1], of the weights' dtype.

        `labels` (N,) where there are classes. It can be traced, as `forward`.
        """

    @final
    def encode(self, x: object, labels: Labels = None) -> DiagonalGaussian:
        """The posteriors of x (N, *data_shape) in [0, 1]: mean and log_var, each (N, *latent_shape) float32.

        x is whatever `examples` takes. A model with classes must be told of which each of x is: `labels` as for
        `sample`. Gradients go to x where x asks for them. Raises UsageError for another shape, values that are not in
        [0, 1], or labels that are missing.
        """
        x = self.examples(x)
        with default_state(grad=x.requires_grad and torch.is_grad_enabled()):
            x, of, network = self._seen(x), self.labels_of(labels, len(x)), folded(resting(self))

            def both(rows: Tensor, of: Tensor | None) -> Tensor:
                posterior = network.posterior(rows, of)
                return torch.stack([posterior.mean, posterior.log_var], dim=1).float()

            mean, log_var = in_chunks(both, x, of).unbind(1)
            return DiagonalGaussian(mean.contiguous(), log_var.contiguous())

    @final
    def reconstruct(self, x: object, labels: Labels = None) -> Tensor:
        """Decode the means of the posteriors of x: (N, *data_shape) in [0, 1] -> the same. Raises UsageError."""
        return self.decode(self.encode(x, labels).mean, labels)

    @final
    def labels_of(self, labels: Labels, n: int) -> Tensor | None:
        """Labels of n examples as int64 (n,) where the weights are, None for a model without classes.

        Unlike those of samples they cannot be chosen: raises UsageError where they are missing, and for bad ones.
        """
        if labels is None and self.num_classes is not None:
            raise UsageError("this model has classes: give labels, of which each example is")
        checked = check_labels(labels, n, self.num_classes, self.classes)
        return None if checked is None else checked.to(home(self)[0])

    def _seen(self, x: Tensor) -> Tensor:
        """Checked examples as the weights take them."""
        x = x.to(*home(self))
        return x.contiguous(memory_format=self.memory_format) if x.ndim == 4 else x


class Bounded(Encodes):
    """A model that encodes and has a lower bound on the likelihood of an example."""

    likelihood: Likelihood  # of an example, given what its decoder gives

    @abstractmethod
    def terms(self, x: Tensor, posterior: DiagonalGaussian, noise: Tensor, labels: Tensor | None = None) -> Terms:
        """What bounds are made of, of x (N, *data_shape) and noise (K, N, *latent_shape) moved into its posterior.

        `labels` (N,) where there are classes.
        """

    @final
    def elbo(self, x: object, labels: Labels = None, *, samples: int = 1, seed: int | None = None) -> Tensor:
        """The evidence lower bound of x (N, *data_shape) in [0, 1], in nats an example, (N,).

        The expectation is over `samples` draws of z; the KL is exact. `labels` as for `encode`: then it is a bound on
        the likelihood given the class. Raises UsageError as `encode`, and for a number
        of samples that is none. For tighter bounds see `zoo.evaluation.likelihood`.
        """
        x = self.examples(x)
        with default_state(grad=x.requires_grad and torch.is_grad_enabled()):
            x, of, network = self._seen(x), self.labels_of(labels, len(x)), resting(self)
            noise = draw_noise(samples, (len(x), *self.latent_shape), seed=seed).to(x.device)
            posterior = network.posterior(x, of)
            exact = DiagonalGaussian(posterior.mean.float(), posterior.log_var.float())
            return elbo(network.terms(x.float(), exact, noise, of))


def encoding(
    model: Model, name: str = "this model", instead: str = "it can sample and decode, but not encode"
) -> Encodes:
    """The model as one that encodes. Raises UsageError, which says what to do `instead`, for one that does not."""
    if not isinstance(model, Encodes):
        raise UsageError(f"{name} has no encoder: {instead}")
    return model


def bounding(model: Model, name: str = "this model") -> Bounded:
    """The model as one with a bound on the likelihood. Raises UsageError for one that has none."""
    if not isinstance(model, Bounded):
        raise UsageError(f"{name} has no likelihood: that takes an encoder, a decoder and a likelihood, as of a VAE")
    return model


def home(network: nn.Module) -> tuple[torch.device, torch.dtype]:
    """The device and dtype of a network's floating-point weights, the CPU and float32 where it has none."""
    weights = itertools.chain(network.parameters(), network.buffers())
    first = next((weight for weight in weights if weight.is_floating_point()), None)
    return (torch.device("cpu"), torch.float32) if first is None else (first.device, first.dtype)
