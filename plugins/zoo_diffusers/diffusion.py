"""The family `diffusion`: noise becomes an example in steps, each of which takes a part of the noise away.

Samplers are deterministic (Song, Meng and Ermon 2021, arXiv:2010.02502; Lu et al. 2022, arXiv:2206.00927; Karras et al.
2022, arXiv:2206.00364): an example is a function of its first noise, which is the latent.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, final

import torch
from msgspec import Meta
from torch import Generator, Tensor, nn

from zoo.nn import Extras, Family, Model
from zoo_diffusers.configs import UNetConfig
from zoo_diffusers.library import built, of_library

__all__ = ["FAMILY", "Denoiser", "Diffusion", "LibraryUNet", "Steps"]

SAMPLERS = {
    "ddim": "DDIMScheduler",
    "dpm": "DPMSolverMultistepScheduler",
    "euler": "EulerDiscreteScheduler",
}
OWN = {"DDIMScheduler": {"clip_sample", "clip_sample_range", "set_alpha_to_one", "rescale_betas_zero_snr"}}


@dataclass(frozen=True, kw_only=True)
class Steps:
    """How noise is taken away."""

    steps: Annotated[int, Meta(ge=1, le=1000)] = 50  # how often the network is asked
    sampler: Literal["ddim", "dpm", "euler"] = "ddim"  # by which rule


class Denoiser(nn.Module, ABC):
    """(x with noise, t) -> what it was trained to tell: the noise, mostly."""

    data_shape: tuple[int, ...]
    num_classes: int | None  # of the labels that it is called with; None: without labels
    schedule: Mapping[str, Any]  # how much noise there is at each t, as the library's schedulers take it

    @abstractmethod
    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map x (N, *data_shape), times t (N,), and labels (N,) where there are classes, to (N, *data_shape)."""


class LibraryUNet(Denoiser):
    """The library's UNet2DModel."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        channels = int(config.settings.get("in_channels", 3))
        self.data_shape = (channels, config.image_size, config.image_size)
        self.num_classes = config.settings.get("num_class_embeds")
        self.schedule = config.schedule
        self.body = built("UNet2DModel", config.settings)

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """Tell the noise in pictures x (N, C, S, S) at times t (N,)."""
        told: Tensor = self.body(x, t, class_labels=labels).sample
        return told


@final
class Diffusion(Model):
    """A denoiser and a schedule; the latent is the first noise."""

    usual_range = (-1.0, 1.0)
    options = Steps

    def __init__(self, denoiser: Denoiser, extras: Extras | None = None) -> None:
        shape = denoiser.data_shape
        super().__init__(extras, latent_shape=shape, data_shape=shape, num_classes=denoiser.num_classes)
        self.denoiser = denoiser

    def forward(self, z: Tensor, labels: Tensor | None = None, options: Steps | None = None) -> Tensor:
        how = options or Steps()
        scheduler = self._scheduler(how)
        x = z.float() * scheduler.init_noise_sigma
        for t in scheduler.timesteps:
            seen = scheduler.scale_model_input(x, t).to(z.dtype)
            told = self.denoiser(seen, t.expand(len(z)).to(z.device), labels).float()
            x = scheduler.step(told, t, x).prev_sample
        low, high = self.value_range
        moved: Tensor = (x - low) / (high - low)
        return moved

    def _scheduler(self, how: Steps) -> Any:
        name = SAMPLERS[how.sampler]
        own = {key for keys in OWN.values() for key in keys} - OWN.get(name, set())
        known = {key: value for key, value in self.denoiser.schedule.items() if key not in own}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the library says of its own deprecations is not the user's
            scheduler = of_library(name).from_config(known)
            scheduler.set_timesteps(min(how.steps, scheduler.config.num_train_timesteps))
        return scheduler


def _build(parts: Mapping[str, Any], extras: Extras) -> Model:
    return Diffusion(parts["denoiser"], extras)


def _tried_with(part: Any, n: int, generator: Generator) -> tuple[Tensor | None, ...]:
    labels = None if part.num_classes is None else torch.arange(n) % part.num_classes
    return torch.randn(n, *part.data_shape, generator=generator), torch.full((n,), 500), labels


FAMILY = Family(
    name="diffusion",
    interfaces={"denoiser": Denoiser},
    published=("denoiser",),
    build=_build,
    tried_with={"denoiser": _tried_with},  # type: ignore[dict-item]
)
