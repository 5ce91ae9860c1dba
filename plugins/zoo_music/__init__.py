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
    hookimpl,
    weights_of,
)

ZOO_API_VERSION = API_VERSION
PINS = "zoo:weights/pins.toml"


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
    return ModelSpec(
        name=name,
        summary=summary,
        architecture=architecture,
        dataset=dataset,
        licence="GPL-3.0-only",
        recipe=f"zoo_music:recipes/{name}.toml",
        weights=weights_of(PINS).get(name),
        data_shape=(length,),
        tags=("tune", "vae" if architecture == "tune-vae" else "autoregressive"),
    )
