"""Diffusion models, the zoo's own and of the diffusers library, and its autoencoders. Specs only; no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.api import (
    API_VERSION,
    ArchitectureSpec,
    ExportSpec,
    FamilySpec,
    FormatSpec,
    ModelSpec,
    PluginContext,
    TrainerSpec,
    WeightsSpec,
    hookimpl,
    weights_of,
)

ZOO_API_VERSION = API_VERSION
HINT = "pip install 'genzoo[diffusers]'"
PINS = "zoo:weights/pins.toml"


@hookimpl
def zoo_formats(context: PluginContext) -> Iterable[FormatSpec]:
    """How the library writes models."""
    return [
        FormatSpec(
            name="diffusers",
            summary="AutoencoderKL, AsymmetricAutoencoderKL, AutoencoderTiny, VQModel; UNet2DModel, DiT, also latent.",
            recognise="zoo_diffusers.recognition:recognise",
            translate="zoo_diffusers.translation:translate",
            install_hint=HINT,
        )
    ]


@hookimpl
def zoo_exports(context: PluginContext) -> Iterable[ExportSpec]:
    """How the library reads models; it is not needed to write them."""
    return [
        ExportSpec(
            name="diffusers",
            summary="A folder that diffusers' from_pretrained loads: `ddpm`, and the library's own networks.",
            code="zoo_diffusers.exporting:write",
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
        )
    ]


@hookimpl
def zoo_architectures(context: PluginContext) -> Iterable[ArchitectureSpec]:
    """A network of the zoo's own, and the library's, as it builds them."""
    return [
        ArchitectureSpec(
            name="ddpm",
            summary="A U-Net that tells noise, for pictures of 8 to 64 pixels (Ho et al. 2020).",
            family="diffusion",
            modality="image",
            config="zoo_diffusers.ddpm_config:DDPMConfig",
            parts={"denoiser": "zoo_diffusers.unet:UNet"},
            starter="zoo_diffusers.starters:ddpm",
        ),
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
            parts={"denoiser": "zoo_diffusers.library_unet:LibraryUNet"},
            install_hint=HINT,
        ),
        ArchitectureSpec(
            name="diffusers-dit",
            summary="Diffusion transformers of pictures, by class, of the diffusers library (Peebles and Xie 2023).",
            family="diffusion",
            modality="image",
            config="zoo_diffusers.configs:DiTConfig",
            parts={"denoiser": "zoo_diffusers.transformers:LibraryDiT"},
            install_hint=HINT,
        ),
    ]


@hookimpl
def zoo_trainers(context: PluginContext) -> Iterable[TrainerSpec]:
    """Noise prediction."""
    return [
        TrainerSpec(
            name="diffusion",
            summary="A network learns to tell the noise that was put into an example (Ho et al. 2020).",
            family="diffusion",
            settings="zoo_diffusers.training:DiffusionSettings",
            trainer="zoo_diffusers.training:DiffusionTrainer",
            units={"loss": "squared error of what is told, a value"},
            better={"loss": "lower"},
        )
    ]


# Other people's models by name: repository, licence, side of a picture, what it is of. Nobody has pinned their commits
# here: the first pull shows what it got, and remembers it.
NOISE = {
    "ddpm-cifar10": ("google/ddpm-cifar10-32", 32, "CIFAR-10", "CIFAR-10's ten classes, unasked"),
    "ddpm-celebahq": ("google/ddpm-celebahq-256", 256, "CelebA-HQ", "Faces"),
    "ddpm-celebahq-ema": ("google/ddpm-ema-celebahq-256", 256, "CelebA-HQ", "Faces, averaged weights"),
    "ddpm-church": ("google/ddpm-church-256", 256, "LSUN church", "Churches"),
    "ddpm-church-ema": ("google/ddpm-ema-church-256", 256, "LSUN church", "Churches, averaged weights"),
    "ddpm-bedroom": ("google/ddpm-bedroom-256", 256, "LSUN bedroom", "Bedrooms"),
    "ddpm-bedroom-ema": ("google/ddpm-ema-bedroom-256", 256, "LSUN bedroom", "Bedrooms, averaged weights"),
    "ddpm-cat": ("google/ddpm-cat-256", 256, "LSUN cat", "Cats"),
}
CODES = {
    "sd-vae": ("stabilityai/sd-vae-ft-mse", "Stable Diffusion's autoencoder, tuned for a small squared error"),
    "sd-vae-ema": ("stabilityai/sd-vae-ft-ema", "Stable Diffusion's autoencoder, tuned, averaged weights"),
    "sdxl-vae": ("stabilityai/sdxl-vae", "Stable Diffusion XL's autoencoder"),
    "sdxl-vae-fp16": ("madebyollin/sdxl-vae-fp16-fix", "Stable Diffusion XL's autoencoder, fit for 16-bit floats"),
    "taesd": ("madebyollin/taesd", "A tiny autoencoder that shares the latents of Stable Diffusion"),
    "taesdxl": ("madebyollin/taesdxl", "A tiny autoencoder that shares the latents of Stable Diffusion XL"),
    "taesd3": ("madebyollin/taesd3", "A tiny autoencoder that shares the latents of Stable Diffusion 3"),
    "taef1": ("madebyollin/taef1", "A tiny autoencoder that shares the latents of FLUX.1"),
}


@hookimpl
def zoo_models(context: PluginContext) -> Iterable[ModelSpec]:
    """The zoo's own digits and frogs; well-known repositories: DDPM (Ho et al. 2020), and autoencoders of photos."""
    yield _ours("ddpm-mnist", "Digits out of noise, as asked, by a small U-Net.", "mnist", (1, 28, 28))
    yield _ours("ddpm-cifar-frog", "Frogs out of noise, 32x32.", "cifar10[frog]", (3, 32, 32))
    for name, (repo, side, data, what) in NOISE.items():
        size = "36" if side == 32 else "114"
        summary = f"{what}: {side}x{side}, by DDPM (Ho et al. 2020); {size} million parameters."
        yield _model(name, summary, repo, "unet", data, "Apache-2.0", (3, side, side))
    for name, (repo, what) in CODES.items():
        size = "2.4" if name.startswith("tae") else "84"
        yield _model(name, f"{what}; {size} million parameters.", repo, "autoencoder", "photographs", "MIT", None)


def _ours(name: str, summary: str, dataset: str, shape: tuple[int, ...]) -> ModelSpec:
    return ModelSpec(
        name=name,
        summary=summary,
        architecture="ddpm",
        dataset=dataset,
        licence="Apache-2.0",
        recipe=f"zoo_diffusers:recipes/{name}.toml",
        weights=weights_of(PINS).get(name),
        data_shape=shape,
        tags=("diffusion", "image"),
    )


def _model(
    name: str, summary: str, repo: str, kind: str, data: str, licence: str, shape: tuple[int, ...] | None
) -> ModelSpec:
    return ModelSpec(
        name=name,
        summary=summary,
        architecture=f"diffusers-{kind}",
        dataset=data,
        licence=licence,
        weights=WeightsSpec(repo_id=repo, format="diffusers"),
        data_shape=shape,
        tags=("image", "diffusion" if kind == "unet" else "vae"),
    )
