"""Models of the diffusers library, read from safetensors: autoencoders, diffusion models. Specs only; no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.api import API_VERSION, ArchitectureSpec, FamilySpec, FormatSpec, PluginContext, hookimpl

ZOO_API_VERSION = API_VERSION
HINT = "pip install 'genzoo[diffusers]'"


@hookimpl
def zoo_formats(context: PluginContext) -> Iterable[FormatSpec]:
    """How the library writes models."""
    return [
        FormatSpec(
            name="diffusers",
            summary="Autoencoders (AutoencoderKL, AutoencoderTiny, VQModel) and UNet2DModel with a scheduler.",
            recognise="zoo_diffusers.recognition:recognise",
            translate="zoo_diffusers.translation:translate",
            install_hint=HINT,
        )
    ]


@hookimpl
def zoo_families(context: PluginContext) -> Iterable[FamilySpec]:
    """Noise that becomes an example, step by step."""
    return [
        FamilySpec(
            name="diffusion",
            summary="A network that tells noise from an example, and is asked again and again.",
            family="zoo_diffusers.diffusion:FAMILY",
            install_hint=HINT,
        )
    ]


@hookimpl
def zoo_architectures(context: PluginContext) -> Iterable[ArchitectureSpec]:
    """The library's networks, as it builds them."""
    return [
        ArchitectureSpec(
            name="diffusers-autoencoder",
            summary="Autoencoders of the diffusers library.",
            family="vae",
            modality="image",
            config="zoo_diffusers.configs:AutoencoderConfig",
            parts={
                "encoder": "zoo_diffusers.autoencoders:LibraryEncoder",
                "decoder": "zoo_diffusers.autoencoders:LibraryDecoder",
                "likelihood": "zoo_diffusers.autoencoders:likelihood",
            },
            install_hint=HINT,
        ),
        ArchitectureSpec(
            name="diffusers-unet",
            summary="Diffusion models of pictures of the diffusers library.",
            family="diffusion",
            modality="image",
            config="zoo_diffusers.configs:UNetConfig",
            parts={"denoiser": "zoo_diffusers.diffusion:LibraryUNet"},
            install_hint=HINT,
        ),
    ]
