"""zoo_vae's VAE-GAN: the shapes of its networks at every size, and its configs."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from zoo.catalogue.plugins.loading import default_registry
from zoo.configs import decode
from zoo.errors import ConfigError
from zoo.nn.build import initialise_parts
from zoo_vae.configs import VAEGANConfig

SPEC = default_registry().architecture("vae-gan")
SMALL: dict[str, Any] = {
    "image_size": 16,
    "latent_size": 4,
    "encoder_widths": [4, 4],
    "decoder_widths": [8, 8, 4],
    "features_size": 32,
    "mixing_width": 2,
}


@pytest.mark.parametrize("doublings", [2, 3, 4, 5])
@pytest.mark.parametrize(("channels", "num_classes"), [(1, 0), (3, 3)])
def test_pictures_of_16_to_128_pixels(doublings: int, channels: int, num_classes: int) -> None:
    """Encoded to one code each, decoded to pictures in [0, 1], and judged by one logit each."""
    side = 4 << doublings
    change = {"image_size": side, "encoder_widths": [4] * doublings, "decoder_widths": [4] * (doublings + 1)}
    config = decode(VAEGANConfig, SMALL | change | {"channels": channels, "num_classes": num_classes}, "test")
    parts: dict[str, Any] = initialise_parts(SPEC, config, seed=0)
    labels = (torch.tensor([0, 2]),) if num_classes else ()
    x = torch.rand(2, channels, side, side, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        posterior = parts["encoder"](x, *labels)
        pictures = parts["decoder"](posterior.mean, *labels)
        assert posterior.mean.shape == (2, 4)
        assert pictures.shape == x.shape
        assert 0 <= float(pictures.min()) <= float(pictures.max()) <= 1
        assert parts["discriminator"](pictures * 2 - 1, *labels).shape == (2,)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"image_size": 48}, "16 or 32 or 64 or 128"),
        ({"decoder_widths": [8, 8]}, "decoder_widths needs 3 widths for 16 pixels"),
        ({"encoder_widths": [4] * 4}, "cannot be halved 4 times"),
        ({"map_channels": [24]}, "one number for each map"),
    ],
)
def test_a_config_that_cannot_be_built_is_refused(change: dict[str, Any], says: str) -> None:
    """Sides, widths and maps that do not fit together are ConfigErrors that say what fits."""
    with pytest.raises(ConfigError, match=says):
        decode(VAEGANConfig, SMALL | change, "test")
