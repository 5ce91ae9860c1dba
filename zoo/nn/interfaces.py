"""The four interfaces. Abstract and without state: a plugin's network implements one, and is never subclassed itself.

Shapes leave out the batch: `latent_shape` (d,), `data_shape` (C, H, W) for pictures. Networks work on floats in
whatever range they like; the model that holds them knows that range and gives users [0, 1].
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from zoo.errors import PluginError
from zoo.nn.distributions import DiagonalGaussian
from zoo.nn.sampling import CHUNK

__all__ = ["Decoder", "Discriminator", "Encoder", "Generator"]


class Encoder(nn.Module, ABC):
    """x -> the posterior q(z given x)."""

    latent_shape: tuple[int, ...]  # of one latent, without the batch: (d,)
    data_shape: tuple[int, ...]
    num_classes: int | None = None  # of the labels it looks at; None: at none
    vocabulary: int | None = None  # of the tokens it reads; None: data are floats
    chunk: int = CHUNK  # examples that it sees at a time
    stride: int | None = None  # the last two axes of data may be any multiple of it; None: `data_shape` alone

    @abstractmethod
    def forward(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        """Map data (N, *data_shape) in [0, 1], or tokens, to N posteriors over latents of `latent_shape`.

        It is given labels (N,) where the decoder has classes; without classes of its own it leaves them aside.
        """


class Decoder(nn.Module, ABC):
    """z -> the parameters of p(x given z): one number for each value of x, read by the likelihood.

    One that `mixes_labels` takes shares of the classes, float32 (N, num_classes), in the place of labels.

    Where the likelihood has a `parameters_shape`, that stands for `data_shape` in what `forward` gives.
    """

    latent_shape: tuple[int, ...]  # of one latent, without the batch: (d,)
    data_shape: tuple[int, ...]
    num_classes: int | None  # of the labels that `forward` is called with; None: without labels
    mixes_labels: bool = False  # whether labels may be shares of the classes
    chunk: int = CHUNK  # latents that it sees at a time: fewer where large pictures would fill the memory
    stride: int | None = None  # the last two axes of a latent may be any, data are so much larger; None: as it says

    @abstractmethod
    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents (N, *latent_shape), and labels (N,) where there are classes, to (N, *data_shape)."""


class Generator(nn.Module, ABC):
    """z -> x. `prior` says what z is drawn from: "normal" N(0, I) or "uniform" U(-1, 1)."""

    latent_shape: tuple[int, ...]  # of one latent, without the batch: (d,)
    data_shape: tuple[int, ...]
    num_classes: int | None  # of the labels that `forward` is called with; None: without labels
    prior: str  # what z is drawn from: "normal" N(0, I) or "uniform" U(-1, 1)
    chunk: int = CHUNK  # latents that it sees at a time: fewer where there is much to do for each

    @abstractmethod
    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents (N, *latent_shape), and labels (N,) where there are classes, to data (N, *data_shape)."""

    def draft(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """What a discriminator looks at in the place of data while both learn: data, or what data are made from.

        Other than data where the last step to them teaches nothing: a sound's phases are searched for, not learnt.
        """
        x: Tensor = self(z, labels)
        return x


class Discriminator(nn.Module, ABC):
    """x -> logits. Positive means real; never a probability."""

    data_shape: tuple[int, ...]
    num_classes: int | None  # of the labels that `forward` is called with; None: without labels

    trained_against: tuple[str, ...] = ()  # full names of the frozen feature networks that `look` looks through
    calibration: int = 0  # real examples that `calibrate` wants to see before the first step

    @abstractmethod
    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map data (N, *data_shape) to logits (N,)."""

    def look(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map data (N, *data_shape) to what is judged: x itself, or what a frozen network makes of it, (N, ...) each.

        Beside a generator whose `draft` is no data, it takes drafts too. Nothing in here learns. Gradient penalties are
        taken at what it gives.
        """
        return (x,)

    def judge(self, seen: tuple[Tensor, ...], labels: Tensor | None = None) -> Tensor:
        """Map what `look` gave to logits (N, K) of K games, whose adversarial losses are summed. Raises PluginError."""
        logits: Tensor = self(seen[0], labels)
        if logits.shape != seen[0].shape[:1]:
            raise PluginError(f"a {type(self).__name__} gives logits of shape {tuple(logits.shape)}; (N,) is needed")
        return logits[:, None]

    def calibrate(self, x: Tensor) -> None:
        """Set what follows from real data and does not learn, from `calibration` examples (N, *data_shape)."""
        raise NotImplementedError(
            f"{type(self).__name__} asks for {self.calibration} examples and does nothing with them"
        )
