"""A residual GAN without normalisation, of the kind of R3GAN (Huang et al. 2024, arXiv:2501.05441, section 4).

It is made for the relativistic loss with R1 and R2, under which plain residual networks need no tricks.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.nn import Discriminator, Generator
from zoo_gan.configs import ResGANConfig

__all__ = ["ResGANDiscriminator", "ResGANGenerator"]

BASE = 4  # pixels a side of the smallest map
SLOPE = 0.2
GAIN = (2 / (1 + SLOPE**2)) ** 0.5  # keeps the variance behind a leaky ReLU (He et al. 2015)


class ResGANGenerator(Generator):
    """z (N, latent_size), labels (N,) if any -> pictures (N, C, S, S), of any value around [-1, 1].

    A learned map of 4 x 4 is scaled, channel by channel, by a linear map of z; stages of residual blocks follow, each
    after the first at twice the side. A class is a vector that is joined to z.
    """

    prior = "normal"

    def __init__(self, config: ResGANConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (config.channels, config.image_size, config.image_size)
        self.num_classes = config.num_classes or None
        first, last = config.widths[0], config.widths[-1]
        self.classes = nn.Embedding(config.num_classes, config.class_size) if config.num_classes else None
        self.base = nn.Parameter(torch.randn(first, BASE, BASE))
        self.scales = nn.Linear(config.latent_size + (config.class_size if config.num_classes else 0), first)
        self.stages = nn.ModuleList([_Stage(first, first, config)])
        self.stages.extend(_Stage(a, b, config, resize=2.0) for a, b in pairwise(config.widths))
        self.head = nn.Conv2d(last, config.channels, 1)
        nn.init.normal_(self.scales.weight, 0.0, self.scales.in_features**-0.5)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map z (N, latent_size), and labels (N,) where there are classes, to pictures (N, C, S, S)."""
        if self.classes is not None:
            z = torch.cat([z, self.classes(labels)], 1)
        x = (self.base * self.scales(z)[:, :, None, None]).contiguous(memory_format=torch.channels_last)
        for stage in self.stages:
            x = stage(x)
        pictures: Tensor = self.head(x)
        return pictures


class ResGANDiscriminator(Discriminator):
    """Pictures (N, C, S, S) -> logits (N,): the generator's mirror, ended by a filter of 4 x 4 for each channel.

    With labels y it projects: <v_y, h> for the features h behind that filter (Miyato and Koyama 2018, equation 3).
    """

    def __init__(self, config: ResGANConfig) -> None:
        super().__init__()
        self.data_shape = (config.channels, config.image_size, config.image_size)
        self.num_classes = config.num_classes or None
        widths = config.widths[::-1]
        self.head = nn.Conv2d(config.channels, widths[0], 1)
        self.stages = nn.ModuleList([_Stage(widths[0], widths[0], config)])
        self.stages.extend(_Stage(a, b, config, resize=0.5) for a, b in pairwise(widths))
        self.filter = nn.Conv2d(widths[-1], widths[-1], BASE, groups=widths[-1], bias=False)
        self.logit = nn.Linear(widths[-1], 1, bias=False)
        self.projection = nn.Embedding(config.num_classes, widths[-1]) if config.num_classes else None
        for layer in (self.filter, self.logit):
            nn.init.normal_(layer.weight, 0.0, layer.weight[0].numel() ** -0.5)
        if self.projection is not None:
            nn.init.normal_(self.projection.weight, 0.0, widths[-1] ** -0.5)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map pictures (N, C, S, S), and labels (N,) where there are classes, to logits (N,)."""
        x = self.head(x)
        for stage in self.stages:
            x = stage(x)
        features = self.filter(x).flatten(1)
        logits: Tensor = self.logit(features).squeeze(1)
        return logits if self.projection is None else logits + (self.projection(labels) * features).sum(1)


class _Stage(nn.Module):
    """The side doubled bilinearly or halved by averaging, a 1x1 convolution where the width changes, then blocks."""

    def __init__(self, inputs: int, outputs: int, config: ResGANConfig, *, resize: float = 1.0) -> None:
        super().__init__()
        self.resize = resize
        self.widen = nn.Identity() if inputs == outputs else _convolution(inputs, outputs, 1)
        self.blocks = nn.Sequential(*(_Block(outputs, config) for _ in range(config.blocks)))

    def forward(self, x: Tensor) -> Tensor:
        if self.resize == 2.0:  # narrowed first: the fewer values are doubled
            x = F.interpolate(self.widen(x), scale_factor=2.0, mode="bilinear", align_corners=False)
        elif self.resize == 0.5:
            x = self.widen(F.avg_pool2d(x, 2))
        blocks: Tensor = self.blocks(x)
        return blocks


class _Block(nn.Module):
    """x + narrow(act(group(act(widen(x))))): 1x1, grouped 3x3, 1x1 that begins at zero."""

    def __init__(self, width: int, config: ResGANConfig) -> None:
        super().__init__()
        wide = width * config.expansion
        damping = (config.blocks * len(config.widths)) ** -0.25  # Zhang et al. 2019, arXiv:1901.09321, with m = 3
        self.widen = _convolution(width, wide, 1, damping=damping)
        self.group = _convolution(wide, wide, 3, groups=wide // config.group_size, damping=damping)
        self.narrow = nn.Conv2d(wide, width, 1, bias=False)
        nn.init.zeros_(self.narrow.weight)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.widen(x), SLOPE)
        y = F.leaky_relu(self.group(y), SLOPE)
        change: Tensor = self.narrow(y)
        return x + change


def _convolution(inputs: int, outputs: int, kernel: int, *, groups: int = 1, damping: float = 1.0) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups)
    nn.init.normal_(layer.weight, 0.0, GAIN * damping * layer.weight[0].numel() ** -0.5)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
