"""Butterflies in the meadow, drawn in memory. Each is a function of its index alone.

    factor   values          meaning
    hue      [0.55, 1.10)    of the fore wings, as a part of the circle of hues: blue, violet, pink, red, orange
    accent   [-0.15, 0.15)   the hind wings' hue less the fore wings'
    spread   [0.55, 1.0)     width of the wings, in those of a butterfly that is wide open
    tail     [0.7, 1.2)      length of the hind wings
    size     [0.65, 0.95)    half the height, in half sides of the picture
    tilt     [-0.5, 0.5)     radians, clockwise
    hour     [0, 1)          the background, from pale morning to deep green evening

The factors are float32, independent and uniform. Examples 0 to 7,999 are the split `train`, the next 1,000 `test`.
"""

import torch
from torch import Tensor
from zoo.data import DataRequest, Examples

SPLITS = {"train": (0, 8000), "test": (8000, 9000)}
SIDE, CHUNK = 32, 500
FACTORS = {
    "hue": (0.55, 1.1),
    "accent": (-0.15, 0.15),
    "spread": (0.55, 1.0),
    "tail": (0.7, 1.2),
    "size": (0.65, 0.95),
    "tilt": (-0.5, 0.5),
    "hour": (0.0, 1.0),
}


def load(request: DataRequest) -> Examples:
    """The split's butterflies, (N, C, S, S) uint8, with their `factors`, each (N,)."""
    index = torch.arange(*SPLITS[request.split])
    factors = _factors(index)
    channels, side, _ = request.data_shape or (3, SIDE, SIDE)
    pieces = [
        _draw({name: values[start : start + CHUNK, None, None] for name, values in factors.items()}, side)
        for start in range(0, len(index), CHUNK)
    ]
    data = torch.cat(pieces)
    if channels == 1:
        data = (data.float().mean(1, keepdim=True)).round().to(torch.uint8)
    return Examples(data=data, factors=factors)


def _factors(index: Tensor) -> dict[str, Tensor]:
    """Multiples of fixed irrational numbers, modulo 1: no generator, and evener than chance (a Kronecker sequence)."""
    root = 1.0
    for _ in range(60):
        root = (1 + root) ** (1 / (len(FACTORS) + 1))  # of x^(d+1) = x + 1
    position = [(index.double() * root ** -(number + 1)) % 1 for number in range(len(FACTORS))]
    return {
        name: (low + (high - low) * place).float()
        for (name, (low, high)), place in zip(FACTORS.items(), position, strict=True)
    }


def _draw(factors: dict[str, Tensor], side: int) -> Tensor:
    """(n, 3, side, side) uint8; the factors are (n, 1, 1)."""
    line = (torch.arange(side) * 2 + 1) / side - 1
    v, u = torch.meshgrid(line, line, indexing="ij")
    tilt, size, spread, tail = (factors[name] for name in ("tilt", "size", "spread", "tail"))
    x = (u * tilt.cos() + v * tilt.sin()) / size
    y = (v * tilt.cos() - u * tilt.sin()) / size
    fold = x.abs() / spread  # both wings at once, as if opened wide
    pixel = size * side / 2  # pixels in one unit of x and y

    def ellipse(centre: tuple[float, float | Tensor], radii: tuple[float, float | Tensor], angle: float) -> Tensor:
        """How much of each pixel it covers."""
        turn = torch.tensor(angle)
        across, along = fold - centre[0], y - centre[1]
        first = (across * turn.cos() + along * turn.sin()) / radii[0]
        second = (along * turn.cos() - across * turn.sin()) / radii[1]
        inside = 1 - (first.square() + second.square()).sqrt()
        return (0.5 + inside * radii[1] * pixel).clamp(0, 1)

    hour, hue = factors["hour"], factors["hue"]
    accent = hue + factors["accent"]
    picture = _mix(_grey(0.94, 0.95, 0.84), _grey(0.05, 0.20, 0.26), hour)
    layers = [
        (ellipse((0.42, 0.30 * tail), (0.36, 0.30 * tail), 0.9), _colour(accent, 0.75, 0.80)),
        (ellipse((0.44, 0.32 * tail), (0.20, 0.15 * tail), 0.9), _colour(accent, 0.45, 1.0)),
        (ellipse((0.52, -0.36), (0.52, 0.34), -0.65), _colour(hue, 0.85, 0.90)),
        (ellipse((0.56, -0.40), (0.32, 0.17), -0.65), _colour(hue + 0.06, 0.55, 1.0)),
        (ellipse((0.0, 0.02), (0.085, 0.55), 0.0), _grey(0.16, 0.11, 0.12)),
    ]
    for cover, colour in layers:
        picture = _mix(picture, colour, cover)
    return (picture * 255).round().to(torch.uint8)


def _mix(below: Tensor, above: Tensor, cover: Tensor) -> Tensor:
    """(n or 1, 3, S or 1, S or 1) twice, and the share (n, S or 1, S or 1) of what is above."""
    return below + (above - below) * cover[:, None]


def _grey(red: float, green: float, blue: float) -> Tensor:
    return torch.tensor([red, green, blue])[None, :, None, None]


def _colour(hue: Tensor, saturation: float, value: float) -> Tensor:
    """Hues (n, 1, 1), parts of the circle of hues -> colours (n, 3, 1, 1) in [0, 1]."""
    offset = torch.tensor([0.0, 2 / 3, 1 / 3])[None, :, None, None]
    pure = ((((hue[:, None] + offset) % 1.0) * 6 - 3).abs() - 1).clamp(0, 1)
    return value * (1 - saturation + saturation * pure)
