"""Generative adversarial networks and their recipes. Specs only; the networks are imported when built."""

from __future__ import annotations

from zoo.api import API_VERSION, ArchitectureSpec, ModelSpec, PluginContext, hookimpl, weights_of

ZOO_API_VERSION = API_VERSION
PINS = "zoo:weights/pins.toml"

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
    return ModelSpec(
        name=name,
        summary=summary,
        architecture=architecture,
        dataset=dataset,
        licence="Apache-2.0",
        recipe=f"zoo_gan:recipes/{name}.toml",
        weights=weights_of(PINS).get(name),
        data_shape=(3, side, side),
        tags=("gan", "image", "default") if name == "dcgan-cifar-frog" else ("gan", "image"),
    )
