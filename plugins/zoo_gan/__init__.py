"""Generative adversarial networks: the DCGAN and its recipes. Specs only; the networks are imported when built."""

from __future__ import annotations

from zoo.api import API_VERSION, ArchitectureSpec, ModelSpec, PluginContext, hookimpl

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


@hookimpl
def zoo_architectures(context: PluginContext) -> list[ArchitectureSpec]:
    """The DCGAN."""
    return [
        ArchitectureSpec(
            name="dcgan",
            summary="Convolutional GAN (Radford et al. 2016) with the book's layout as a preset.",
            family="gan",
            config="zoo_gan.configs:DCGANConfig",
            parts={
                "generator": "zoo_gan.networks:DCGANGenerator",
                "discriminator": "zoo_gan.networks:DCGANDiscriminator",
            },
            presets={"book": BOOK},
        )
    ]


@hookimpl
def zoo_models(context: PluginContext) -> list[ModelSpec]:
    """Frogs, and shapes for a first run."""
    return [
        ModelSpec(
            name="dcgan-shapes",
            summary="Coloured circles, squares and triangles: a first training run of a few minutes.",
            architecture="dcgan",
            dataset="shapes",
            licence="Apache-2.0",
            recipe="zoo_gan:recipes/dcgan-shapes.toml",
            data_shape=(3, 32, 32),
            tags=("gan", "image", "recipe"),
        ),
    ]
