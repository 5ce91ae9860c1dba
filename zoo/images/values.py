"""Pixels as networks see them."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["to_range"]


def to_range(pixels: Tensor, low: float, high: float) -> Tensor:
    """Pixels uint8 (N, C, H, W) as float32 in [low, high], channels last in memory."""
    scaled = pixels.to(torch.float32).mul_((high - low) / 255)
    scaled = scaled.add_(low) if low else scaled
    return scaled.contiguous(memory_format=torch.channels_last)
