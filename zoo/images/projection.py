"""A discriminator that looks through a frozen feature network (Sauer et al. 2021, arXiv:2111.01007)."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.errors import ConfigError
from zoo.images.configs import ProjectionConfig, check_square
from zoo.nn.features import Features, load_features
from zoo.nn.interfaces import Discriminator

__all__ = ["ProjectedDiscriminator", "projected_discriminator"]

SLOPE = 0.2
NARROWEST, WIDEST = 64, 256  # channels behind a head's convolutions
CHUNK = 64  # examples that are looked at together while calibrating


@final
class ProjectedDiscriminator(Discriminator):
    """Pictures (N, C, S, S) in [-1, 1] -> logits (N,), by one small head for each of a frozen network's maps.

    The maps are mixed by fixed random 1x1 convolutions, across channels and from coarse to fine (section 3.2 of the
    paper), and each channel is brought to zero mean and unit variance on real data. The heads alone learn. They have no
    norm, so that a gradient penalty at the mixed maps means what it says.

    `features` is the network's full name, found when it is first looked through; `map_channels` are the channels of its
    maps, `strides` their strides. Pictures are resized to `size` pixels a side first. `width` is the number of channels
    of the first mixed map; each coarser one has twice as many. The state holds the mixing, the statistics and the
    heads, never the network. Raises ConfigError for a `data_shape` that is not square.
    """

    calibration = 256

    def __init__(
        self,
        data_shape: tuple[int, ...],
        num_classes: int | None,
        *,
        features: str,
        size: int,
        map_channels: Sequence[int],
        strides: Sequence[int],
        width: int,
    ) -> None:
        super().__init__()
        check_square(data_shape)
        self.data_shape, self.num_classes = data_shape, num_classes
        self.trained_against = (features,)
        self.size, self.map_channels, self.strides = size, tuple(map_channels), tuple(strides)
        self.mixing = _Mixing(map_channels, width)
        self.heads = nn.ModuleList(
            _Head(channels, math.ceil(size / stride), num_classes)
            for channels, stride in zip(self.mixing.widths, strides, strict=True)
        )
        self._network: tuple[Features, ...] = ()  # in a tuple it is no part, and no part of the state

    def look(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map pictures (N, C, S, S) in [-1, 1] to the mixed maps (N, width, S', S'), fine to coarse."""
        return self.mixing.standardised(self.mixing(self._maps(x)))

    def judge(self, seen: tuple[Tensor, ...], labels: Tensor | None = None) -> Tensor:
        """Map the mixed maps, and labels (N,) where there are classes, to a logit for each of them, (N, maps)."""
        return torch.stack([head(x, labels) for head, x in zip(self.heads, seen, strict=True)], 1)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map pictures (N, C, S, S) in [-1, 1] to logits (N,): the mean over the maps."""
        return self.judge(self.look(x), labels).mean(1)

    def calibrate(self, x: Tensor) -> None:
        """Standardise each channel of the mixed maps on real pictures (N, C, S, S) in [-1, 1]."""
        pieces = [self.mixing(self._maps(chunk)) for chunk in x.split(CHUNK)]
        self.mixing.standardise([torch.cat(maps) for maps in zip(*pieces, strict=True)])

    def _maps(self, x: Tensor) -> tuple[Tensor, ...]:
        x = x.add(1).div(2)
        if x.shape[-1] != self.size:
            size, smaller = (self.size, self.size), x.shape[-1] > self.size
            x = F.interpolate(x, size, mode="bilinear", antialias=smaller, align_corners=False)
        return self._features(x.device).maps(x)

    def _features(self, device: torch.device) -> Features:
        """The network, on that device. Raises ConfigError where its maps are others than the heads were made for."""
        if not self._network or next(self._network[0].parameters()).device != device:
            (name,) = self.trained_against
            shared = load_features(name)
            network = shared if device.type == "cpu" else copy.deepcopy(shared).to(device)
            with torch.no_grad():
                side = max(network.strides)
                probe = network.maps(torch.zeros(1, 3, side, side, device=device))
            found = tuple(maps.shape[1] for maps in probe)
            if (found, tuple(network.strides)) != (self.map_channels, self.strides):
                raise ConfigError(
                    f"feature network {name} has maps of {found} channels at strides {tuple(network.strides)}; "
                    f"the discriminator was made for {self.map_channels} at {self.strides}"
                )
            self._network = (network,)
        return self._network[0]


def projected_discriminator(config: ProjectionConfig) -> ProjectedDiscriminator:
    """The part `discriminator` of an architecture with such a `config`."""
    return ProjectedDiscriminator(
        (config.channels, config.image_size, config.image_size),
        config.num_classes or None,
        features=config.features,
        size=config.features_size,
        map_channels=config.map_channels,
        strides=config.map_strides,
        width=config.mixing_width,
    )


class _Mixing(nn.Module):
    """Fixed random 1x1 convolutions: across the channels of each map, then from each coarser map into the finer one."""

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.widths = tuple(width << index for index in range(len(channels)))
        for index, (inputs, outputs) in enumerate(zip(channels, self.widths, strict=True)):
            self.register_buffer(f"across{index}", _random(inputs, outputs))
            self.register_buffer(f"mean{index}", torch.zeros(1, outputs, 1, 1))
            self.register_buffer(f"deviation{index}", torch.ones(1, outputs, 1, 1))
        for index, (finer, coarser) in enumerate(itertools.pairwise(self.widths)):
            self.register_buffer(f"down{index}", _random(coarser, finer))

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Maps (N, C, S, S), fine to coarse -> mixed maps (N, width, S, S)."""
        mixed = [F.conv2d(x, self.get_buffer(f"across{index}")) for index, x in enumerate(maps)]
        for index in reversed(range(len(mixed) - 1)):
            size = mixed[index].shape[-2:]
            narrow = F.conv2d(mixed[index + 1], self.get_buffer(f"down{index}"))  # first, as it has fewer places here
            wide = F.interpolate(narrow, size, mode="bilinear", align_corners=False)
            mixed[index] = (mixed[index] + wide) * 0.5**0.5
        return tuple(mixed)

    def standardised(self, mixed: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The mixed maps less their means, over their deviations."""
        return tuple(
            (x - self.get_buffer(f"mean{index}")) / self.get_buffer(f"deviation{index}")
            for index, x in enumerate(mixed)
        )

    def standardise(self, mixed: Sequence[Tensor]) -> None:
        """Take means and deviations from the mixed maps of real pictures."""
        for index, x in enumerate(mixed):
            deviation, mean = torch.std_mean(x, (0, 2, 3), keepdim=True)
            self.get_buffer(f"mean{index}").copy_(mean)
            self.get_buffer(f"deviation{index}").copy_(deviation.clamp(min=1e-6))


class _Head(nn.Module):
    """One map (N, C, S, S) -> logits (N,): halved down to at most 4 x 4, then one logit, averaged over places.

    With classes it projects: the features, averaged over places, times the class's vector are added (Miyato and Koyama
    2018, arXiv:1802.05637, equation 3).
    """

    def __init__(self, channels: int, size: int, num_classes: int | None) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = min(max(NARROWEST, channels), WIDEST)
        inputs = channels
        while size > 4:
            layers += [nn.Conv2d(inputs, width, 4, 2, 1), nn.LeakyReLU(SLOPE, inplace=True)]
            inputs, size = width, size // 2
        if not layers:
            inputs = min(channels, WIDEST)
            layers = [nn.Conv2d(channels, inputs, 1), nn.LeakyReLU(SLOPE, inplace=True)]
        self.body = nn.Sequential(*layers)
        self.last = nn.Conv2d(inputs, 1, min(size, 4))
        self.projection = None if num_classes is None else nn.Embedding(num_classes, inputs)
        if self.projection is not None:
            nn.init.normal_(self.projection.weight, 0.0, 0.02)

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        features = self.body(x)
        logits: Tensor = self.last(features).mean((1, 2, 3))
        return logits if self.projection is None else logits + (self.projection(labels) * features.mean((2, 3))).sum(1)


def _random(inputs: int, outputs: int) -> Tensor:
    """The weights of a 1x1 convolution that keeps the variance of what a ReLU gave (He et al. 2015)."""
    return nn.init.kaiming_normal_(torch.empty(outputs, inputs, 1, 1))
