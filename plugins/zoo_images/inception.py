"""Inception-v3 as FID has it: torch-fidelity's network, behind `zoo.nn.Features`."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import final

import torch
from torch import Tensor

from zoo.errors import IntegrityError, NotFoundError
from zoo.images import import_torchvision
from zoo.nn import Features

__all__ = ["inception"]

POOLED = "2048"  # what torch-fidelity calls the vector before the classifier
SIDE = 299
LAYERS: tuple[str, ...] = (
    "Conv2d_1a_3x3",
    "Conv2d_2a_3x3",
    "Conv2d_2b_3x3",
    "MaxPool_1",
    "Conv2d_3b_1x1",
    "Conv2d_4a_3x3",
    "MaxPool_2",
)
LAYERS += tuple(f"Mixed_{mixed}" for mixed in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"))
LAYERS += ("AvgPool",)


@final
class Inception(Features):
    """Pictures (N, 1 or 3, H, W) in [0, 1], taken as 256 levels, resized to 299 as TensorFlow 1 did; no maps."""

    strides = ()
    dimensions = 2048
    batch_size = 16
    resize = "bilinear as TensorFlow 1 has it, to 299 x 299"

    def __init__(self, network: torch.nn.Module, resized: Callable[..., Tensor]) -> None:
        """`resized` is torch-fidelity's `interpolate_bilinear_2d_like_tensorflow1x`."""
        super().__init__()
        self.network, self.resized = network, resized

    def vector(self, x: Tensor) -> Tensor:
        """Map pictures to (N, 2048), by the steps of torch-fidelity's `forward`; rounding passes the gradient on."""
        levels = x.expand(-1, 3, -1, -1) * 255
        levels = levels + (levels.round() - levels).detach()
        seen = (self.resized(levels, size=(SIDE, SIDE), align_corners=False) - 128) / 128
        for layer in LAYERS:
            seen = self.network.get_submodule(layer)(seen)
        return seen.flatten(1)

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        """None: its convolutions are not padded, and no map lies over the picture."""
        return ()


def inception(weights: bytes) -> Features:
    """The network, filled from the file whose sha256 has been compared with its pin.

    Raises NotFoundError where torch-fidelity is not installed, IntegrityError for a file that holds more than tensors.
    """
    import_torchvision()  # which torch-fidelity imports
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x
    except ImportError as error:
        raise NotFoundError("Inception-v3 needs torch-fidelity: pip install 'genzoo[fid]'") from error
    try:
        torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True)
    except Exception as error:  # torch-fidelity reads it as any pickle, so it is read as tensors alone before that
        raise IntegrityError(f"the weights of Inception-v3 hold more than tensors ({type(error).__name__})") from error
    network = FeatureExtractorInceptionV3("inception-v3", [POOLED], io.BytesIO(weights))
    return Inception(network, interpolate_bilinear_2d_like_tensorflow1x)
