"""Tunes in ABC: read, learnt, written as notes, MIDI and sound. Specs only; no torch."""

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

PINS: dict[str, dict[str, str]] = {
    "lstm-folk": {
        "config.json": "f66367e26003f33b6a80dd38960a14f0e38b7c63796c7220dde2bababf21d13a",
        "model.safetensors": "cc31a26722491d94ef99e6d24d24bda766b48bf0177d381759c2bf3409bbc79f",
        "golden.safetensors": "5652b3988f17043835eb68268fc9b245f6898167c89737b013a2ae56a185fc88",
    },
    "vae-tunes": {
        "config.json": "c66596ce7e6a4e1a8d53b29a4a075922bf2e529c037600a7cea2e54b4f9624f6",
        "model.safetensors": "549c65a4e62b0489ea14164fb5fb1f87b0cae319a33b1ee32b6b205bb8c710c1",
        "golden.safetensors": "a5b0692aaf8b4878005c837c67154eb304b873d862cf1584041a4be23e6bc969",
    },
    "gpt-folk": {
        "config.json": "e8470cf66ad91f90eb5e1b8413d8f1e5171b84e9eb07c760976efb5accd71e0f",
        "model.safetensors": "98c7e719d7c8cb73e1cf35d9b32b30e3e6decfedc014717fdf329cd571de8096",
        "golden.safetensors": "d690da810e3718adae24d8392393e329df0281ce23ddfd4e2f158d38f6a67b79",
    },
}


@hookimpl
def zoo_modalities(context: PluginContext) -> Iterable[ModalitySpec]:
    """Tunes."""
    return [
        ModalitySpec(
            name="tune",
            summary="Tunes (L,) in ABC, in characters of a vocabulary that travels with the weights.",
            modality="zoo_music.tunes:tunes",
            suffixes=(".abc", ".mid", ".wav"),
            html="zoo_music.html:html",
            task="text-to-audio",
        )
    ]


@hookimpl
def zoo_datasets(context: PluginContext) -> Iterable[DatasetSpec]:
    """A collection of folk tunes, and anybody's."""
    return [
        DatasetSpec(
            name="nottingham",
            summary="1,034 British and American folk tunes; a tune and its copies in other keys are in one split",
            load="zoo_music.books:nottingham",
            licence="GPL-3.0-only",
            modality="tune",
            splits={"train": 942, "test": 92},
            external=True,
            homepage="https://github.com/jukedeck/nottingham-dataset",
        ),
        DatasetSpec(
            name="nottingham-phrases",
            summary="Their lines, mostly of four bars, each with metre and key, of at most 94 characters; same splits",
            load="zoo_music.phrases:nottingham_phrases",
            licence="GPL-3.0-only",
            modality="tune",
            data_shape=(96,),
            splits={"train": 5_042, "test": 530},
            external=True,
            homepage="https://github.com/jukedeck/nottingham-dataset",
        ),
        DatasetSpec(
            name="tunes",
            summary="Any .abc file, or a folder of them: tunes:PATH",
            load="zoo_music.books:own",
            facts="zoo_music.books:own_facts",
            licence="unknown",
            modality="tune",
            takes_path=True,
            plain=True,
            endings=(".abc",),
        ),
    ]


@hookimpl
def zoo_architectures(context: PluginContext) -> Iterable[ArchitectureSpec]:
    """Two networks that compose, and one that codes phrases."""
    return [
        _architecture("tune-lstm", "LSTM layers that write tunes character by character.", "LSTM", "lstm"),
        _architecture("tune-gpt", "A small transformer that writes tunes.", "Transformer", "transformer"),
        ArchitectureSpec(
            name="tune-vae",
            summary="VAE of phrases: one latent a phrase, written from it character by character.",
            family="vae",
            modality="tune",
            config="zoo.sequences.configs:LineVAEConfig",
            parts={
                "encoder": "zoo.sequences.coding:LineEncoder",
                "decoder": "zoo.sequences.coding:LineDecoder",
                "likelihood": "zoo.sequences.coding:written_lines",
            },
            starter="zoo_music.starters:line_vae",
        ),
    ]


def _architecture(name: str, summary: str, network: str, module: str) -> ArchitectureSpec:
    return ArchitectureSpec(
        name=name,
        summary=summary,
        family="autoregressive",
        modality="tune",
        config=f"zoo.sequences.configs:{network}Config",
        parts={"network": f"zoo.sequences.{module}:{network}"},
        starter=f"zoo_music.starters:{module}",
    )


@hookimpl
def zoo_models(context: PluginContext) -> Iterable[ModelSpec]:
    """Folk tunes by all three."""
    return [
        _model("lstm-folk", "Folk tunes by LSTM layers.", "tune-lstm"),
        _model("gpt-folk", "Folk tunes by a small transformer.", "tune-gpt"),
        _model("vae-tunes", "Phrases of folk tunes in a latent space.", "tune-vae", "nottingham-phrases", 96),
    ]


def _model(name: str, summary: str, architecture: str, dataset: str = "nottingham", length: int = 384) -> ModelSpec:
    pins = PINS.get(name)
    return ModelSpec(
        name=name,
        summary=summary,
        architecture=architecture,
        dataset=dataset,
        licence="GPL-3.0-only",
        recipe=f"zoo_music:recipes/{name}.toml",
        weights=None if pins is None else WeightsSpec(files=pins, bundled=f"zoo:weights/{name}"),
        data_shape=(length,),
        tags=("tune", "vae" if architecture == "tune-vae" else "autoregressive"),
    )
