"""DCGAN: a generator and a discriminator of convolutions (Radford et al. 2016, arXiv:1511.06434).

With classes, the generator's batch norms are conditional and the discriminator projects (Miyato and Koyama 2018).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from zoo.images import ConditionalNorm
from zoo.nn import Discriminator, Generator
from zoo_gan.conditional import Labelled
from zoo_gan.configs import DCGANConfig

__all__ = ["DCGANDiscriminator", "DCGANGenerator"]

SLOPE = 0.2


def _activation(name: str) -> nn.Module:
    return nn.ReLU(inplace=True) if name == "relu" else nn.LeakyReLU(SLOPE, inplace=True)


def _doubling(inputs: int, outputs: int, kernel: int, *, bias: bool) -> nn.ConvTranspose2d:
    """A transposed convolution of stride 2 whose map has exactly twice the side."""
    even = kernel % 2 == 0
    padding = (kernel - 2) // 2 if even else (kernel - 1) // 2
    return nn.ConvTranspose2d(inputs, outputs, kernel, 2, padding, output_padding=0 if even else 1, bias=bias)


class DCGANGenerator(Generator):
    """z (N, latent_size), labels (N,) if any -> pictures (N, C, S, S), in [-1, 1] where the output is tanh."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (config.channels, config.image_size, config.image_size)
        self.num_classes = config.num_classes or None
        self.prior = config.prior
        stem = config.stem_width or config.generator_widths[0]
        self.stem_shape = (stem, config.stem_size, config.stem_size)
        # A dense layer is the transposed convolution of a 1x1 map, and far faster on a CPU.
        self.stem = nn.Linear(config.latent_size, stem * config.stem_size**2, bias=config.generator_norm == "none")
        layers = self._layers(config)
        self.body = Labelled(layers) if config.num_classes else nn.Sequential(*layers)
        last = config.generator_widths[-1]
        self.head: nn.Module
        if config.head == "transposed":
            self.head = _doubling(last, config.channels, config.kernel_size, bias=True)
        else:
            self.head = nn.Conv2d(last, config.channels, config.head_kernel, padding=config.head_kernel // 2)
        self.output = nn.Tanh() if config.output == "tanh" else nn.Identity()
        _initialise(self, config.generator_norm)

    def _layers(self, config: DCGANConfig) -> list[nn.Module]:
        bias = config.generator_norm == "none"

        def finish(width: int) -> list[nn.Module]:
            norm = [] if bias else [_norm(width, config.num_classes)]
            return [*norm, _activation(config.generator_activation)]

        width = self.stem_shape[0]
        layers = finish(width)
        convs = config.generator_convs or (0,) * len(config.generator_widths)
        for stage, (target, count) in enumerate(zip(config.generator_widths, convs, strict=True)):
            if stage:
                layers += [_doubling(width, target, config.kernel_size, bias=bias), *finish(target)]
                width = target
            for _ in range(count):
                kernel = config.generator_conv_kernel
                layers += [nn.Conv2d(width, target, kernel, padding=kernel // 2, bias=bias), *finish(target)]
                width = target
        return layers

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map z (N, latent_size), and labels (N,) where there are classes, to pictures (N, C, S, S)."""
        stem = self.stem(z).view(-1, *self.stem_shape).contiguous(memory_format=torch.channels_last)
        maps = self.body(stem, labels) if self.num_classes else self.body(stem)
        x: Tensor = self.output(self.head(maps))
        return x


class DCGANDiscriminator(Discriminator):
    """Pictures (N, C, S, S) -> logits (N,); with labels y, psi(h) + <v_y, h> for the features h of the last map.

    Miyato and Koyama 2018, arXiv:1802.05637, equation 3.
    """

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        self.data_shape = (config.channels, config.image_size, config.image_size)
        self.num_classes = config.num_classes or None
        self.body = nn.Sequential(*self._layers(config))
        self.dropout = nn.Dropout(config.dropout)
        side = config.discriminator_sizes[-1]
        features = config.discriminator_widths[-1] * side * side
        self.head = nn.Linear(features, 1)
        self.projection = nn.Embedding(config.num_classes, features) if config.num_classes else None
        _initialise(self, config.discriminator_norm)
        if self.projection is not None:
            nn.init.normal_(self.projection.weight, 0.0, 0.02)
        if config.discriminator_norm == "spectral":
            _normalise(self)

    def _layers(self, config: DCGANConfig) -> list[nn.Module]:
        width = config.channels
        layers: list[nn.Module] = []
        if config.discriminator_stem:
            padding = 1 if config.padding == "same" else 0
            layers += [
                nn.Conv2d(width, config.discriminator_stem, 3, padding=padding),
                _activation(config.discriminator_activation),
            ]
            width = config.discriminator_stem
        for index, target in enumerate(config.discriminator_widths):
            layers.append(self._halving(width, target, config))
            if config.discriminator_norm == "batch" and (index or config.discriminator_stem):
                layers.append(nn.BatchNorm2d(target))
            layers.append(_activation(config.discriminator_activation))
            width = target
        return layers

    @staticmethod
    def _halving(inputs: int, outputs: int, config: DCGANConfig) -> nn.Module:
        kernel = config.kernel_size
        padding = (kernel - 1) // 2 if config.padding == "same" else 0
        if config.downsampling == "stride":
            return nn.Conv2d(inputs, outputs, kernel, 2, padding)
        # `valid` loses kernel - 2 pixels before the pooling, so that both ways end at the same side.
        lost = 0 if config.padding == "same" else kernel - 2
        conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        crop = nn.ZeroPad2d((0, -lost, 0, -lost))
        return nn.Sequential(conv, crop, nn.MaxPool2d(2))

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map pictures (N, C, S, S), and labels (N,) where there are classes, to logits (N,)."""
        features = self.dropout(self.body(x).flatten(1))
        logits: Tensor = self.head(features).squeeze(1)
        return logits if self.projection is None else logits + (self.projection(labels) * features).sum(1)


def _norm(width: int, num_classes: int) -> nn.Module:
    return ConditionalNorm(width, num_classes) if num_classes else nn.BatchNorm2d(width)


def _initialise(network: nn.Module, norm: str) -> None:
    """The start that fits the normalisation.

    With batch norm, weights from N(0, 0.02) and its scales from N(1, 0.02) (Radford et al. 2016, section 3); without,
    that start is too small for a signal to come through, so weights are uniform by Glorot and Bengio 2010, equation 16.
    """
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            if norm == "batch":
                nn.init.normal_(module.weight, 0.0, 0.02)
            else:
                nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d) and module.affine:
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)
        elif isinstance(module, ConditionalNorm):
            nn.init.normal_(module.scale.weight, 1.0, 0.02)
            nn.init.zeros_(module.shift.weight)


def _normalise(network: nn.Module) -> None:
    """Put spectral norm (Miyato et al. 2018, arXiv:1802.05957) on every weight."""
    for module in list(network.modules()):
        if isinstance(module, (nn.Conv2d, nn.Linear, nn.Embedding)):
            spectral_norm(module)
