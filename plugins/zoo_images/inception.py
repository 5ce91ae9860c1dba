"""Inception-v3 as what looks at pictures: as FID has it, in torch-fidelity's code, and as torchvision has it.

Szegedy, Vanhoucke, Ioffe, Shlens and Wojna 2015 (arXiv:1512.00567). The two differ in how they pool and in weights.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import final

from torch import Tensor, nn
from torch.nn import functional as F

from zoo.errors import NotFoundError
from zoo.images import PictureFeatures, import_torchvision
from zoo.nn import Features
from zoo_images.torch_file import filled, tensors

__all__ = ["InceptionV3", "inception", "inception_v3"]

POOLED = "2048"  # what torch-fidelity calls the vector before the classifier
SIDE, VECTOR = 299, 2048
MIXED = tuple(f"Mixed_{mixed}" for mixed in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"))
RIM = 22  # pixels of zeros around a picture, so that a map at stride 32 lies over it: what the convolutions cut off
COARSEST = 32
# The layer of a map at each stride, and how many of its places before the picture are left out.
ENDS = {"Conv2d_4a_3x3": (4, 4), "Mixed_5d": (8, 2), "Mixed_6e": (16, 1), "Mixed_7c": (32, 0)}


def _layers(first: str, second: str) -> tuple[str, ...]:
    """The layers that a picture passes, in order; the two poolings have names of their own in each code."""
    stem = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", first, "Conv2d_3b_1x1", "Conv2d_4a_3x3", second)
    return stem + MIXED


@final
class Inception(Features):
    """Pictures (N, 1 or 3, H, W) in [0, 1], taken as 256 levels, resized to 299 as TensorFlow 1 did; no maps."""

    strides = ()
    dimensions = VECTOR
    batch_size = 16
    resize = "bilinear as TensorFlow 1 has it, to 299 x 299"

    def __init__(self, network: nn.Module, resized: Callable[..., Tensor]) -> None:
        """`resized` is torch-fidelity's `interpolate_bilinear_2d_like_tensorflow1x`."""
        super().__init__()
        self.network, self.resized = network, resized

    def vector(self, x: Tensor) -> Tensor:
        """Map pictures to (N, 2048), by the steps of torch-fidelity's `forward`; rounding passes the gradient on."""
        levels = x.expand(-1, 3, -1, -1) * 255
        levels = levels + (levels.round() - levels).detach()
        seen = (self.resized(levels, size=(SIDE, SIDE), align_corners=False) - 128) / 128
        for layer in (*_layers("MaxPool_1", "MaxPool_2"), "AvgPool"):
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
    tensors(weights, "Inception-v3")  # before torch-fidelity reads it as any pickle
    network = FeatureExtractorInceptionV3("inception-v3", [POOLED], io.BytesIO(weights))
    return Inception(network, interpolate_bilinear_2d_like_tensorflow1x)


@final
class InceptionV3(nn.Module):
    """torchvision's network: what it makes of pictures (N, 3, H, W) in [0, 1], its layers by torchvision's names.

    They are taken to [-1, 1]: what torchvision's `transform_input` makes of those that were normalised for ImageNet.
    """

    def __init__(self, network: nn.Module) -> None:
        """`network` is torchvision's `Inception3`."""
        super().__init__()
        self.network = network

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, H, W) in [0, 1] -> the maps at strides 4, 8, 16 and 32, each side divided and rounded up.

        The first convolutions are not padded, so the picture is; each map is cut to what lies over the picture.
        """
        sides = x.shape[2:]
        down, across = (RIM + -side % COARSEST for side in sides)
        found, seen = [], F.pad(2 * x - 1, (RIM, across, RIM, down))
        for layer in _layers("maxpool1", "maxpool2"):
            seen = self.network.get_submodule(layer)(seen)
            if layer in ENDS:
                stride, begin = ENDS[layer]
                high, wide = (begin - (-side // stride) for side in sides)
                found.append(seen[:, :, begin:high, begin:wide])
        return tuple(found)

    def vector(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1], 75 pixels a side at least -> the pooled vector before the classifier, (N, 2048)."""
        seen = 2 * x - 1
        for layer in _layers("maxpool1", "maxpool2"):
            seen = self.network.get_submodule(layer)(seen)
        return seen.mean((2, 3))


def inception_v3(weights: bytes) -> Features:
    """torchvision's network as what looks at pictures, filled from torchvision's file.

    Raises NotFoundError where torchvision is not installed, IntegrityError for a file that holds more than tensors.
    """
    network = import_torchvision("torchvision.models").inception_v3(weights=None, init_weights=False)
    filled(network, weights, "Inception-v3")
    network.AuxLogits = None  # it is for training
    return PictureFeatures(InceptionV3(network), size=SIDE, dimensions=VECTOR, batch_size=16)
