"""Sounds and sentences for the zoo: two kinds of data that it does not know, and a kind of model. Specs only."""

from __future__ import annotations

from zoo.api import (
    ArchitectureSpec,
    CommandSpec,
    DatasetSpec,
    FamilySpec,
    FeaturesSpec,
    ModalitySpec,
    ModelSpec,
    PluginContext,
    TrainerSpec,
    hookimpl,
)

ZOO_API_VERSION = 2


@hookimpl
def zoo_modalities(context: PluginContext) -> list[ModalitySpec]:
    """One continuous, one discrete."""
    return [
        ModalitySpec(
            name="wave",
            summary="Short sounds (1, T) of 16 bits.",
            modality="acme_sounds.waves:waves",
            suffixes=(".wav",),
            html="acme_sounds.html:player",
            task="text-to-audio",
        ),
        ModalitySpec(
            name="phrase",
            summary="Sentences of L words (L,), out of a vocabulary.",
            modality="acme_sounds.phrases:phrases",
            suffixes=(".txt",),
            html="acme_sounds.html:lines",
            task="text-generation",
        ),
    ]


@hookimpl
def zoo_families(context: PluginContext) -> list[FamilySpec]:
    """One token after the other."""
    return [
        FamilySpec(
            name="autoregressive",
            summary="Each token given those before it.",
            family="acme_sounds.autoregressive:FAMILY",
        )
    ]


@hookimpl
def zoo_architectures(context: PluginContext) -> list[ArchitectureSpec]:
    """A VAE of sounds, which is the zoo's family, and a network of sentences, which is not."""
    return [
        ArchitectureSpec(
            name="wave-vae",
            summary="A VAE of short sounds.",
            family="vae",
            modality="wave",
            config="acme_sounds.configs:WaveConfig",
            parts={
                "encoder": "acme_sounds.networks:WaveEncoder",
                "decoder": "acme_sounds.networks:WaveDecoder",
                "likelihood": "acme_sounds.networks:likelihood",
            },
            starter="acme_sounds.configs:wave_starter",
        ),
        ArchitectureSpec(
            name="gru",
            summary="An embedding and a GRU.",
            family="autoregressive",
            modality="phrase",
            config="acme_sounds.configs:GRUConfig",
            parts={"network": "acme_sounds.networks:GRU"},
            presets={"wide": {"width": 32}},
        ),
    ]


@hookimpl
def zoo_trainers(context: PluginContext) -> list[TrainerSpec]:
    """Next-token cross-entropy."""
    return [
        TrainerSpec(
            name="next-token",
            summary="The cross-entropy of each token given those before it.",
            family="autoregressive",
            settings="acme_sounds.trainers:NextTokenSettings",
            trainer="acme_sounds.trainers:NextTokenTrainer",
            units={"loss": "nats a sentence", "bits_per_token": "bits a token"},
        )
    ]


@hookimpl
def zoo_datasets(context: PluginContext) -> list[DatasetSpec]:
    """One of each kind."""
    return [
        DatasetSpec(
            name="tones",
            summary="Low and high tones that fade.",
            load="acme_sounds.waves:load_tones",
            licence="CC0-1.0",
            modality="wave",
            data_shape=(1, 64),
            classes=("low", "high"),
            splits={"train": 400, "test": 100},
        ),
        DatasetSpec(
            name="sentences",
            summary="Sentences of a tiny grammar.",
            load="acme_sounds.phrases:load_sentences",
            licence="CC0-1.0",
            modality="phrase",
            data_shape=(6,),
            splits={"train": 300, "test": 100},
        ),
    ]


@hookimpl
def zoo_features(context: PluginContext) -> list[FeaturesSpec]:
    """What judges sounds."""
    return [
        FeaturesSpec(
            name="spectrum",
            summary="Loudness at a few frequencies.",
            modality="wave",
            licence="CC0-1.0",
            weights="acme_sounds:spectrum.txt",
            sha256="6a1e87d16f0b6f6ef20f0f591af8e232cb97ccd9a293a180d356a9832b6ea998",
            features="acme_sounds.features:spectrum",
            tags=("default",),
        )
    ]


@hookimpl
def zoo_models(context: PluginContext) -> list[ModelSpec]:
    """Two recipes."""
    return [
        ModelSpec(
            name="tones",
            summary="Low and high tones by a VAE.",
            architecture="sounds/wave-vae",
            dataset="sounds/tones",
            licence="MIT",
            recipe="acme_sounds:recipes/tones.toml",
            data_shape=(1, 64),
        ),
        ModelSpec(
            name="sentences",
            summary="Sentences of a tiny grammar by a GRU.",
            architecture="sounds/gru",
            dataset="sounds/sentences",
            licence="MIT",
            recipe="acme_sounds:recipes/sentences.toml",
            data_shape=(6,),
        ),
    ]


@hookimpl
def zoo_commands(context: PluginContext) -> list[CommandSpec]:
    """A verb."""
    return [
        CommandSpec(
            name="say",
            summary="Print sentences of a model.",
            run="acme_sounds.commands:say",
            arguments="acme_sounds.commands:say_arguments",
        )
    ]
