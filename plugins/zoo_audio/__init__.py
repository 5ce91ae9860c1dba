"""Sound: recordings read and written as WAV, spoken digits, and a VAE of spectrograms. Specs only; no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.api import (
    API_VERSION,
    ArchitectureSpec,
    DatasetSpec,
    ModalitySpec,
    ModelSpec,
    PluginContext,
    WeightsSpec,
    hookimpl,
)

ZOO_API_VERSION = API_VERSION
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PINS: dict[str, dict[str, str]] = {
    "vae-spoken-digits": {
        "config.json": "b47f81b64e4323271d627878bd53916c7f5c809f6a3e3b6081c2a1b9806b3a3f",
        "model.safetensors": "ad011d5602260d622d5f99454fcdd0a4b822f3dd84e6bc78ef10125badbfe1a4",
        "golden.safetensors": "11aeb9f00b1a657bd4097f1217d4b0164e69467cf65e0e257b7280d884a39d96",
        "prior.safetensors": "46cf012008d960e307c55f1fb28ec36dcff51b72d019240abd9c116ca2a6510a",
    },
}
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
    """A VAE."""
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
        )
    ]


@hookimpl
def zoo_models(context: PluginContext) -> Iterable[ModelSpec]:
    """Spoken digits."""
    pins = PINS.get("vae-spoken-digits")
    return [
        ModelSpec(
            name="vae-spoken-digits",
            summary="Spoken digits by a conditional VAE of spectrograms.",
            architecture="spectrogram-vae",
            dataset="spoken-digits",
            licence="CC-BY-SA-4.0",
            recipe="zoo_audio:recipes/vae-spoken-digits.toml",
            weights=None if pins is None else WeightsSpec(files=pins, bundled="zoo:weights/vae-spoken-digits"),
            data_shape=(1, LENGTH),
            tags=("vae", "audio"),
        )
    ]
