"""DiffAugment (Zhao et al. 2020, arXiv:2006.10738) and flips: differentiable, random, the same for real and fake.

Each function takes pictures (N, C, H, W) in [-1, 1] and the run's draws, and gives pictures of the same shape.
"""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.data.draws import Draws
from zoo.data.modality import Augmentation

__all__ = ["AUGMENTATIONS", "flip"]


def color(x: Tensor, draws: Draws) -> Tensor:
    """Shift brightness by U(-0.5, 0.5), scale saturation by U(0, 2) and contrast by U(0.5, 1.5)."""
    brightness, saturation, contrast = draws.uniform(len(x), 3, 1, 1, 1).unbind(1)
    x = x + (brightness - 0.5)
    if x.shape[1] > 1:
        grey = x.mean(dim=1, keepdim=True)
        x = torch.lerp(grey, x, saturation * 2)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return torch.lerp(mean, x, contrast + 0.5)


def translation(x: Tensor, draws: Draws) -> Tensor:
    """Move by up to an eighth of the side each way; what comes in is zero."""
    n, _, height, width = x.shape
    reach_y, reach_x = max(1, height // 8), max(1, width // 8)
    rows, columns = torch.arange(height, device=x.device), torch.arange(width, device=x.device)
    dy = draws.integers(-reach_y, reach_y + 1, n, 1) + rows + reach_y
    dx = draws.integers(-reach_x, reach_x + 1, n, 1) + columns + reach_x
    padded = torch.nn.functional.pad(x, (reach_x, reach_x, reach_y, reach_y)).permute(0, 2, 3, 1)
    return padded[torch.arange(n, device=x.device)[:, None, None], dy[:, :, None], dx[:, None, :]].permute(0, 3, 1, 2)


def cutout(x: Tensor, draws: Draws) -> Tensor:
    """Zero one square of half the side, its centre anywhere in the image."""
    n, _, height, width = x.shape
    top = draws.integers(0, height + 1, n, 1) - height // 4
    left = draws.integers(0, width + 1, n, 1) - width // 4
    rows, columns = torch.arange(height, device=x.device), torch.arange(width, device=x.device)
    in_rows = (rows >= top) & (rows < top + height // 2)
    in_columns = (columns >= left) & (columns < left + width // 2)
    return x * ~(in_rows[:, :, None] & in_columns[:, None, :])[:, None]


def flip(x: Tensor, draws: Draws) -> Tensor:
    """Mirror each image left to right with probability a half."""
    mirrored = draws.uniform(len(x), 1, 1, 1) < 0.5
    return torch.where(mirrored, x.flip(3), x)


AUGMENTATIONS: dict[str, Augmentation] = {
    "color": color,
    "translation": translation,
    "cutout": cutout,
    "flip": flip,
}
