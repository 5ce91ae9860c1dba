"""From noise to an example: rules by which a network that tells noise is asked again and again. Plain torch.

All are functions (told, z, path) -> x_0 of one signature: `told(x, t)` is what the network tells of x (N, *data_shape)
at time t, the noise in it or the velocity, z the noise, `path` the times and how much noise there is at each.
Deterministic ones take z (N, *data_shape), the first noise; the ancestral one (N, K, *data_shape), that of each of its
K steps: a sampler is a function of its noise.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

__all__ = ["SAMPLERS", "Path", "Sampler", "Told", "ancestral", "ddim", "ddpm", "dpm", "euler", "own_sampler", "path_of"]

Told = Callable[[Tensor, Tensor], Tensor]  # (x (N, *data_shape), t ()) -> what the network tells, float32
Sampler = Callable[[Told, Tensor], Tensor]  # (told, z) -> x_0 (N, *data_shape)


@dataclass(frozen=True, kw_only=True)
class Path:
    """The times that the network is asked at, most noise first, and what is left of the picture there."""

    times: tuple[int, ...]
    left: tuple[float, ...]  # alpha_bar at each of them, and 1 for the end
    clip: float = 1.0  # bound on the values of the x_0 that is foreseen; 0: none
    velocity: bool = False  # whether v is told, and not the noise

    def foreseen(self, told: Told, x: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """x_0 by what is told of x at that step, clipped to what data can be, and the noise in x.

        By the noise: x_0 = (x - sqrt(1 - alpha_bar) noise) / sqrt(alpha_bar) (Ho et al. 2020, eq. 15). By v:
        x_0 = sqrt(alpha_bar) x - sqrt(1 - alpha_bar) v, and noise = sqrt(1 - alpha_bar) x + sqrt(alpha_bar) v (Salimans
        and Ho 2022, arXiv:2202.00512, appendix D).
        """
        found = told(x, torch.tensor(self.times[step], device=x.device))
        much, little = math.sqrt(self.left[step]), math.sqrt(1 - self.left[step])
        noise = little * x + much * found if self.velocity else found
        start = much * x - little * found if self.velocity else (x - little * found) / much
        return start.clamp(-self.clip, self.clip) if self.clip else start, noise


def path_of(alphas_bar: Tensor, steps: int, *, clip: float = 1.0, velocity: bool = False) -> Path:
    """At most `steps` times of T, evenly spaced, the first of them T - 1, all noise: round(T (1 - i / K)) - 1.

    That is "trailing" in Lin et al. 2024, arXiv:2305.08891, table 2. `alphas_bar` (T,) are those of all times, `clip`
    and `velocity` those of a Path.
    """
    total = len(alphas_bar)
    k = min(steps, total)
    times = tuple(round(total * (k - i) / k) - 1 for i in range(k))
    return Path(times=times, left=(*alphas_bar[list(times)].tolist(), 1.0), clip=clip, velocity=velocity)


def ddim(told: Told, z: Tensor, path: Path) -> Tensor:
    """Denoising diffusion implicit models without added noise (Song, Meng and Ermon 2021, eq. 12 with sigma = 0)."""
    x = z
    for step, after in enumerate(path.left[1:]):
        start, noise = path.foreseen(told, x, step)
        x = math.sqrt(after) * start + math.sqrt(1 - after) * noise
    return x


def euler(told: Told, z: Tensor, path: Path) -> Tensor:
    """Euler's steps of the probability flow dx = (x - x_0) / sigma d sigma of x / sqrt(alpha_bar).

    With sigma = sqrt(1 / alpha_bar - 1) (Karras et al. 2022, algorithm 1 without churn). Where nothing is clipped that
    is DDIM (Song, Meng and Ermon 2021, eq. 14); where the foreseen x_0 is, the slope follows it.
    """
    sigmas = [math.sqrt(1 / left - 1) for left in path.left]
    x = z / math.sqrt(path.left[0])
    for step, (sigma, after) in enumerate(itertools.pairwise(sigmas)):
        start, _ = path.foreseen(told, x * math.sqrt(path.left[step]), step)
        x = x + (x - start) / sigma * (after - sigma)
    return x


def dpm(told: Told, z: Tensor, path: Path) -> Tensor:
    """DPM-Solver++(2M) (Lu et al. 2022, arXiv:2211.01095, algorithm 2): what is foreseen is carried on by its change.

    The first step knows no change, and the last, to no noise at all, needs none: both are of first order.
    """
    x, before, width = z, z, 1.0
    lambdas = [0.5 * math.log(left / (1 - left)) for left in path.left[:-1]]  # log sqrt(alpha_bar / (1 - alpha_bar))
    for step, after in enumerate(path.left[1:]):
        start, _ = path.foreseen(told, x, step)
        if after == 1:
            return start
        h = lambdas[step + 1] - lambdas[step]
        ahead = start + h / (2 * width) * (start - before) if step else start
        x = math.sqrt((1 - after) / (1 - path.left[step])) * x - math.sqrt(after) * math.expm1(-h) * ahead
        before, width = start, h
    return x


def ddpm(told: Told, z: Tensor, path: Path) -> Tensor:
    """Ancestral sampling (Ho et al. 2020, algorithm 2): z[:, 0] is the first noise, z[:, i] what step i - 1 adds."""
    x = z[:, 0]
    for step, after in enumerate(path.left[1:]):
        start, _ = path.foreseen(told, x, step)
        mean, sd = ancestral(x, start, path.left[step], after)
        x = mean + sd * z[:, step + 1] if sd else mean
    return x


def ancestral(x: Tensor, start: Tensor, now: float, after: float, *, large: bool = False) -> tuple[Tensor, float]:
    """Mean and standard deviation of what comes behind x, given x_0 = `start` (Ho et al. 2020, eq. 6 and 7).

    `now` and `after` are alpha_bar of both. The variance is (1 - after) / (1 - now) beta, or beta itself where `large`
    (section 3.2 there), and none at the end.
    """
    alpha = now / after
    beta, rest = 1 - alpha, (1 - after) / (1 - now)
    mean = math.sqrt(after) * beta / (1 - now) * start + math.sqrt(alpha) * rest * x
    return mean, 0.0 if after == 1 else math.sqrt(beta if large else rest * beta)


SAMPLERS = {"ddim": ddim, "ddpm": ddpm, "dpm": dpm, "euler": euler}


def own_sampler(name: str, alphas_bar: Tensor, steps: int, *, velocity: bool = False) -> Sampler:
    """The sampler of that `name`, of at most `steps` of the times of `alphas_bar` (T,), for data in [-1, 1].

    `velocity` as of a Path.
    """
    return partial(SAMPLERS[name], path=path_of(alphas_bar, steps, velocity=velocity))
