"""Two kinds of data that the zoo does not bring, and what is needed to train on them: 8-bit waveforms, and tokens."""

from __future__ import annotations

import html
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from zoo.api import ArchitectureSpec, DatasetSpec, ModalitySpec, TrainerSpec
from zoo.catalogue.contract.registry import Owned, Registry
from zoo.catalogue.plugins.loading import default_registry
from zoo.data import DataRequest, Examples, Modality
from zoo.errors import DataError
from zoo.files import new_file
from zoo.nn import Decoder, DiagonalGaussian, Encoder, Gaussian, Likelihood
from zoo.training.trainer import Figures, Trainer

HERE = "own_modalities"
RATE, SAMPLES = 8_000, 16  # a second; in a waveform
ALPHABET, LENGTH = "ab.", 8


class Waves(Modality):
    """Waveforms, stored as uint8 (N, ..., T); as files WAV, one after the other."""

    def check(self, stored: Tensor) -> None:
        if stored.dtype != torch.uint8 or stored.ndim < 2:
            raise DataError("waveforms are uint8 (N, ..., T)")

    def ready(self, stored: Tensor, value_range: tuple[float, float] = (0.0, 1.0)) -> Tensor:
        low, high = value_range
        return stored.float() / 255 * (high - low) + low

    def stored(self, x: Tensor) -> Tensor:
        return x if x.dtype == torch.uint8 else (x * 255).round().to(torch.uint8)

    def read(self, path: Path, data_shape: tuple[int, ...]) -> Tensor:
        with wave.open(str(path)) as file:
            return self.values(torch.frombuffer(bytearray(file.readframes(SAMPLES)), dtype=torch.uint8).view(1, 1, -1))

    def write(self, x: Tensor, path: Path, *, columns: int | None = None, scale: int | None = None) -> None:
        with new_file(path) as aside, wave.open(str(aside), "wb") as file:
            file.setparams((1, 1, RATE, 0, "NONE", ""))
            file.writeframes(self.stored(x).numpy().tobytes())


class Tokens(Modality):
    """Sequences over an alphabet that travels with the weights, stored as int64 (N, L); as files a line each."""

    def __init__(self, alphabet: str) -> None:
        self.alphabet = alphabet

    def check(self, stored: Tensor) -> None:
        if (
            stored.dtype != torch.int64
            or stored.ndim != 2
            or not 0 <= stored.min() <= stored.max() < len(self.alphabet)
        ):
            raise DataError(f"sequences are int64 (N, L) below {len(self.alphabet)}")

    def ready(self, stored: Tensor, value_range: tuple[float, float] = (0.0, 1.0)) -> Tensor:
        return stored

    def stored(self, x: Tensor) -> Tensor:
        self.check(x)
        return x

    def read(self, path: Path, data_shape: tuple[int, ...]) -> Tensor:
        return torch.tensor([[self.alphabet.index(letter) for letter in path.read_text().strip()]])

    def write(self, x: Tensor, path: Path, *, columns: int | None = None, scale: int | None = None) -> None:
        lines = ("".join(self.alphabet[token] for token in row) for row in x.tolist())
        with new_file(path) as aside:
            aside.write_text("".join(f"{line}\n" for line in lines))


def waves(about: Mapping[str, Any]) -> Modality:
    return Waves()


def tokens(about: Mapping[str, Any]) -> Modality:
    return Tokens(about.get("alphabet", ""))


def heard(path: Path) -> str:
    return f'<audio controls title="{path.stat().st_size} bytes"></audio>'


def printed(path: Path) -> str:
    return f"<pre>{html.escape(path.read_text())}</pre>"


def load_waves(request: DataRequest) -> Examples:
    """64 sines of random phases, (64, 1, 16)."""
    phase = torch.rand(64, 1, 1, generator=torch.Generator().manual_seed(0))
    x = (torch.arange(SAMPLES) / SAMPLES + phase).mul(2 * torch.pi).sin() * 0.5 + 0.5
    return Examples(data=(x * 255).to(torch.uint8))


def load_tokens(request: DataRequest) -> Examples:
    """64 words of a and b in turn, and then dots, (64, 8)."""
    lengths = torch.randint(1, LENGTH, (64, 1), generator=torch.Generator().manual_seed(0))
    place = torch.arange(LENGTH)
    return Examples(data=torch.where(place < lengths, place % 2, 2), about={"alphabet": ALPHABET})


@dataclass(frozen=True, kw_only=True)
class Config:
    width: int = 8


class FlatEncoder(Encoder):
    """One dense layer, of values or of one-hot letters."""

    def __init__(self, shape: tuple[int, ...], letters: int = 0) -> None:
        super().__init__()
        self.latent_shape, self.data_shape, self.letters = (2,), shape, letters
        self.layer = nn.Linear(torch.Size(shape).numel() * max(letters, 1), 4)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        x = one_hot(x, self.letters).float() if self.letters else x
        mean, log_var = self.layer(x.flatten(1)).chunk(2, 1)
        return DiagonalGaussian(mean, log_var)


class FlatDecoder(Decoder):
    """One dense layer, to values or to logits of letters."""

    def __init__(self, shape: tuple[int, ...], letters: int = 0) -> None:
        super().__init__()
        self.latent_shape, self.data_shape, self.num_classes = (2,), shape, None
        self.out = (*shape, letters) if letters else shape
        self.layer = nn.Linear(2, torch.Size(self.out).numel())

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        x: Tensor = self.layer(z)
        return x.view(*z.shape[:-1], *self.out)


class Letters(Likelihood):
    """Logits (N, L, V) -> a letter each; the most likely ones stand for the mean."""

    def forward(self, parameters: Tensor, x: Tensor) -> Tensor:
        return -cross_entropy(parameters.movedim(-1, 1), x, reduction="none")

    def mean(self, parameters: Tensor) -> Tensor:
        return parameters.argmax(-1)


def wave_encoder(config: Config) -> Encoder:
    return FlatEncoder((1, SAMPLES))


def wave_decoder(config: Config) -> Decoder:
    return FlatDecoder((1, SAMPLES))


def wave_likelihood(config: Config) -> Likelihood:
    return Gaussian()


def token_encoder(config: Config) -> Encoder:
    return FlatEncoder((LENGTH,), len(ALPHABET))


def token_decoder(config: Config) -> Decoder:
    return FlatDecoder((LENGTH,), len(ALPHABET))


def token_likelihood(config: Config) -> Likelihood:
    return Letters()


@dataclass(frozen=True, kw_only=True)
class CopySettings:
    lr: float = 1e-2


class CopyTrainer(Trainer):
    """Encoder and decoder copy; the settings have neither decay nor anneal."""

    averaged = ("encoder", "decoder", "likelihood")

    def __init__(self, parts: dict[str, Any], settings: CopySettings, random: torch.Generator) -> None:
        self.parts, self.settings, self.random = parts, settings, random
        weights = [parameter for part in parts.values() for parameter in part.parameters()]
        self.base_rates = {"both": settings.lr}
        self.optimizers = {"both": torch.optim.Adam(weights, lr=settings.lr)}

    def step(self, x: Tensor, labels: Tensor | None) -> Figures:
        assert x.dtype == torch.int64
        return self.learn("both", self._loss, x)

    def _loss(self, x: Tensor) -> tuple[Tensor, Figures]:
        z = self.parts["encoder"](x).mean
        loss = -self.parts["likelihood"](self.parts["decoder"](z), x).sum(1).mean()
        return loss, {"loss": loss.detach()}


def _modality(name: str, suffix: str, show: str) -> ModalitySpec:
    return ModalitySpec(
        name=name, summary="", modality=f"{HERE}:{name}", suffixes=(suffix,), html=f"{HERE}:{show}", task="other"
    )


def _architecture(kind: str, modality: str) -> ArchitectureSpec:
    parts = {part: f"{HERE}:{kind}_{part}" for part in ("encoder", "decoder", "likelihood")}
    return ArchitectureSpec(
        name=f"{kind}-vae", summary="", family="vae", modality=modality, config=f"{HERE}:Config", parts=parts
    )


def _dataset(name: str, load: str, modality: str) -> DatasetSpec:
    return DatasetSpec(
        name=name, summary="", load=f"{HERE}:{load}", licence="CC0-1.0", modality=modality, splits={"train": 64}
    )


SPECS = (
    _modality("waves", ".wav", "heard"),
    _modality("tokens", ".txt", "printed"),
    _architecture("wave", "waves"),
    _architecture("token", "tokens"),
    _dataset("sines", "load_waves", "waves"),
    _dataset("words", "load_tokens", "tokens"),
    TrainerSpec(name="copy", summary="", family="vae", settings=f"{HERE}:CopySettings", trainer=f"{HERE}:CopyTrainer"),
)


def own_registry() -> Registry:
    """What is installed, and these."""
    installed = [owned for claims in default_registry().entries.values() for owned in claims]
    return Registry.of([*installed, *(Owned(name=spec.name, spec=spec, owner="own") for spec in SPECS)])
