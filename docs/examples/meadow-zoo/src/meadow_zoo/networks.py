"""The networks. They are imported when a model is built, so torch is welcome here.

A splat is an ellipse with soft edges: a centre, two radii, an angle, a strength, a colour. Each pixel is a softmax over
all splats and one background, so the nearer and stronger a splat, the more of its colour shows. In the plane's
coordinates a splat's logit is a polynomial of degree two: all logits of a picture are one product of matrices, and
a trained decoder can paint at any size.
"""

import torch
from torch import Tensor, nn
from zoo.nn import Decoder, DiagonalGaussian, Encoder, Gaussian

from meadow_zoo.configs import SplatConfig


class SplatEncoder(Encoder):
    """Pictures (N, 3, S, S) in [0, 1] -> posteriors over latents (N, latent_size)."""

    def __init__(self, config: SplatConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (3, config.image_size, config.image_size)
        width, side = config.encoder_width, config.image_size // 8
        self.body = nn.Sequential(
            nn.Conv2d(3, width, 4, stride=2, padding=1), nn.SiLU(),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1), nn.SiLU(),
            nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1), nn.SiLU(),
        )  # fmt: skip
        self.head = nn.Linear(4 * width * side * side, 2 * config.latent_size)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        mean, log_var = self.head(self.body(x * 2 - 1).flatten(1)).chunk(2, dim=1)
        return DiagonalGaussian(mean, log_var.clamp(-14, 6))


class SplatDecoder(Decoder):
    """Latents (N, latent_size) -> the colour of each pixel, (N, 3, S, S), in [0, 1]."""

    def __init__(self, config: SplatConfig) -> None:
        super().__init__()
        self.latent_shape = (config.latent_size,)
        self.data_shape = (3, config.image_size, config.image_size)
        self.num_classes = None
        self.body = nn.Sequential(
            nn.Linear(config.latent_size, config.hidden), nn.SiLU(),
            nn.Linear(config.hidden, config.hidden), nn.SiLU(),
        )  # fmt: skip
        self.background = nn.Linear(config.hidden, 3)
        self.splats = nn.Linear(config.hidden, config.splats * 9)
        nn.init.uniform_(self.splats.bias, -1, 1)  # else all splats would begin as one

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.paint(z, self.data_shape[-1])

    def paint(self, z: Tensor, side: int) -> Tensor:
        """Latents (N, latent_size) -> pictures of `side` pixels, (N, 3, side, side), in [0, 1]."""
        hidden = self.body(z)
        numbers = self.splats(hidden).unflatten(1, (-1, 9))  # (N, K, 9)
        line = (torch.arange(side, device=z.device, dtype=z.dtype) * 2 + 1) / side - 1
        v, u = (plane.flatten() for plane in torch.meshgrid(line, line, indexing="ij"))
        logits = _polynomials(numbers[:, :, :6]) @ torch.stack([u * u, u * v, v * v, u, v, torch.ones_like(u)])
        cover = nn.functional.pad(logits, (0, 0, 1, 0)).softmax(
            dim=1
        )  # (N, 1 + K, side^2); the background's logit is 0
        colours = torch.cat([self.background(hidden)[:, None], numbers[:, :, 6:]], dim=1)  # (N, 1 + K, 3)
        pictures: Tensor = (torch.sigmoid(2 * colours).mT @ cover).unflatten(2, (side, side))
        return pictures


def _polynomials(numbers: Tensor) -> Tensor:
    """Six numbers a splat (N, K, 6) -> the six coefficients of its logit, strength - distance^2 / 2."""
    x, y, wide, high, turn, strength = numbers.unbind(2)  # each (N, K)
    x, y = 1.2 * torch.tanh(x), 1.2 * torch.tanh(y)  # the picture is [-1, 1]
    a, c = torch.exp(3 - 3 * torch.tanh(wide)), torch.exp(3 - 3 * torch.tanh(high))  # radius^-2, radii from 0.05 to 1
    cos, sin = torch.cos(2 * turn), torch.sin(2 * turn)
    xx, xy, yy = a * cos**2 + c * sin**2, (a - c) * cos * sin, a * sin**2 + c * cos**2
    to_x, to_y = xx * x + xy * y, xy * x + yy * y
    constant = 4 * strength - 0.5 * (to_x * x + to_y * y)
    return torch.stack([-0.5 * xx, -xy, -0.5 * yy, to_x, to_y, constant], dim=2)


def likelihood(config: SplatConfig) -> Gaussian:
    """A Gaussian with the config's standard deviation."""
    return Gaussian(sd=config.sd)
