"""The U-Net of Ho et al. 2020 (arXiv:2006.11239, appendix B), in plain torch.

Its structure, and the names of its tensors, are those of the diffusers library's UNet2DModel: residual blocks with
group norm that are told the time, self-attention at low resolution, and a skip from each block on the way down to one
on the way up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo_diffusers.ddpm_config import DDPMConfig
from zoo_diffusers.diffusion import Denoiser, Steps
from zoo_diffusers.samplers import Sampler, own_sampler
from zoo_diffusers.schedules import alphas_bar

__all__ = ["UNet", "time_embedding"]

EPSILON = 1e-5  # of the group norms
LONGEST = 10_000  # the longest wave of the time's embedding, over 2 pi


def time_embedding(t: Tensor, size: int) -> Tensor:
    """Times t (N,) as cosines and sines of `size` / 2 frequencies each, from 1 to 1 / 10,000: (N, size) float32.

    Vaswani et al. 2017, section 3.5, the cosines first.
    """
    half = size // 2
    frequencies = torch.exp(-math.log(LONGEST) / half * torch.arange(half, dtype=torch.float32, device=t.device))
    angles = t.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class UNet(Denoiser):
    """Pictures with noise (N, C, S, S), times (N,), labels (N,) if any -> the noise in them (N, C, S, S)."""

    def __init__(self, config: DDPMConfig) -> None:
        super().__init__()
        self.data_shape = (config.channels, config.image_size, config.image_size)
        self.num_classes = config.num_classes or None
        self.schedule, self.times, self.predicts = config.schedule, config.times, config.predicts
        self.first, told = config.widths[0], 4 * config.widths[0]
        layers = {"linear_1": nn.Linear(self.first, told), "linear_2": nn.Linear(told, told)}
        self.time_embedding = nn.ModuleDict(layers)
        self.class_embedding = nn.Embedding(self.num_classes, told) if self.num_classes else None
        self.conv_in = _Conv(config.channels, self.first, 3, padding=1)
        self.down_blocks = nn.ModuleList(_down(config, told))
        self.mid_block = _Middle(config, told)
        self.up_blocks = nn.ModuleList(_up(config, told))
        self.conv_norm_out = nn.GroupNorm(config.groups, self.first, EPSILON)
        self.conv_out = _Conv(self.first, config.channels, 3, padding=1)
        nn.init.normal_(self.conv_out.weight, std=1e-2 / math.sqrt(self.first))  # nearly nothing to begin with

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """Tell the noise in x (N, C, S, S) at times t (N,), with labels (N,) where there are classes."""
        told = self._told(x, t, labels)
        x = self.conv_in(x.contiguous())
        kept = [x]
        for block in self.down_blocks:
            x = block(x, told, kept)
        x = self.mid_block(x, told)
        for block in self.up_blocks:
            x = block(x, told, kept)
        noise: Tensor = self.conv_out(F.silu(self.conv_norm_out(x)))
        return noise

    def _told(self, x: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
        """What all blocks are told, (N, 4 widths[0]): the time, and the class."""
        waves = time_embedding(t, self.first).to(x.dtype)
        told: Tensor = self.time_embedding["linear_2"](F.silu(self.time_embedding["linear_1"](waves)))
        if self.class_embedding is not None:
            assert labels is not None
            told = told + self.class_embedding(labels)
        return F.silu(told)

    def alphas_bar(self) -> Tensor:
        """The share of the picture in the variance at each time, (T,) float64 on the CPU."""
        return alphas_bar(self.schedule, self.times)

    def sampler(self, how: Steps) -> Sampler:
        """One of the zoo's own."""
        velocity = self.predicts == "v_prediction"
        return own_sampler(how.sampler, self.alphas_bar(), how.steps, velocity=velocity)


def _down(config: DDPMConfig, told: int) -> Iterator[nn.Module]:
    """The way down, largest map first."""
    before = config.widths[0]
    for width, side in zip(config.widths, config.sides, strict=True):
        widths = [(before, width), *[(width, width)] * (config.blocks - 1)]
        yield _Down(widths, side, told, config)
        before = width


def _up(config: DDPMConfig, told: int) -> Iterator[nn.Module]:
    """The way up, smallest map first: each block sees what the one before gives, joined to what was kept."""
    widths, sides = config.widths[::-1], config.sides[::-1]
    before = widths[0]
    for level, (width, side) in enumerate(zip(widths, sides, strict=True)):
        inner = [before, *[width] * config.blocks]
        kept = [*[width] * config.blocks, widths[min(level + 1, len(widths) - 1)]]
        joined = [(a + b, width) for a, b in zip(inner, kept, strict=True)]
        yield _Up(joined, side, told, config)
        before = width


class _Conv(nn.Conv2d):
    """A convolution of maps that lie channel by channel, however its weights lie: group norm takes up to twenty times
    as long where they lie place by place.
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight.contiguous(), self.bias, self.stride, self.padding).contiguous()


class _Residual(nn.Module):
    """Two 3x3 convolutions behind group norm and SiLU, the second told the time; the input is added."""

    def __init__(self, inputs: int, outputs: int, told: int, config: DDPMConfig) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(config.groups, inputs, EPSILON)
        self.conv1 = _Conv(inputs, outputs, 3, padding=1)
        self.time_emb_proj = nn.Linear(told, outputs)
        self.norm2 = nn.GroupNorm(config.groups, outputs, EPSILON)
        self.dropout = nn.Dropout(config.dropout)
        self.conv2 = _Conv(outputs, outputs, 3, padding=1)
        self.conv_shortcut = _Conv(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        inner = self.conv1(F.silu(self.norm1(x))) + self.time_emb_proj(told)[:, :, None, None]
        inner = self.conv2(self.dropout(F.silu(self.norm2(inner))))
        y: Tensor = inner + (x if self.conv_shortcut is None else self.conv_shortcut(x))
        return y


class _Attention(nn.Module):
    """Each place of a map looks at all others (Vaswani et al. 2017), behind group norm; the input is added."""

    def __init__(self, width: int, config: DDPMConfig) -> None:
        super().__init__()
        self.heads = width // config.head_size
        self.group_norm = nn.GroupNorm(config.groups, width, EPSILON)
        self.to_q, self.to_k, self.to_v = (nn.Linear(width, width) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x: Tensor) -> Tensor:
        n, width, height, side = x.shape
        seen = self.group_norm(x).flatten(2).transpose(1, 2)  # (N, places, width)
        of = (n, height * side, self.heads, width // self.heads)
        q, k, v = (layer(seen).view(of).transpose(1, 2) for layer in (self.to_q, self.to_k, self.to_v))
        found = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, height * side, width)
        added: Tensor = self.to_out[0](found).transpose(1, 2).reshape(n, width, height, side)
        return x + added


class _Resampled(nn.Module):
    """A 3x3 convolution that halves the side, or one behind nearest neighbours that double it."""

    def __init__(self, width: int, *, up: bool) -> None:
        super().__init__()
        self.up = up
        self.conv = _Conv(width, width, 3, padding=1, stride=1 if up else 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest") if self.up else x)
        return y


class _Blocks(nn.Module):
    """Residual blocks of one side, each with attention where there is some."""

    def __init__(self, widths: list[tuple[int, int]], side: int, told: int, config: DDPMConfig) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(_Residual(inputs, outputs, told, config) for inputs, outputs in widths)
        attended = [width for _, width in widths] if side in config.attention else []
        self.attentions = nn.ModuleList(_Attention(width, config) for width in attended)

    def pass_through(self, index: int, x: Tensor, told: Tensor) -> Tensor:
        """Through the residual block `index`, and its attention."""
        x = self.resnets[index](x, told)
        return cast(Tensor, self.attentions[index](x)) if len(self.attentions) else x


class _Down(_Blocks):
    """Blocks whose results are kept, and half the side."""

    def __init__(self, widths: list[tuple[int, int]], side: int, told: int, config: DDPMConfig) -> None:
        super().__init__(widths, side, told, config)
        width = widths[-1][1]
        self.downsamplers = nn.ModuleList([_Resampled(width, up=False)] if side != config.sides[-1] else [])

    def forward(self, x: Tensor, told: Tensor, kept: list[Tensor]) -> Tensor:
        for index in range(len(self.resnets)):
            x = self.pass_through(index, x, told)
            kept.append(x)
        for layer in self.downsamplers:
            x = layer(x)
            kept.append(x)
        return x


class _Up(_Blocks):
    """Blocks that see what was kept, last first, and twice the side."""

    def __init__(self, widths: list[tuple[int, int]], side: int, told: int, config: DDPMConfig) -> None:
        super().__init__(widths, side, told, config)
        width = widths[-1][1]
        self.upsamplers = nn.ModuleList([_Resampled(width, up=True)] if side != config.image_size else [])

    def forward(self, x: Tensor, told: Tensor, kept: list[Tensor]) -> Tensor:
        for index in range(len(self.resnets)):
            x = self.pass_through(index, torch.cat([x, kept.pop()], dim=1), told)
        for layer in self.upsamplers:
            x = layer(x)
        return x


class _Middle(nn.Module):
    """Block, attention, block, at the smallest side."""

    def __init__(self, config: DDPMConfig, told: int) -> None:
        super().__init__()
        width = config.widths[-1]
        self.attentions = nn.ModuleList([_Attention(width, config)])
        self.resnets = nn.ModuleList(_Residual(width, width, told, config) for _ in range(2))

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        x = self.attentions[0](self.resnets[0](x, told))
        return cast(Tensor, self.resnets[1](x, told))
