"""Models written as the diffusers library reads them, without it: tables, and safetensors beside them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from zoo.configs import decode
from zoo.errors import UsageError
from zoo.files import new_folder, refuse_full
from zoo.nn import Model
from zoo_diffusers.ddpm_config import DDPMConfig
from zoo_diffusers.names import CODER
from zoo_diffusers.schedules import BETAS

__all__ = ["write"]

VERSION = "0.42.1"  # of the library whose tables these are
WEIGHTS, CONFIG = "diffusion_pytorch_model.safetensors", "config.json"
SCHEDULES = {"cosine": "squaredcos_cap_v2", "linear": "linear"}
PLACES = {here: there for there, here in CODER.items()}  # how an autoencoder's tensors begin


@dataclass(frozen=True, kw_only=True)
class Written:
    """What stands in a folder of the library's."""

    tables: Mapping[str, Mapping[str, Any]]  # place -> JSON
    tensors: Mapping[str, Tensor]
    weights: str  # the place of their file


def write(model: Model, name: str, out: Path) -> list[Path]:
    """Write a model as a folder `out` that diffusers' `from_pretrained` loads; gives its files.

    Of the architecture `ddpm` and of the library's own U-Nets that is a pipeline, UNet2DModel and DDIMScheduler; of the
    library's autoencoders, trained here or there, a folder of that class. `name` is told in errors. Raises UsageError
    for any other model, and StorageError where `out` cannot be written or is not empty.
    """
    kind = model.info.get("architecture", "")
    if model.info.get("config", {}).get("decoder"):
        told = "works on the latents of an autoencoder, of which the decoder alone was read"
        raise UsageError(f"{name} {told}; diffusers loads what it was loaded from: {model.origin}")
    if kind not in WRITERS:
        fit = ", ".join(WRITERS)
        raise UsageError(f"{name} is a {kind or 'model of no architecture'}, which diffusers lacks; what fits: {fit}")
    refuse_full(out)
    found = WRITERS[kind](model, model.info["config"])
    with new_folder(out) as aside:
        for place, table in found.tables.items():
            (aside / place).parent.mkdir(exist_ok=True)
            (aside / place).write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
        tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in found.tensors.items()}
        save_file(tensors, aside / found.weights, metadata={"format": "pt"})
    return sorted(path for path in out.rglob("*") if path.is_file())


def _ddpm(model: Model, config: Mapping[str, Any]) -> Written:
    asked = decode(DDPMConfig, dict(config), "config")
    attended = [side in asked.attention for side in asked.sides]
    settings = {
        "sample_size": asked.image_size,
        "in_channels": asked.channels,
        "out_channels": asked.channels,
        "block_out_channels": list(asked.widths),
        "layers_per_block": asked.blocks,
        "down_block_types": [f"{'Attn' if there else ''}DownBlock2D" for there in attended],
        "up_block_types": [f"{'Attn' if there else ''}UpBlock2D" for there in reversed(attended)],
        "attention_head_dim": asked.head_size,
        "norm_num_groups": asked.groups,
        "dropout": asked.dropout,
        "num_class_embeds": asked.num_classes or None,
    }
    schedule = {
        "num_train_timesteps": asked.times,
        "beta_schedule": SCHEDULES[asked.schedule],
        "beta_start": BETAS[0],
        "beta_end": BETAS[1],
        "prediction_type": asked.predicts,
        "clip_sample": True,
        "timestep_spacing": "trailing",
    }
    return _pipeline(settings, schedule, _of("denoiser.", model))


def _library_unet(model: Model, config: Mapping[str, Any]) -> Written:
    return _pipeline(config.get("settings", {}), config.get("schedule", {}), _of("denoiser.body.", model))


def _pipeline(settings: Mapping[str, Any], schedule: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Written:
    index = _table("DDIMPipeline", {"scheduler": ["diffusers", "DDIMScheduler"], "unet": ["diffusers", "UNet2DModel"]})
    tables = {
        "model_index.json": index,
        f"unet/{CONFIG}": _table("UNet2DModel", settings),
        "scheduler/scheduler_config.json": _table("DDIMScheduler", schedule),
    }
    return Written(tables=tables, tensors=tensors, weights=f"unet/{WEIGHTS}")


def _autoencoder(model: Model, config: Mapping[str, Any]) -> Written:
    tensors = {new + key: tensor for old, new in PLACES.items() for key, tensor in _of(old, model).items()}
    return Written(tables={CONFIG: _table(config["kind"], config["settings"])}, tensors=tensors, weights=WEIGHTS)


def _table(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"_class_name": name, "_diffusers_version": VERSION, **settings}


def _of(start: str, model: Model) -> dict[str, Tensor]:
    """The tensors whose names begin so, without that."""
    return {key.removeprefix(start): tensor for key, tensor in model.state_dict().items() if key.startswith(start)}


WRITERS: dict[str, Callable[[Model, Mapping[str, Any]], Written]] = {
    "ddpm": _ddpm,
    "diffusers-unet": _library_unet,
    "diffusers-autoencoder": _autoencoder,
}
