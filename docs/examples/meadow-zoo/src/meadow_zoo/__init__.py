"""What meadow-zoo brings to the zoo. Specs only: `zoo list` reads this file, so it imports no torch."""

from zoo.api import ArchitectureSpec, DatasetSpec, ModelSpec, PluginContext, WeightsSpec, hookimpl

ZOO_API_VERSION = 2  # the version of the plugin contract this file was written for

# The folder that `zoo export` wrote, carried by the package, and the sha256 of its files that it printed.
WEIGHTS = WeightsSpec(
    bundled="meadow_zoo:weights/splat-butterflies",
    files={
        "config.json": "0e3dd29fe2b4c8e3231b650344747cc00a400e58fe23de2580bf4bcda6edb183",
        "model.safetensors": "d6c70b855339a20cccaca65743f6dd6ad74a46eeba8595e3f5d9407c7f808be3",
        "golden.safetensors": "411c61ea8d13a3cac3cc9b7f4ea55811c90d2078cddbcc385734ebc7fc149f43",
    },
)


@hookimpl
def zoo_architectures(context: PluginContext) -> list[ArchitectureSpec]:
    """Pictures made of coloured ellipses."""
    return [
        ArchitectureSpec(
            name="splat-vae",
            summary="VAE whose decoder paints with a few coloured Gaussian splats, at any size.",
            family="vae",
            modality="image",
            config="meadow_zoo.configs:SplatConfig",
            parts={
                "encoder": "meadow_zoo.networks:SplatEncoder",
                "decoder": "meadow_zoo.networks:SplatDecoder",
                "likelihood": "meadow_zoo.networks:likelihood",
            },
        )
    ]


@hookimpl
def zoo_datasets(context: PluginContext) -> list[DatasetSpec]:
    """Butterflies, drawn in memory."""
    return [
        DatasetSpec(
            name="butterflies",
            summary="Butterflies drawn in memory, with known hue, wings, tilt, size and hour of the day.",
            load="meadow_zoo.butterflies:load",
            licence="CC0-1.0",
            modality="image",
            data_shape=(3, 32, 32),
            splits={"train": 8000, "test": 1000},
        )
    ]


@hookimpl
def zoo_models(context: PluginContext) -> list[ModelSpec]:
    """The splats, trained on the butterflies."""
    return [
        ModelSpec(
            name="splat-butterflies",
            summary="Butterflies from dawn to dusk, each painted with 32 splats.",
            architecture="meadow/splat-vae",
            dataset="meadow/butterflies",
            licence="CC0-1.0",
            recipe="meadow_zoo:recipes/splat-butterflies.toml",
            weights=WEIGHTS,
            data_shape=(3, 32, 32),
            tags=("vae", "image"),
        )
    ]
