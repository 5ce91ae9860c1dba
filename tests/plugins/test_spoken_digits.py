"""What the models of spoken digits say is heard by a network that nobody here has trained: Google's speech_embedding.

A linear probe on what it makes of real recordings tells their digit; so it is asked about samples and reconstructions.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import zoo
from zoo.data import load_dataset
from zoo.nn.vae import VAE
from zoo_audio.sounds import Sounds
from zoo_audio.wav import Sound, as_rate

pytest.importorskip("livekit.wakeword", reason="pip install livekit-wakeword")
onnxruntime = pytest.importorskip("onnxruntime")
ROOTS = [Path(root) for root in os.environ.get("ZOO_DATA", "").split(os.pathsep) if root]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not any((root / "fsdd.tar").exists() for root in ROOTS), reason="no fsdd.tar in ZOO_DATA"),
]
RATE = 8_000
PAUSE, LENGTH = 6_400, 16_000  # values at twice the rate: silence before, and what is heard of each recording
LOUD = 16_384.0  # the loudest value, as of 16 bits
TAUGHT = 3  # of so many recordings one teaches the probe
WINDOW, STEP = 76, 8  # frames
EACH = 20  # samples of each digit


class Ear:
    """The network, and a linear probe on it."""

    def __init__(self, heard: Tensor, labels: Tensor) -> None:
        """`heard` are sounds (N, 1, T) in [0, 1] with labels (N,)."""
        features = self.features(heard)
        self.mean, self.deviation = features.mean(0), features.std(0) + 1e-6
        self.probe = torch.nn.Linear(features.shape[1], 10)
        torch.nn.init.zeros_(self.probe.weight)
        inputs = (features - self.mean) / self.deviation
        optimizer = torch.optim.LBFGS(self.probe.parameters(), max_iter=100, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimizer.zero_grad()
            found = (
                torch.nn.functional.cross_entropy(self.probe(inputs), labels) + self.probe.weight.square().sum() / 2e3
            )
            found.backward()  # type: ignore[no-untyped-call]
            return found

        optimizer.step(loss)  # type: ignore[no-untyped-call]

    @staticmethod
    def features(x: Tensor) -> Tensor:
        """Sounds (N, 1, T) in [0, 1] -> (N, 96), means over windows. There is a pause before a word, as it knows it."""
        from livekit.wakeword.models.feature_extractor import MelSpectrogramFrontend, SpeechEmbedding
        from livekit.wakeword.resources import get_embedding_model_path, get_mel_model_path

        alone = onnxruntime.SessionOptions()
        alone.intra_op_num_threads = 1
        mel = MelSpectrogramFrontend(get_mel_model_path(), alone)
        embed = SpeechEmbedding(get_embedding_model_path(), alone)
        rows = []
        for one in (2 * x - 1)[:, 0].numpy():
            values = as_rate(Sound(values=one, rate=RATE, whole=len(one)), 2 * RATE)[:LENGTH]
            values = np.pad(values, (PAUSE, LENGTH - len(values))) / max(float(np.abs(values).max()), 1e-4) * LOUD
            frames = mel(values.astype(np.float32))[0]
            windows = [frames[start : start + WINDOW] for start in range(0, len(frames) - WINDOW + 1, STEP)]
            rows.append(embed(np.stack(windows)).mean(0))
        return torch.from_numpy(np.stack(rows))

    def accuracy(self, x: Tensor, labels: Tensor) -> float:
        """Share of sounds (N, 1, T) in [0, 1] that are heard as their labels (N,)."""
        with torch.no_grad():
            heard = self.probe((self.features(x) - self.mean) / self.deviation).argmax(1)
        return float((heard == labels).float().mean())


@pytest.fixture(scope="module")
def real() -> tuple[Tensor, Tensor]:
    """The test's recordings (300, 1, T) in [0, 1], and their digits."""
    test = load_dataset("spoken-digits", split="test")
    assert test.labels is not None
    return Sounds(RATE).values(test.data), test.labels


@pytest.fixture(scope="module")
def ear() -> Ear:
    """Taught by a third of the recordings of the train split."""
    train = load_dataset("spoken-digits", split="train")
    assert train.labels is not None
    return Ear(Sounds(RATE).values(train.data[::TAUGHT]), train.labels[::TAUGHT])


def test_it_knows_real_digits(ear: Ear, real: tuple[Tensor, Tensor]) -> None:
    """At least 95 % of recordings that it was not taught by."""
    assert ear.accuracy(*real) >= 0.95


def test_reconstructions_say_the_same(ear: Ear, real: tuple[Tensor, Tensor]) -> None:
    """At least 90 % of reconstructed recordings are heard as their digit."""
    model = zoo.load("vae-spoken-digits")
    assert isinstance(model, VAE)
    x, labels = real
    assert ear.accuracy(model.decode(model.encode(x, labels).mean, labels), labels) >= 0.9


@pytest.mark.parametrize("name", ["vae-spoken-digits", "gan-spoken-digits"])
def test_samples_say_what_was_asked_for(ear: Ear, name: str) -> None:
    """At least 80 % of samples are heard as the digit that they were made for."""
    labels = torch.arange(10).repeat(EACH)
    found = ear.accuracy(zoo.load(name).sample(len(labels), seed=1, labels=labels), labels)
    assert found >= 0.8
