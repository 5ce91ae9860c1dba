"""Generative adversarial networks and their recipes. Specs only; the networks are imported when built."""

from __future__ import annotations

from zoo.api import API_VERSION, ArchitectureSpec, ModelSpec, PluginContext, WeightsSpec, hookimpl

ZOO_API_VERSION = API_VERSION

# The layout of the book's GAN chapter (Chollet, Deep Learning with Python, section 8.5): a dense layer onto a 16x16
# map, 5x5 convolutions of 256 channels, a 7x7 head; the discriminator's convolutions without padding, dropout 0.4.
BOOK = {
    "latent_size": 32,
    "generator_widths": [256, 256],
    "stem_width": 128,
    "generator_convs": [1, 2],
    "generator_conv_kernel": 5,
    "generator_norm": "none",
    "generator_activation": "leaky_relu",
    "head": "conv",
    "head_kernel": 7,
    "discriminator_stem": 128,
    "discriminator_widths": [128, 128, 128],
    "discriminator_norm": "none",
    "padding": "valid",
    "dropout": 0.4,
}

PINS = {
    "dcgan-cifar-frog": {
        "config.json": "d6fa093d4a8a735a79a97d24710341f855242ebdc33b055eecfa6aba59b0b5f2",
        "model.safetensors": "9095f347e2ed99d526405c3634ea4aa3677e1c1531e0a09f00b9a97671f1dbb3",
        "discriminator.safetensors": "b8f459c84166c990d06338083dc8809fa6fbd4423cceca5a5ed019078ebb774c",
        "golden.safetensors": "498194cddfb6bf920ee6937d27205823d3bf57aa3e88a29b7794c9699e1bfe54",
    },
    "dcgan-cifar-frog-book": {
        "config.json": "a89f00a9d428372bba27bbaa6f75de7852e6d9a8b48fdb3676d74a148f344b68",
        "model.safetensors": "33c5a28616096f9edf2818e850de4a9915562e8e799311918ce6834f7153fa0a",
        "discriminator.safetensors": "4ed13c67be57f80de818878b54ea8ddc89e434d153822d8457268fc831e85ddb",
        "golden.safetensors": "72baeb287f9f6c8cdd5821e7b2f7ca01dd2b9d9e4f12fe667dec829c8b77f4bc",
    },
    "frog-gan": {
        "config.json": "2af79e07aec957acc0dde8d250ee13fa6d912109135d77d1139dc5e66fe5e84b",
        "model.safetensors": "b1f84aaa7856143095a2c09a2fd8205fa6eec0c9aa6a561a18e356d9595d6b9f",
        "discriminator.safetensors": "6e380dcc7c863e0f792c67f643616c9b4f3a1ab4ab621f8c289e14f351ae1ac0",
        "golden.safetensors": "75260074e939f71cc8353bea4b2369d319506686d46a716e8be35e478049730d",
    },
}


@hookimpl
def zoo_architectures(context: PluginContext) -> list[ArchitectureSpec]:
    """The DCGAN, the projected GAN and the residual one."""
    return [
        ArchitectureSpec(
            name="dcgan",
            summary="Convolutional GAN (Radford et al. 2016) with the book's layout as a preset.",
            family="gan",
            modality="image",
            config="zoo_gan.configs:DCGANConfig",
            parts={
                "generator": "zoo_gan.networks:DCGANGenerator",
                "discriminator": "zoo_gan.networks:DCGANDiscriminator",
            },
            presets={"book": BOOK},
            starter="zoo_gan.starters:dcgan",
        ),
        ArchitectureSpec(
            name="projected-gan",
            summary="Light generator, judged through a frozen network (Sauer et al. 2021).",
            family="gan",
            modality="image",
            config="zoo_gan.configs:ProjectedGANConfig",
            parts={
                "generator": "zoo_gan.projected:ProjectedGANGenerator",
                "discriminator": "zoo.images:projected_discriminator",
            },
            starter="zoo_gan.starters:projected_gan",
        ),
        ArchitectureSpec(
            name="res-gan",
            summary="Residual GAN without normalisation, for the relativistic loss (Huang et al. 2024).",
            family="gan",
            modality="image",
            config="zoo_gan.configs:ResGANConfig",
            parts={
                "generator": "zoo_gan.residual:ResGANGenerator",
                "discriminator": "zoo_gan.residual:ResGANDiscriminator",
            },
            starter="zoo_gan.starters:res_gan",
        ),
    ]


@hookimpl
def zoo_models(context: PluginContext) -> list[ModelSpec]:
    """Frogs, faces, and shapes for a first run."""
    return [
        _model("dcgan-cifar-frog", "Frogs, 32x32, by the best DCGAN the settings give.", "cifar10[frog]"),
        _model("dcgan-cifar-frog-book", "Frogs, 32x32, by the rules of the book's GAN chapter alone.", "cifar10[frog]"),
        _model("dcgan-shapes", "Circles, squares and triangles: a first training run of a few minutes.", "shapes"),
        _model("frog-gan", "Frogs, 32x32, judged through a frozen network.", "cifar10[frog]", "projected-gan"),
        _model("face-gan", "Faces, 64x64, judged through a frozen network.", "faces", "projected-gan", side=64),
        _model("cifar-gan", "CIFAR-10's ten classes, judged through a frozen network.", "cifar10", "projected-gan"),
    ]


def _model(name: str, summary: str, dataset: str, architecture: str = "dcgan", *, side: int = 32) -> ModelSpec:
    pins = PINS.get(name)
    return ModelSpec(
        name=name,
        summary=summary,
        architecture=architecture,
        dataset=dataset,
        licence="Apache-2.0",
        recipe=f"zoo_gan:recipes/{name}.toml",
        weights=None if pins is None else WeightsSpec(files=pins, bundled=f"zoo:weights/{name}"),
        data_shape=(3, side, side),
        tags=("gan", "image", "default") if name == "dcgan-cifar-frog" else ("gan", "image"),
    )
