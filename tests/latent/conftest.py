"""A VAE whose latents are its data: what an edit does to a picture can be read off."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo.nn.build import decode_config, initialise_parts
from zoo.nn.distributions import DiagonalGaussian, Gaussian
from zoo.nn.interfaces import Decoder, Encoder
from zoo.nn.models import VAE
from zoo.nn.serialization import save
from zoo.nn.verification import golden_samples
from zoo.plugins import default_registry


class Identity(Encoder):
    """The posterior's mean is the picture (1, 1, 4), its variance tiny."""

    def __init__(self) -> None:
        super().__init__()
        self.latent_shape, self.data_shape = (4,), (1, 1, 4)

    def forward(self, x: Tensor) -> DiagonalGaussian:
        return DiagonalGaussian(x.flatten(1), torch.full_like(x.flatten(1), -10.0))


class Back(Decoder):
    """The picture is the latent."""

    def __init__(self) -> None:
        super().__init__()
        self.latent_shape, self.data_shape, self.num_classes = (4,), (1, 1, 4), None
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return (z * self.scale).view(-1, 1, 1, 4)


@pytest.fixture(scope="session")
def identity() -> VAE:
    """encode and decode copy, within [0, 1]."""
    return VAE(Identity(), Back(), Gaussian()).eval()


TINY: dict[str, Any] = {
    "image_size": 8,
    "channels": 3,
    "latent_size": 3,
    "encoder_widths": [4],
    "encoder_strides": [2],
    "hidden": 4,
    "decoder_stem": 4,
    "decoder_widths": [4],
    "likelihood": "gaussian",
}


@pytest.fixture
def vae_folder(tmp_path: Path) -> Callable[..., SimpleNamespace]:
    """Write a whole weights folder of a tiny VAE with random weights; gives its `path` and the `model`."""

    def make(name: str = "tiny", seed: int = 0) -> SimpleNamespace:
        spec = default_registry().architecture("conv-vae")
        parts: dict[str, Any] = initialise_parts(spec, decode_config(spec, TINY, "test"), seed=seed)
        model = VAE(parts["encoder"], parts["decoder"], parts["likelihood"]).eval()
        path = tmp_path / name
        path.mkdir()
        data = {"range": [0.0, 1.0], "shape": [3, 8, 8], "name": "shapes"}
        facts = {"format": 1, "architecture": "conv-vae", "config": TINY, "data": data, "training": {}, "zoo": "0.1.0"}
        (path / "config.json").write_text(json.dumps(facts), encoding="utf-8")
        named = {f"{part}.{key}": value for part in parts for key, value in parts[part].state_dict().items()}
        save(path / "model.safetensors", named)
        save(path / "golden.safetensors", golden_samples(model))
        return SimpleNamespace(path=path, model=model)

    return make
