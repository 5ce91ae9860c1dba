"""A small plugin that keeps every promise: what the mutants are made from."""

from __future__ import annotations

from zoo.api import (
    API_VERSION,
    ArchitectureSpec,
    CommandSpec,
    DatasetSpec,
    ModelSpec,
    PluginContext,
    TrainerSpec,
    WeightsSpec,
    hookimpl,
)

ZOO_API_VERSION = API_VERSION
PINS: dict[str, str] = {}


@hookimpl
def zoo_architectures(context: PluginContext) -> list[ArchitectureSpec]:
    """One of each family."""
    return [
        ArchitectureSpec(
            name="tiny-gan",
            summary="A GAN of a few hundred weights.",
            family="gan",
            modality="image",
            config="acme_zoo.configs:TinyConfig",
            parts={
                "generator": "acme_zoo.networks:TinyGenerator",
                "discriminator": "acme_zoo.networks:TinyDiscriminator",
            },
            presets={"wide": {"width": 16}},
            starter="acme_zoo.configs:starter",
        ),
        ArchitectureSpec(
            name="tiny-vae",
            summary="A VAE of a few hundred weights.",
            family="vae",
            modality="image",
            config="acme_zoo.configs:TinyConfig",
            parts={
                "encoder": "acme_zoo.networks:TinyEncoder",
                "decoder": "acme_zoo.networks:TinyDecoder",
                "likelihood": "acme_zoo.networks:likelihood",
            },
            presets={"broad": {"width": 16}},
        ),
    ]


@hookimpl
def zoo_datasets(context: PluginContext) -> list[DatasetSpec]:
    """Dots."""
    return [
        DatasetSpec(
            name="dots",
            summary="Dark and light dots.",
            load="acme_zoo.data:load",
            licence="CC0-1.0",
            modality="image",
            data_shape=(1, 8, 8),
            classes=("dark", "light"),
            splits={"train": 32, "test": 8},
            homepage="https://example.org/dots",
        )
    ]


@hookimpl
def zoo_models(context: PluginContext) -> list[ModelSpec]:
    """One with weights, one to be trained."""
    return [
        ModelSpec(
            name="tiny-dots",
            summary="Dots by a tiny GAN.",
            architecture="acme/tiny-gan",
            dataset="acme/dots",
            licence="MIT",
            recipe="acme_zoo:recipes/tiny-dots.toml",
            weights=WeightsSpec(files=PINS, bundled="acme_zoo:weights/tiny-dots") if PINS else None,
            data_shape=(1, 8, 8),
            tags=("gan",),
        ),
        ModelSpec(
            name="vae-dots",
            summary="Dots by a tiny VAE.",
            architecture="acme/tiny-vae",
            dataset="acme/dots[light]",
            licence="MIT",
            recipe="acme_zoo:recipes/vae-dots.toml",
            tags=("vae",),
        ),
    ]


@hookimpl
def zoo_trainers(context: PluginContext) -> list[TrainerSpec]:
    """A plain duel."""
    return [
        TrainerSpec(
            name="duel",
            summary="Two players and the hinge loss.",
            family="gan",
            settings="acme_zoo.trainers:DuelSettings",
            trainer="acme_zoo.trainers:DuelTrainer",
        )
    ]


@hookimpl
def zoo_commands(context: PluginContext) -> list[CommandSpec]:
    """A greeting."""
    return [
        CommandSpec(
            name="hello",
            summary="Say nothing, successfully.",
            run="acme_zoo.commands:hello",
            arguments="acme_zoo.commands:hello_arguments",
        )
    ]
