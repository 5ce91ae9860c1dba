"""What may be changed about sounds, and about spectrograms drafted in their place, while a discriminator learns."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.data import Augmentation, Draws

__all__ = ["AUGMENTATIONS"]

REACH = 8  # a sound is moved by at most this fraction of its length


def shift(x: Tensor, draws: Draws) -> Tensor:
    """Move sounds (N, 1, T) or spectrograms (N, 1, F, L) in time, by up to an eighth each way; silence, 0, comes in."""
    length = x.shape[-1]
    reach = max(1, length // REACH)
    steps = draws.integers(-reach, reach + 1, len(x), 1)
    at = torch.arange(length, device=x.device) + steps + reach
    padded = torch.nn.functional.pad(x, (reach, reach))
    return padded.gather(-1, at.view(len(x), *[1] * (x.ndim - 2), length).expand_as(x))


AUGMENTATIONS: dict[str, Augmentation] = {"shift": shift}
