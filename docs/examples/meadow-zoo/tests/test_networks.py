"""A splat is where, how large and what colour its nine numbers say, at any size of the picture."""

import torch

from meadow_zoo.configs import SplatConfig
from meadow_zoo.networks import SplatDecoder


def decoder_of(*splats: list[float]) -> SplatDecoder:
    """A decoder that paints these splats on black, whatever z is."""
    decoder = SplatDecoder(SplatConfig(splats=len(splats), latent_size=1))
    with torch.no_grad():
        for layer in (decoder.splats, decoder.background):
            layer.weight.zero_()
        decoder.splats.bias.copy_(torch.tensor(splats).flatten())
        decoder.background.bias.fill_(-10)
    return decoder


def test_one_splat_is_an_ellipse_of_its_colour() -> None:
    """A red splat to the right: red there, black elsewhere, wider than high; turned by a quarter, higher than wide."""
    pictures = []
    for turn in (0.0, torch.pi / 4):  # a turn of t is 2 t radians
        shape = [0.3, 0.0, -0.2, -0.8, turn, 1.5]  # x, y, the radii, turn, strength
        red = [10.0, -10.0, -10.0]
        pictures.append(decoder_of(shape + red).paint(torch.zeros(1, 1), 64)[0].detach())
    centre = int((1 + 1.2 * torch.tanh(torch.tensor(0.3))) * 32)
    for picture, wider in zip(pictures, (True, False), strict=True):
        assert picture[0, 32, centre] > 0.99
        assert picture[1:].max() < 0.01
        assert picture[0, 32, 4] < 0.01
        covered = picture[0] > 0.5
        height, width = covered.any(1).sum(), covered.any(0).sum()
        assert height != width
        assert (height < width) == wider


def test_a_larger_painting_is_the_same_picture() -> None:
    """At 64 pixels, squares of four averaged, a painting is nearly that of 32 pixels."""
    torch.manual_seed(0)
    decoder = SplatDecoder(SplatConfig())
    z = torch.randn(4, 8)
    large = torch.nn.functional.avg_pool2d(decoder.paint(z, 64), 2)
    assert torch.allclose(large, decoder(z), atol=0.02)
