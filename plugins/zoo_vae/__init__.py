"""Variational autoencoders and their recipes. Specs only; the networks are imported when built."""

from __future__ import annotations

from zoo.api import API_VERSION, ArchitectureSpec, ModelSpec, PluginContext, WeightsSpec, hookimpl

ZOO_API_VERSION = API_VERSION

# The layout of the book's VAE (Chollet, Deep Learning with Python, section 8.4): four 3x3 convolutions, the second
# strided, a dense layer of 32 units, a latent of 2; the decoder a dense layer onto 14x14x64, one transposed
# convolution of stride 2, and a 3x3 convolution onto the picture.
BOOK = {
    "image_size": 28,
    "channels": 1,
    "latent_size": 2,
    "likelihood": "bernoulli",
    "encoder_widths": [32, 64, 64, 64],
    "encoder_strides": [1, 2, 1, 1],
    "hidden": 32,
    "decoder_stem": 64,
    "decoder_widths": [32],
}

PINS: dict[str, dict[str, str]] = {
    "vae-mnist-best": {
        "config.json": "75875c9a6505345952fbb3e13b6f553679bd8ff808ab5346e608488d6e35de07",
        "model.safetensors": "092b57bf5222a1078ca58173d31058ad05e9eeeb6d31ab685cdebc9e8ac7d49a",
        "golden.safetensors": "b9cf921ba4ac3c6d7611fab9d1bbd51d6b3fa7917091af36dccb3e45f61eeaf3",
    },
}


@hookimpl
def zoo_architectures(context: PluginContext) -> list[ArchitectureSpec]:
    """Plain convolutions, and residual blocks."""
    return [
        _architecture(
            "conv-vae", "Convolutional VAE with the book's layout as a preset.", "Conv", presets={"book": BOOK}
        ),
        _architecture("res-vae", "Residual VAE without normalisation, for pictures of 28 to 64 pixels.", "Res"),
    ]


def _architecture(
    name: str, summary: str, prefix: str, presets: dict[str, dict[str, object]] | None = None
) -> ArchitectureSpec:
    return ArchitectureSpec(
        name=name,
        summary=summary,
        family="vae",
        config=f"zoo_vae.configs:{prefix}VAEConfig",
        parts={
            "encoder": f"zoo_vae.networks:{prefix}Encoder",
            "decoder": f"zoo_vae.networks:{prefix}Decoder",
            "likelihood": "zoo_vae.networks:likelihood",
        },
        presets=presets or {},
    )


@hookimpl
def zoo_models(context: PluginContext) -> list[ModelSpec]:
    """Digits, faces, and shapes for a first run."""
    return [
        _model("vae-shapes", "Circles, squares and triangles: a first VAE of a few minutes.", "res-vae", "shapes", 32),
        _model("vae-mnist", "Digits on a plane: the book's VAE with two latent dimensions.", "conv-vae", "mnist", 28),
        _model("ae-mnist", "Digits by a classical sparse autoencoder, to compare.", "conv-vae", "mnist", 28),
        _model("vae-mnist-best", "Binarised digits, for a high likelihood.", "res-vae", "mnist", 28),
        _model("vae-faces", "Faces, 64x64, with directions such as a smile.", "res-vae", "faces", 64),
    ]


def _model(name: str, summary: str, architecture: str, dataset: str, side: int) -> ModelSpec:
    pins = PINS.get(name)
    return ModelSpec(
        name=name,
        summary=summary,
        architecture=architecture,
        dataset=dataset,
        licence="Apache-2.0",
        recipe=f"zoo_vae:recipes/{name}.toml",
        weights=None if pins is None else WeightsSpec(files=pins, bundled=f"zoo:weights/{name}"),
        data_shape=(1 if dataset == "mnist" else 3, side, side),
        tags=("vae", "image"),
    )
