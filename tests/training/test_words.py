"""zoo.training.words: what a reading means, for people who do not know the losses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from zoo.catalogue.recipes.recipe import Recipe
from zoo.data.loading import Examples
from zoo.images.modality import Images
from zoo.nn.abilities import Encodes
from zoo.nn.extras import Extras
from zoo.training.attendant import Reading
from zoo.training.run import Run
from zoo.training.words import Words

VAE: dict[str, Any] = {"image_size": 8, "channels": 3, "latent_size": 2, "hidden": [8]}


def test_an_autoencoder_is_told_by_what_comes_back(
    tmp_path: Path, tiny_recipe: Callable[..., Recipe], tiny_train: Callable[..., Run], contents: Any
) -> None:
    """The root mean square of what 32 examples come back off, in % of the range, as the model itself gives it; what is
    learnt and recorded is the same without it.
    """
    recipe = tiny_recipe(architecture="mlp-vae", trainer="vae", dataset="shapes", config=VAE)
    readings: list[Reading] = []
    tiny_train(recipe, tmp_path / "told", report=readings.append)
    assert [reading.words[1] for reading in readings] == ["lower is better"] * 4
    assert all(reading.words[0].startswith("reconstructions off by ") for reading in readings)
    assert "words" not in (tmp_path / "told/metrics.jsonl").read_text()


def test_the_share_is_that_of_the_range() -> None:
    """A model that gives grey for black and for white is off by half of the range."""

    class Grey(Encodes):
        def __init__(self) -> None:
            super().__init__(Extras(modality="image"), latent_shape=(1,), data_shape=(3, 2, 2))
            self.one = torch.nn.Parameter(torch.zeros(1))

        def forward(self, z: Any, labels: Any = None) -> Any:
            return torch.full((len(z), 3, 2, 2), 0.5)

        def posterior(self, x: Any, labels: Any = None) -> Any:
            from zoo.nn.distributions import DiagonalGaussian

            return DiagonalGaussian(torch.zeros(len(x), 1), torch.zeros(len(x), 1))

    data = torch.zeros(40, 3, 2, 2, dtype=torch.uint8)
    data[::2] = 255
    model = Grey().eval()
    words = Words(model, Examples(data=data), Images())
    assert words.of(model, {}) == ("reconstructions off by 50.0 %", "lower is better")


@pytest.mark.parametrize(
    ("real", "fake", "says"),
    [
        (0.8, 0.76, "generator and discriminator in balance"),
        (0.97, 0.95, "the discriminator is ahead"),
        (1.0, 0.995, "the discriminator is far ahead"),
        (0.5, 0.52, "the generator is far ahead"),
    ],
)
def test_two_players_are_told_by_their_balance(
    real: float, fake: float, says: str, make_trainer: Callable[..., Any]
) -> None:
    """By the share of real and fake examples that the discriminator tells right, and what guessing would give."""
    words = Words(torch.nn.Module(), Examples(data=torch.zeros(4, 3, 8, 8)), Images())  # type: ignore[arg-type]
    said, meaning = words.of(torch.nn.Module(), {"real_accuracy": real, "fake_accuracy": fake})  # type: ignore[arg-type]
    assert said == says
    assert meaning == f"the discriminator tells {100 * (real + fake) / 2:.0f} % right; 50 % is guessing"
    assert words.of(torch.nn.Module(), {"loss": 1.0}) == ("", "")  # type: ignore[arg-type]
