"""MobileNetV2 with torchvision's weights of ImageNet, as what looks at pictures.

Sandler, Howard, Zhu, Zhmoginov and Chen 2018 (arXiv:1801.04381). The module is torchvision's own, and so are the names
of its layers.
"""

from __future__ import annotations

from typing import final

from torch import Tensor, nn

from zoo.images import PictureFeatures, import_torchvision
from zoo.nn import Features
from zoo_images.torch_file import filled

__all__ = ["MobileNetV2", "mobilenet_v2"]

SIZE = 224  # height and width that its weights were trained at
VECTOR = 1280
ENDS = (3, 6, 13, 17)  # the layers after which the map is halved next, and the last before it is widened
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's red, green and blue, of 1


@final
class MobileNetV2(nn.Module):
    """The network: (N, 3, H, W) in [0, 1] -> logits (N, 1000) over ImageNet."""

    def __init__(self, network: nn.Module) -> None:
        """`network` is torchvision's `MobileNetV2`."""
        super().__init__()
        self.network = network

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, H, W) in [0, 1] -> the maps at strides 4, 8, 16 and 32, each side divided and rounded up."""
        x = _normalised(x)
        found = []
        for index in range(ENDS[-1] + 1):
            x = self.network.get_submodule(f"features.{index}")(x)
            if index in ENDS:
                found.append(x)
        return tuple(found)

    def vector(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] -> the pooled vector before the classifier, (N, 1280)."""
        seen: Tensor = self.network.get_submodule("features")(_normalised(x))
        return seen.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.network(_normalised(x))
        return logits


def _normalised(x: Tensor) -> Tensor:
    mean, deviation = (x.new_tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    return (x - mean) / deviation


def mobilenet_v2(weights: bytes) -> Features:
    """The network as what looks at pictures, filled from torchvision's file.

    Raises NotFoundError where torchvision is not installed, IntegrityError for a file that holds more than tensors.
    """
    network = import_torchvision("torchvision.models").mobilenet_v2(weights=None)
    filled(network, weights, "MobileNetV2")
    return PictureFeatures(MobileNetV2(network), size=SIZE, dimensions=VECTOR, batch_size=4)
