"""The feature networks of pictures: EfficientNet-Lite behind `zoo.nn.Features`."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.images.efficientnet import LITE0, LITE1, LITE2, VECTOR, EfficientNetLite, Variant, fill
from zoo.nn.features import Features

__all__ = ["LiteFeatures", "lite0", "lite1", "lite2"]

KEPT = 31 << 20  # bytes; see `_built`


@final
class LiteFeatures(Features):
    """An EfficientNet-Lite: x is (N, 1 or 3, H, W) in [0, 1]; one channel is repeated three times.

    `vector` resizes to the size of the weights' training by bilinear interpolation with antialiasing (Parmar, Zhang and
    Zhu 2022 show what careless resizing does to distances); `maps` takes pictures as they are, of at least 32 pixels a
    side for a map at stride 32 that sees more than padding.
    """

    strides = (4, 8, 16, 32)
    dimensions = VECTOR
    batch_size = 4  # from 6 on a batch's activations are mapped and cleared anew each time: 64 take twice as long

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self.network = EfficientNetLite(variant)
        self.size = variant.size

    def vector(self, x: Tensor) -> Tensor:
        """Map pictures of any size to (N, 1280), what the classifier would see."""
        x = F.interpolate(_coloured(x), (self.size, self.size), mode="bilinear", antialias=True, align_corners=False)
        return self.network.vector(x)

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map pictures as they are to four maps, each side divided by its stride and rounded up."""
        return self.network.maps(_coloured(x))


def _coloured(x: Tensor) -> Tensor:
    return x.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


def lite0(weights: bytes) -> Features:
    """EfficientNet-Lite0, filled from its package's file."""
    return _built(LITE0, weights)


def lite1(weights: bytes) -> Features:
    """EfficientNet-Lite1, filled from its package's file."""
    return _built(LITE1, weights)


def lite2(weights: bytes) -> Features:
    """EfficientNet-Lite2, filled from its package's file."""
    return _built(LITE2, weights)


def _built(variant: Variant, weights: bytes) -> Features:
    # glibc keeps at most twice the largest block it has seen freed, and none above 32 MiB counts. Freeing one that is
    # never touched makes it keep a batch's activations: no page faults, where there were 2,700 a picture.
    block = torch.empty(KEPT, dtype=torch.uint8)
    del block
    features = LiteFeatures(variant)
    fill(features.network, weights)
    features.network.fold()
    features.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from torch's stubs
    return features
