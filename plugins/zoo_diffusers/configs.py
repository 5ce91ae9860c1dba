"""What the library's networks are asked to be: its own settings, checked before anything is built. No torch."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from msgspec import Meta

from zoo.configs import decode

__all__ = ["AutoencoderConfig", "DiTConfig", "UNetConfig", "checked", "coder_behind", "factor_of"]

MOST_NUMBER, MOST_ITEMS, MOST_LAYERS, MOST_BLOCKS = 8_192, 12, 16, 64
DEPTHS = {"num_encoder_blocks", "num_decoder_blocks"}
WIDTHS = {"AutoencoderTiny": "encoder_block_out_channels", "AsymmetricAutoencoderKL": "down_block_out_channels"}
WHOLE = ("in_channels", "patch_size", "sample_size", "num_attention_heads", "attention_head_dim", "num_embeds_ada_norm")
WORD = re.compile(r"[A-Za-z][\w-]{0,60}")
CODERS = {"in_channels", "out_channels", "act_fn", "latent_channels", "scaling_factor", "shift_factor", "force_upcast"}
BLOCKS = {"down_block_types", "up_block_types", "block_out_channels", "layers_per_block", "norm_num_groups"}
SETTINGS: dict[str, set[str]] = {
    "AutoencoderKL": CODERS
    | BLOCKS
    | {"sample_size", "latents_mean", "latents_std", "use_quant_conv", "use_post_quant_conv"}
    | {"mid_block_add_attention"},
    "VQModel": CODERS
    | BLOCKS
    | {"sample_size", "num_vq_embeddings", "vq_embed_dim", "norm_type", "mid_block_add_attention"}
    | {"lookup_from_codebook"},
    "AutoencoderTiny": CODERS
    | {"encoder_block_out_channels", "decoder_block_out_channels", "upsample_fn", "upsampling_scaling_factor"}
    | {"num_encoder_blocks", "num_decoder_blocks", "latent_magnitude", "latent_shift", "block_out_channels"},
    "AsymmetricAutoencoderKL": CODERS
    | {"down_block_types", "down_block_out_channels", "layers_per_down_block", "norm_num_groups", "sample_size"}
    | {"up_block_types", "up_block_out_channels", "layers_per_up_block", "block_out_channels"},
    "DiTTransformer2DModel": {"num_attention_heads", "attention_head_dim", "in_channels", "out_channels", "num_layers"}
    | {"dropout", "norm_num_groups", "attention_bias", "sample_size", "patch_size", "activation_fn"}
    | {"num_embeds_ada_norm", "upcast_attention", "norm_type", "norm_elementwise_affine", "norm_eps"},
    "UNet2DModel": BLOCKS
    | {"sample_size", "in_channels", "out_channels", "center_input_sample", "time_embedding_type", "freq_shift"}
    | {"time_embedding_dim", "flip_sin_to_cos", "mid_block_type", "mid_block_scale_factor", "downsample_padding"}
    | {"downsample_type", "upsample_type", "dropout", "act_fn", "attention_head_dim", "attn_norm_num_groups"}
    | {"norm_eps", "resnet_time_scale_shift", "add_attention", "class_embed_type", "num_class_embeds"}
    | {"num_train_timesteps"},
}
SCHEDULE = {"num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "prediction_type", "clip_sample"}
SCHEDULE |= {"clip_sample_range", "set_alpha_to_one", "steps_offset", "timestep_spacing", "rescale_betas_zero_snr"}
SCHEDULE |= {"thresholding", "dynamic_thresholding_ratio", "sample_max_value", "variance_type"}
MOST_STEPS = 10_000  # that a scheduler was trained with
PREDICTS = ("epsilon", "sample", "v_prediction")  # what networks tell
MOST_PLACES = 1 << 24  # numbers of a transformer's table of positions: 64 MiB
UNHEEDED = ("shift_factor", "latents_mean", "latents_std")  # that the library's pipelines leave out when they decode


def checked(settings: Mapping[str, Any], known: set[str], where: str) -> dict[str, Any]:
    """The library's settings of a class, without what begins with an underscore.

    Raises ValueError, naming `where`, for one that is not `known`, and for values beyond what can be meant: before a
    network of them is built.
    """
    found = {key: value for key, value in settings.items() if not key.startswith("_")}
    if strange := sorted(set(found) - known):
        raise ValueError(f"{where}: {strange[0]!r:.60} is no setting that is known; update genzoo")
    for key, value in found.items():
        items = value if isinstance(value, (list, tuple)) else [value]
        if len(items) > MOST_ITEMS or not all(_can_be_meant(key, item) for item in items):
            raise ValueError(f"{where}: {key} is {value!r:.80}, which cannot be meant")
    return found


def _can_be_meant(key: str, value: object) -> bool:
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, int):
        few = key.startswith("layers_per_") or key in DEPTHS
        most = MOST_BLOCKS if key == "num_layers" else MOST_LAYERS if few else MOST_NUMBER
        return 0 <= value <= max(most, MOST_STEPS if key == "num_train_timesteps" else 0)
    if isinstance(value, float):
        return math.isfinite(value) and abs(value) <= 1e6
    return isinstance(value, str) and WORD.fullmatch(value) is not None


def factor_of(kind: str, settings: Mapping[str, Any]) -> int:
    """How many pixels a side one latent of an autoencoder stands for. Raises ValueError for widths that are no list."""
    key = WIDTHS.get(kind, "block_out_channels")
    widths = settings.get(key, [64] * (4 if kind == "AutoencoderTiny" else 1))
    if not isinstance(widths, (list, tuple)) or not widths:
        raise ValueError(f"{key} is {widths!r:.40}; it must be a list of widths")
    return 1 << (len(widths) - 1)


def _small_coder() -> dict[str, Any]:
    widths = {"encoder_block_out_channels": [8, 8], "decoder_block_out_channels": [8, 8]}
    return {**widths, "num_encoder_blocks": [1, 1], "num_decoder_blocks": [1, 1], "latent_channels": 2}


def _small_dit() -> dict[str, Any]:
    heads = {"num_attention_heads": 2, "attention_head_dim": 4, "num_layers": 1, "norm_num_groups": 1}
    return {**heads, "in_channels": 3, "sample_size": 8, "patch_size": 2, "num_embeds_ada_norm": 4}


def _small_unet() -> dict[str, Any]:
    blocks = {"down_block_types": ["DownBlock2D", "DownBlock2D"], "up_block_types": ["UpBlock2D", "UpBlock2D"]}
    return {**blocks, "block_out_channels": [8, 8], "norm_num_groups": 4, "layers_per_block": 1, "add_attention": False}


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig:
    """One of the library's autoencoders of pictures."""

    kind: Literal["AutoencoderKL", "AsymmetricAutoencoderKL", "AutoencoderTiny", "VQModel"] = (
        "AutoencoderTiny"  # the library's class
    )
    settings: dict[str, Any] = field(default_factory=_small_coder)  # of that class, as its config.json has them
    image_size: Annotated[int, Meta(ge=8, le=1024)] = 16  # pixels: a multiple of the factor of the latents

    def __post_init__(self) -> None:
        found = checked(self.settings, SETTINGS[self.kind], self.kind)
        if found.get("in_channels", 3) != found.get("out_channels", 3):
            raise ValueError(f"{self.kind}: in_channels and out_channels differ: it gives other pictures than it takes")
        if strange := [key for key in ("in_channels", "latent_channels") if type(found.get(key, 1)) is not int]:
            raise ValueError(f"{self.kind}: {strange[0]} is {found[strange[0]]!r:.40}; it must be a whole number")
        if found.get("norm_type") == "spatial":
            raise ValueError(f"{self.kind}: norm_type is 'spatial', which is not read")
        if self.kind == "AsymmetricAutoencoderKL" and len(self.settings.get("up_block_out_channels", [64])) != (
            len(self.settings.get("down_block_out_channels", [64]))
        ):
            raise ValueError("down_block_out_channels and up_block_out_channels differ in number: sides would change")
        if self.image_size % self.factor:
            raise ValueError(f"image_size = {self.image_size} must be a multiple of {self.factor}")

    @property
    def factor(self) -> int:
        """How many pixels a side one latent stands for."""
        return factor_of(self.kind, self.settings)

    @property
    def latent_channels(self) -> int:
        """Numbers at each place of a latent."""
        usual = 3 if self.kind == "VQModel" else 4
        found = self.settings.get("latent_channels", usual)
        return int(self.settings.get("vq_embed_dim") or found) if self.kind == "VQModel" else int(found)

    @property
    def scaling_factor(self) -> float:
        """What latents are multiplied by, so that their variance is about 1: the library's usual where none is said."""
        usual = 1.0 if self.kind == "AutoencoderTiny" else 0.18215
        return float(self.settings.get("scaling_factor", usual) or 1.0)


def coder_behind(decoder: Mapping[str, Any], channels: Any, side: int) -> AutoencoderConfig | None:
    """The autoencoder whose latents (channels, side, side) a network works on; None where `decoder` names none.

    Raises ValueError where it has other latents, or settings that cannot be translated.
    """
    if not decoder:
        return None
    coder = decode(AutoencoderConfig, decoder, "autoencoder")
    if coder.latent_channels != channels or coder.image_size != side * coder.factor:
        told = f"its latents have {coder.latent_channels} channels and {coder.image_size // coder.factor} a side"
        raise ValueError(f"{coder.kind}: {told}, and the network works on {channels} and {side}")
    scale = coder.settings.get("scaling_factor", 1.0)
    if type(scale) not in (int, float) or scale < 1e-6:
        raise ValueError(f"{coder.kind}: scaling_factor is {scale!r:.40}; it must be a number above 0")
    if heeded := [key for key in UNHEEDED if coder.settings.get(key)]:
        raise ValueError(f"{coder.kind}: {heeded[0]} is {coder.settings[heeded[0]]!r:.40}, which no pipeline heeds")
    return coder


@dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """One of the library's diffusion models of pictures: UNet2DModel, and how its noise was scheduled."""

    settings: dict[str, Any] = field(default_factory=_small_unet)  # of UNet2DModel, as its config.json has them
    schedule: dict[str, Any] = field(default_factory=dict)  # as scheduler_config.json has it
    image_size: Annotated[int, Meta(ge=4, le=1024)] = 8  # pixels, or places a side of the latents
    decoder: dict[str, Any] = field(default_factory=dict)  # an AutoencoderConfig where it works on latents, else empty

    def __post_init__(self) -> None:
        found = checked(self.settings, SETTINGS["UNet2DModel"], "UNet2DModel")
        _check_schedule(self.schedule)
        if found.get("in_channels", 3) != found.get("out_channels", 3):
            raise ValueError("in_channels and out_channels differ: this network takes a condition beside the noise")
        coder_behind(self.decoder, found.get("in_channels", 3), self.image_size)


@dataclass(frozen=True, kw_only=True)
class DiTConfig:
    """One of the library's diffusion transformers of pictures, by class, and how its noise was scheduled."""

    settings: dict[str, Any] = field(default_factory=_small_dit)  # of DiTTransformer2DModel
    schedule: dict[str, Any] = field(default_factory=dict)  # as scheduler_config.json has it
    image_size: Annotated[int, Meta(ge=4, le=256)] = 8  # pixels, or places a side of the latents
    decoder: dict[str, Any] = field(default_factory=dict)  # an AutoencoderConfig where it works on latents, else empty
    guided: bool = False  # whether it has learnt the class that stands for none, and can be guided

    def __post_init__(self) -> None:
        found = checked(self.settings, SETTINGS["DiTTransformer2DModel"], "DiTTransformer2DModel")
        _check_schedule(self.schedule)
        if strange := [key for key in WHOLE if type(found.get(key, 1)) is not int]:
            raise ValueError(f"{strange[0]} is {found[strange[0]]!r:.40}; it must be a whole number")
        channels, patch = found.get("in_channels", 4), found.get("patch_size", 2)
        if coder_behind(self.decoder, channels, self.image_size) is None and channels not in (1, 3):
            told = "it works on the latents of an autoencoder, which stands in no pipeline with it"
            raise ValueError(f"in_channels is {channels}: {told} (model_index.json)")
        if found.get("out_channels") not in (None, channels, 2 * channels):
            raise ValueError(f"out_channels must be {channels}, or {2 * channels} with a variance")
        if found.get("sample_size", 32) != self.image_size or not patch or self.image_size % patch:
            raise ValueError(f"image_size = {self.image_size} must be sample_size, and a multiple of patch_size")
        width = found.get("num_attention_heads", 16) * found.get("attention_head_dim", 72)
        if not 1 <= width <= MOST_NUMBER or not found.get("num_embeds_ada_norm", 1000):
            raise ValueError(f"heads of together {width} numbers, or no classes: that cannot be meant")
        if (self.image_size // patch) ** 2 * width > MOST_PLACES:
            raise ValueError(f"{(self.image_size // patch) ** 2:,} patches of {width:,} numbers: that cannot be meant")


def _check_schedule(schedule: Mapping[str, Any]) -> None:
    checked(schedule, SCHEDULE, "scheduler")
    if not 1 <= schedule.get("num_train_timesteps", 1000) <= MOST_STEPS:
        raise ValueError(f"num_train_timesteps must be 1 to {MOST_STEPS:,}")
    if (told := schedule.get("prediction_type", PREDICTS[0])) not in PREDICTS:
        raise ValueError(f"prediction_type is {told!r:.40}; networks that tell {' or '.join(PREDICTS)} are read")
