"""The feature networks of pictures behind `zoo.nn.Features`, and EfficientNet-Lite as such."""

from __future__ import annotations

from typing import Protocol, final

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.images.efficientnet import LITE0, LITE1, LITE2, VECTOR, EfficientNetLite, Variant, fill
from zoo.nn.features import Features

__all__ = ["PictureFeatures", "PictureNetwork", "lite0", "lite1", "lite2"]

KEPT = 31 << 20  # bytes; see `PictureFeatures`


class PictureNetwork(Protocol):
    """A module that looks at colour pictures (N, 3, H, W) in [0, 1]."""

    def vector(self, x: Tensor) -> Tensor:
        """Pooled vectors (N, D)."""

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        """Maps at strides 4, 8, 16 and 32."""


@final
class PictureFeatures(Features):
    """A network of pictures: x is (N, 1 or 3, H, W) in [0, 1]; one channel is repeated three times.

    `vector` resizes to the size of the weights' training by bilinear interpolation with antialiasing (Parmar, Zhang and
    Zhu 2022 show what careless resizing does to distances); `maps` takes pictures as they are, of at least 32 pixels a
    side for a map at stride 32 that sees more than padding.
    """

    strides = (4, 8, 16, 32)

    def __init__(self, network: PictureNetwork, *, size: int, dimensions: int, batch_size: int) -> None:
        """`size` is the height and width that the weights were trained at, `batch_size` what is fastest."""
        super().__init__()
        self.network, self.size, self.dimensions, self.batch_size = network, size, dimensions, batch_size
        self.resize = f"bilinear, antialiased, to {size} x {size}"
        # glibc keeps at most twice the largest block it has seen freed, and none above 32 MiB counts. Freeing one that
        # is never touched makes it keep a batch's activations: no page faults, where there were 2,700 a picture.
        block = torch.empty(KEPT, dtype=torch.uint8)
        del block
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from torch's stubs

    def vector(self, x: Tensor) -> Tensor:
        """Map pictures of any size to (N, D), what the classifier would see."""
        x = F.interpolate(_coloured(x), (self.size, self.size), mode="bilinear", antialias=True, align_corners=False)
        return self.network.vector(x)

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map pictures as they are to four maps, each side divided by its stride and rounded."""
        return self.network.maps(_coloured(x))


def _coloured(x: Tensor) -> Tensor:
    return x.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


def lite0(weights: bytes) -> Features:
    """EfficientNet-Lite0, filled from its package's file."""
    return _lite(LITE0, weights)


def lite1(weights: bytes) -> Features:
    """EfficientNet-Lite1, filled from its package's file."""
    return _lite(LITE1, weights)


def lite2(weights: bytes) -> Features:
    """EfficientNet-Lite2, filled from its package's file."""
    return _lite(LITE2, weights)


def _lite(variant: Variant, weights: bytes) -> Features:
    network = EfficientNetLite(variant)
    fill(network, weights)
    network.fold()
    # From 6 on a batch's activations are mapped and cleared anew each time: 64 take twice as long a picture.
    return PictureFeatures(network, size=variant.size, dimensions=VECTOR, batch_size=4)
