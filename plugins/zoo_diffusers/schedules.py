"""How much of a picture is left at each time on its way to noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["BETAS", "alphas_bar"]

OFFSET = 0.008  # s of the cosine schedule: the first noise is about half a level of 8 bits
MOST = 0.999  # beta of the cosine schedule
BETAS = (1e-4, 0.02)  # of the linear schedule with 1,000 times


def alphas_bar(schedule: str, times: int) -> Tensor:
    """The products of 1 - beta up to each time t = 0 … T - 1, (T,) float64 on the CPU.

    x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) noise (Ho et al. 2020, eq. 4). "cosine": alpha_bar_t =
    f(t + 1) / f(0), f(t) = cos^2(pi / 2 (t / T + s) / (1 + s)), s = 0.008, each beta at most 0.999 (Nichol and Dhariwal
    2021, arXiv:2102.09672, eq. 17). "linear": betas from 1e-4 to 0.02 (Ho et al. 2020, section 4), whatever T is.
    """
    if schedule == "linear":
        betas = torch.linspace(*BETAS, times, dtype=torch.float64, device="cpu")
    else:
        share = torch.arange(times + 1, dtype=torch.float64, device="cpu") / times
        f = torch.cos((share + OFFSET) / (1 + OFFSET) * math.pi / 2) ** 2
        betas = (1 - f[1:] / f[:-1]).clamp(max=MOST)
    return torch.cumprod(1 - betas, dim=0)
