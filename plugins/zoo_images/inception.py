"""Inception-v3 as FID has it: torch-fidelity's network, behind `zoo.nn.Features`."""

from __future__ import annotations

import io
from typing import final

import torch
from torch import Tensor

from zoo.errors import IntegrityError, NotFoundError
from zoo.images import import_torchvision
from zoo.nn import Features

__all__ = ["inception"]

POOLED = "2048"  # what torch-fidelity calls the vector before the classifier


@final
class Inception(Features):
    """Pictures (N, 1 or 3, H, W) in [0, 1], taken as 256 levels, resized to 299 as TensorFlow 1 did; no maps."""

    strides = ()
    dimensions = 2048
    batch_size = 16
    resize = "bilinear as TensorFlow 1 has it, to 299 x 299"

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def vector(self, x: Tensor) -> Tensor:
        """Map pictures to (N, 2048). It rounds them to 256 levels, and no gradient passes."""
        levels = (x.expand(-1, 3, -1, -1) * 255).round().clamp(0, 255).to(torch.uint8)
        found: Tensor = self.network(levels)[0]
        return found

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        """None: it looks at whole pictures."""
        return ()


def inception(weights: bytes) -> Features:
    """The network, filled from the file whose sha256 has been compared with its pin.

    Raises NotFoundError where torch-fidelity is not installed, IntegrityError for a file that holds more than tensors.
    """
    import_torchvision()  # which torch-fidelity imports
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise NotFoundError("Inception-v3 needs torch-fidelity: pip install 'genzoo[fid]'") from error
    try:
        torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True)
    except Exception as error:  # torch-fidelity reads it as any pickle, so it is read as tensors alone before that
        raise IntegrityError(f"the weights of Inception-v3 hold more than tensors ({type(error).__name__})") from error
    return Inception(FeatureExtractorInceptionV3("inception-v3", [POOLED], io.BytesIO(weights)))
