"""Variational autoencoders and their recipes. Specs only; the networks are imported when built."""

from __future__ import annotations

from zoo.api import API_VERSION, ArchitectureSpec, ModelSpec, PluginContext, hookimpl, weights_of

ZOO_API_VERSION = API_VERSION
PINS = "zoo:weights/pins.toml"

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


@hookimpl
def zoo_architectures(context: PluginContext) -> list[ArchitectureSpec]:
    """Plain convolutions, residual blocks, and dense layers."""
    return [
        _architecture(
            "conv-vae", "Convolutional VAE with the book's layout as a preset.", "Conv", presets={"book": BOOK}
        ),
        _architecture("res-vae", "Residual VAE without normalisation, for pictures of 28 to 64 pixels.", "Res"),
        _architecture("mlp-vae", "VAE of dense layers, for small pictures (Kingma and Welling 2014).", "MLP"),
        ArchitectureSpec(
            name="vae-gan",
            summary="VAE whose decoder plays against a discriminator, too (Larsen et al. 2016).",
            family="vae",
            modality="image",
            config="zoo_vae.configs:VAEGANConfig",
            parts={
                "encoder": "zoo_vae.adversarial:VAEGANEncoder",
                "decoder": "zoo_vae.adversarial:VAEGANDecoder",
                "likelihood": "zoo_vae.adversarial:likelihood",
                "discriminator": "zoo.images:projected_discriminator",
            },
            starter="zoo_vae.starters:vae_gan",
        ),
    ]


def _architecture(
    name: str, summary: str, prefix: str, presets: dict[str, dict[str, object]] | None = None
) -> ArchitectureSpec:
    return ArchitectureSpec(
        name=name,
        summary=summary,
        family="vae",
        modality="image",
        config=f"zoo_vae.configs:{prefix}VAEConfig",
        parts={
            "encoder": f"zoo_vae.networks:{prefix}Encoder",
            "decoder": f"zoo_vae.networks:{prefix}Decoder",
            "likelihood": "zoo_vae.networks:likelihood",
        },
        presets=presets or {},
        starter=f"zoo_vae.starters:{prefix.lower()}_vae",
    )


@hookimpl
def zoo_models(context: PluginContext) -> list[ModelSpec]:
    """Digits, faces, and shapes for a first run."""
    return [
        _model("vae-shapes", "Circles, squares and triangles: a first VAE of a few minutes.", "res-vae", "shapes", 32),
        _model("vae-mnist", "Digits on a plane: the book's VAE with two latent dimensions.", "conv-vae", "mnist", 28),
        _model("ae-mnist", "Digits by a classical sparse autoencoder, to compare.", "conv-vae", "mnist", 28),
        _model("vae-mnist-best", "Binarised digits, for a high likelihood.", "res-vae", "mnist", 28),
        _model("vae-faces", "Faces, 64x64, with directions such as a smile.", "vae-gan", "faces", 64),
    ]


def _model(name: str, summary: str, architecture: str, dataset: str, side: int) -> ModelSpec:
    return ModelSpec(
        name=name,
        summary=summary,
        architecture=architecture,
        dataset=dataset,
        licence="Apache-2.0",
        recipe=f"zoo_vae:recipes/{name}.toml",
        weights=weights_of(PINS).get(name),
        data_shape=(1 if dataset == "mnist" else 3, side, side),
        tags=("vae", "image", "default") if name == "vae-mnist" else ("vae", "image"),
    )
