"""The library's schedulers, as samplers.

They are the library's own: DDIM (Song, Meng and Ermon 2021, arXiv:2010.02502), DPM-Solver++ (Lu et al. 2022,
arXiv:2211.01095), Euler (Karras et al. 2022, arXiv:2206.00364); the ancestral one's noises are its latent, so its draws
are made here.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from zoo_diffusers.diffusion import Steps
from zoo_diffusers.library import of_library
from zoo_diffusers.samplers import Sampler, Told, ancestral

__all__ = ["LibrarySchedule"]

SCHEDULERS = {
    "ddim": "DDIMScheduler",
    "ddpm": "DDIMScheduler",  # tells the x_0 that is foreseen
    "dpm": "DPMSolverMultistepScheduler",
    "euler": "EulerDiscreteScheduler",
}
OWN = {"DDIMScheduler": {"clip_sample", "clip_sample_range", "set_alpha_to_one", "rescale_betas_zero_snr"}}
VARIANCE = "variance_type"  # of the ancestral sampler alone


@dataclass(frozen=True)
class LibrarySchedule:
    """How noise comes and goes, by the settings of one of the library's schedulers."""

    settings: Mapping[str, Any]

    @property
    def predicts(self) -> str:
        """What the network was trained to tell, as the library names it."""
        return str(self.settings.get("prediction_type", "epsilon"))

    def alphas_bar(self) -> Tensor:
        """As the library's scheduler has it, (T,) float32 on the CPU."""
        found: Tensor = self._scheduler("DDIMScheduler").alphas_cumprod
        return found

    def sampler(self, how: Steps) -> Sampler:
        """The library's, of that name."""
        scheduler = self._scheduler(SCHEDULERS[how.sampler])
        scheduler.set_timesteps(min(how.steps, scheduler.config.num_train_timesteps))
        if how.sampler == "ddpm":
            return partial(_ancestral, scheduler, self.settings.get(VARIANCE) == "fixed_large")
        return partial(_deterministic, scheduler)

    def _scheduler(self, name: str) -> Any:
        own = {key for keys in OWN.values() for key in keys} - OWN.get(name, set()) | {VARIANCE}
        known = {key: value for key, value in self.settings.items() if key not in own}
        with warnings.catch_warnings(), torch.device("cpu"):
            warnings.simplefilter("ignore")  # what the library says of its own deprecations is not the user's
            return of_library(name).from_config(known)


def _deterministic(scheduler: Any, told: Told, z: Tensor) -> Tensor:
    x: Tensor = z * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        x = scheduler.step(told(scheduler.scale_model_input(x, t), t), t, x).prev_sample
    return x


def _ancestral(scheduler: Any, large: bool, told: Told, z: Tensor) -> Tensor:
    """The library's x_0 at each time, and a draw given it by the noise of that step."""
    x, left = z[:, 0], [*scheduler.alphas_cumprod[scheduler.timesteps].tolist(), 1.0]
    for step, t in enumerate(scheduler.timesteps):
        start = scheduler.step(told(x, t), t, x).pred_original_sample
        mean, sd = ancestral(x, start, left[step], left[step + 1], large=large)
        x = mean + sd * z[:, step + 1] if sd else mean
    return x
