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
    "vae-mnist": {
        "config.json": "971a4f65f5db8b18513e74aa15828d03d5f81aca3347eb9a1928485d5817e065",
        "model.safetensors": "33680541b275ce1e73fef152fbde6eb7c955f8b13c1b4342fff8553b110aec50",
        "golden.safetensors": "eafa48dc2bd89367c975c916f60866bf117e4aa1b920a62d53add6e51a7aaef1",
        "prior.safetensors": "8567de42c5b99c61c15ea25fe6c9f1f1df779429da64fe7f60649e73e71604ca",
    },
    "ae-mnist": {
        "config.json": "f36f859ef8b4b4924e0e80ed31987409c005d7011ab14f18e81df4d6e4f214e4",
        "model.safetensors": "5126502b3b25295266d80d4500dde021533fc9e1c2b7b5e25205dfa0bb7be0cf",
        "golden.safetensors": "4f67e0ddbeb5b5f2ea78f84f995bd4fd558c45671aff300d3344f50e24b7299c",
        "prior.safetensors": "367acc4c42e9e66d0cf2dc2797d912c797d579ab9e9d54ed0e038d71aa3386c4",
    },
    "vae-mnist-best": {
        "config.json": "7c4a3b2486b0369a91c35ee7c7fdc3471335da16540df7d573842a99c5ebea75",
        "model.safetensors": "092b57bf5222a1078ca58173d31058ad05e9eeeb6d31ab685cdebc9e8ac7d49a",
        "golden.safetensors": "b9cf921ba4ac3c6d7611fab9d1bbd51d6b3fa7917091af36dccb3e45f61eeaf3",
    },
    "vae-faces": {
        "config.json": "08a6feea62d8b81a195501bb7254f604c45175c53e0cdf0478c83688a7f23d9c",
        "model.safetensors": "2e8261c376adcc45ca63f7e175134dbf96c905ac149b846d8d1c171a518172ea",
        "discriminator.safetensors": "f9b4976cc1da8bc2fd1eb081d4e3bbffedb1e2d2b2aaa25e3ae062571ef84253",
        "golden.safetensors": "f59b0f11d8dedb3a413c14e122ee82166890cbe7ec10a59a4446711aa5a1ead1",
        "prior.safetensors": "69893693758d61e208e8fc6a040a8a4831952891522bef0eb74f38d1e405665a",
        "concepts.safetensors": "f30bffd024b493de5c8af6dfc1bfcf7caebf9dc25e6b0a032a48f4957f0c824d",
    },
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
