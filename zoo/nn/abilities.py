"""What some models can do besides: find the latents of an example, bound its likelihood, or know it exactly."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, final

import torch
from torch import Tensor

from zoo.errors import UsageError
from zoo.nn.bounds import Terms, elbo
from zoo.nn.distributions import DiagonalGaussian, Likelihood
from zoo.nn.folding import folded, resting
from zoo.nn.models import Model, home
from zoo.nn.sampling import Labels, check_labels, draw_noise, in_chunks
from zoo.nn.torch_state import default_state

__all__ = ["Bounded", "Encodes", "Scored", "bounding", "encoding"]


class Scored(Model):
    """A model that knows how likely an example is, exactly."""

    @abstractmethod
    def log_likelihood(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (N,), of examples (N, *data_shape) as its networks see them."""

    def check_tokens(self, x: Tensor) -> None:
        """Raise UsageError for tokens (N, L) that the networks do not know."""


class Encodes(Model):
    """A model that finds the latents of an example, too."""

    encodes: ClassVar[bool] = True  # it does

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

            mean, log_var = in_chunks(both, x, of, self.chunk).unbind(1)
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
        device, dtype = home(self)
        x = x.to(device, dtype if x.is_floating_point() else x.dtype)
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
            return elbo(network.terms(x.float() if x.is_floating_point() else x, exact, noise, of))


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
