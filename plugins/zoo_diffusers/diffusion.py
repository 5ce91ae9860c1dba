"""The family `diffusion`: noise becomes an example in steps, each of which takes a part of the noise away.

An example is a function of its noise, which is the latent: the first noise alone, or with the ancestral sampler that
of every step. Where a network works on what an autoencoder makes of examples, the noise is of that form, and its
decoder stands behind the sampler (Rombach et al. 2022, arXiv:2112.10752).
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, final

import torch
from msgspec import Meta
from torch import Generator, Tensor, nn

from zoo.errors import UsageError, WeightsError
from zoo.nn import Decoder, Extras, Family, Model, Progress
from zoo_diffusers.samplers import Sampler

__all__ = ["FAMILY", "Denoiser", "Diffusion", "GuidedSteps", "Steps"]

MOST_NOISE = 1 << 26  # numbers of one latent: 256 MiB


@dataclass(frozen=True, kw_only=True)
class Steps:
    """How noise is taken away."""

    steps: Annotated[int, Meta(ge=1, le=1000)] = 50  # how often the network is asked
    sampler: Literal["ddim", "ddpm", "dpm", "euler"] = "ddim"  # by which rule


@dataclass(frozen=True, kw_only=True)
class GuidedSteps(Steps):
    """The same of a network that has learnt to do without a class, too."""

    guidance_scale: Annotated[float, Meta(ge=1, le=1000)] = 4.0  # how far away from no class; 1: no guidance


class Denoiser(nn.Module, ABC):
    """(x with noise, t) -> what it was trained to tell: the noise, mostly."""

    data_shape: tuple[int, ...]
    num_classes: int | None  # of the labels that it is called with; None: without labels
    predicts: str  # "epsilon", the noise; or as the library names others: "sample", "v_prediction"
    null_class: int | None = None  # the label that stands for none, of one that can be guided
    chunk: int = 32  # examples that it sees at a time: fewer where large ones would fill the memory
    behind: Decoder | None  # makes examples of what is sampled, where that are latents; it takes data_shape

    def __init__(self) -> None:
        super().__init__()
        self.behind = None

    @abstractmethod
    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map x (N, *data_shape), times t (N,), and labels (N,) where there are classes, to (N, *data_shape)."""

    @abstractmethod
    def alphas_bar(self) -> Tensor:
        """The share of the example in the variance at each time, (T,) on the CPU."""

    @abstractmethod
    def sampler(self, how: Steps) -> Sampler:
        """The rule by which it is asked."""


@final
class Diffusion(Model):
    """A denoiser and a sampler; the latent is the noise."""

    usual_range = (-1.0, 1.0)
    options: type[Steps]

    def __init__(self, denoiser: Denoiser, extras: Extras | None = None) -> None:
        shape = denoiser.data_shape if denoiser.behind is None else denoiser.behind.data_shape
        super().__init__(extras, latent_shape=denoiser.data_shape, data_shape=shape, num_classes=denoiser.num_classes)
        self.denoiser, self.chunk = denoiser, denoiser.chunk
        self.options = Steps if denoiser.null_class is None else GuidedSteps
        if denoiser.behind is not None and self.value_range != self.usual_range:
            raise WeightsError(f"data.range is {self.value_range}; what an autoencoder decodes is in [-1, 1]")

    def noise_shape(self, options: Steps) -> tuple[int, ...]:
        """That of an example, once for each step where each adds noise. Raises UsageError for more than 256 MiB."""
        if options.sampler != "ddpm":
            return self.latent_shape
        shape = (min(options.steps, len(self.denoiser.alphas_bar())), *self.latent_shape)
        if math.prod(shape) > MOST_NOISE:
            most = MOST_NOISE // math.prod(self.latent_shape)
            raise UsageError(f"the noise of {shape[0]} steps is too large; use at most {most}, or another sampler")
        return shape

    def forward(self, z: Tensor, labels: Tensor | None = None, options: Steps | None = None) -> Tensor:
        return self.watched(z, labels, options, lambda done, total: None)

    def watched(self, z: Tensor, labels: Tensor | None, options: Steps | None, progress: Progress) -> Tensor:
        """`forward`, telling `progress` (times that the network was asked, times in all)."""
        how, asked = options or self.options(), itertools.count(1)
        total = min(how.steps, len(self.denoiser.alphas_bar()))

        def told(x: Tensor, t: Tensor) -> Tensor:
            found = self._told(x.to(z.dtype), t.expand(len(z)).to(z.device), labels, how)
            progress(min(next(asked), total), total)
            return found

        x = self.denoiser.sampler(how)(told, z.float())
        if self.denoiser.behind is not None:
            return torch.cat([self.denoiser.behind(row.to(z.dtype)).float() for row in x.split(1)])
        low, high = self.value_range
        return (x - low) / (high - low)

    def _told(self, x: Tensor, t: Tensor, labels: Tensor | None, how: Steps) -> Tensor:
        """What the network tells, float32, led away from what it tells without a class: none + s (class - none).

        That is classifier-free guidance (Ho and Salimans 2022, arXiv:2207.12598, eq. 6, with s = 1 + w); both in one
        pass.
        """
        null = self.denoiser.null_class
        if null is None or labels is None or not isinstance(how, GuidedSteps) or how.guidance_scale == 1:
            plain: Tensor = self.denoiser(x, t, labels)
            return plain.float()
        asked = torch.cat([labels, torch.full_like(labels, null)])
        both: Tensor = self.denoiser(torch.cat([x, x]), torch.cat([t, t]), asked)
        of_class, of_none = both.float().chunk(2)
        return of_none + how.guidance_scale * (of_class - of_none)


def _build(parts: Mapping[str, Any], extras: Extras) -> Model:
    return Diffusion(parts["denoiser"], extras)


def _tried_with(part: Any, n: int, generator: Generator) -> tuple[Tensor | None, ...]:
    labels = None if part.num_classes is None else torch.arange(n) % part.num_classes
    times = torch.randint(len(part.alphas_bar()), (n,), generator=generator)
    return torch.randn(n, *part.data_shape, generator=generator), times, labels


FAMILY = Family(
    name="diffusion",
    interfaces={"denoiser": Denoiser},
    published=("denoiser",),
    build=_build,
    tried_with={"denoiser": _tried_with},  # type: ignore[dict-item]
)
