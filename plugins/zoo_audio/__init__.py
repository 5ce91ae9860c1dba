"""Sound: recordings read and written as WAV, spoken digits, a VAE and a GAN of spectrograms. Specs only; no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.api import (
    API_VERSION,
    ArchitectureSpec,
    DatasetSpec,
    ModalitySpec,
    ModelSpec,
    PluginContext,
    hookimpl,
    weights_of,
)

ZOO_API_VERSION = API_VERSION
PINS = "zoo:weights/pins.toml"
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LENGTH = 8_128  # values of a spoken digit: 128 frames of 64


@hookimpl
def zoo_modalities(context: PluginContext) -> Iterable[ModalitySpec]:
    """Sound."""
    return [
        ModalitySpec(
            name="audio",
            summary="Sound (1, T), values in [0, 1] with silence at 0.5, at a rate that travels with the weights.",
            modality="zoo_audio.sounds:sounds",
            suffixes=(".wav", ".png"),
            html="zoo_audio.html:html",
            task="text-to-audio",
        )
    ]


@hookimpl
def zoo_datasets(context: PluginContext) -> Iterable[DatasetSpec]:
    """Spoken digits, and anybody's recordings."""
    return [
        DatasetSpec(
            name="spoken-digits",
            summary="3,000 recordings of ten digits by six speakers, 8 kHz; each one's last 5 of 50 are the test",
            load="zoo_audio.recordings:spoken_digits",
            licence="CC-BY-SA-4.0",
            modality="audio",
            data_shape=(1, LENGTH),
            classes=DIGITS,
            splits={"train": 2_700, "test": 300},
            external=True,
            homepage="https://github.com/Jakobovski/free-spoken-digit-dataset",
        ),
        DatasetSpec(
            name="audio",
            summary="Any WAV file, or a folder of them: audio:PATH",
            load="zoo_audio.recordings:own",
            facts="zoo_audio.recordings:own_facts",
            licence="unknown",
            modality="audio",
            takes_path=True,
            plain=True,
            endings=(".wav",),
            options={"rate": ("16000", "8000", "11025", "22050", "24000", "32000", "44100", "48000")},
        ),
    ]


@hookimpl
def zoo_architectures(context: PluginContext) -> Iterable[ArchitectureSpec]:
    """A VAE and a GAN."""
    return [
        ArchitectureSpec(
            name="spectrogram-vae",
            summary="VAE of log spectrograms, by residual blocks; sound comes back by Griffin-Lim.",
            family="vae",
            modality="audio",
            config="zoo_audio.configs:SpectrogramVAEConfig",
            parts={
                "encoder": "zoo_audio.networks:SpectrogramEncoder",
                "decoder": "zoo_audio.networks:SpectrogramDecoder",
                "likelihood": "zoo_audio.networks:likelihood",
            },
            starter="zoo_audio.starters:spectrogram_vae",
        ),
        ArchitectureSpec(
            name="spectrogram-gan",
            summary="GAN of log spectrograms, by residual blocks; sound comes back by Griffin-Lim.",
            family="gan",
            modality="audio",
            config="zoo_audio.configs:SpectrogramGANConfig",
            parts={
                "generator": "zoo_audio.players:SpectrogramGenerator",
                "discriminator": "zoo_audio.players:SpectrogramDiscriminator",
            },
            starter="zoo_audio.starters:spectrogram_gan",
        ),
    ]


@hookimpl
def zoo_models(context: PluginContext) -> Iterable[ModelSpec]:
    """Spoken digits."""
    return [
        _model("vae-spoken-digits", "Spoken digits by a conditional VAE of spectrograms.", "spectrogram-vae"),
        _model("gan-spoken-digits", "Spoken digits by a conditional GAN of spectrograms.", "spectrogram-gan"),
    ]


def _model(name: str, summary: str, architecture: str) -> ModelSpec:
    return ModelSpec(
        name=name,
        summary=summary,
        architecture=architecture,
        dataset="spoken-digits",
        licence="CC-BY-SA-4.0",
        recipe=f"zoo_audio:recipes/{name}.toml",
        weights=weights_of(PINS).get(name),
        data_shape=(1, LENGTH),
        tags=(name.partition("-")[0], "audio"),
    )
