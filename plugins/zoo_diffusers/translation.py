"""The names of tensors in the library's files -> those of the parts here."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import torch
from torch import Tensor

from zoo.api import Foreign
from zoo_diffusers.autoencoders import SD
from zoo_diffusers.transformers import places_of

__all__ = ["translate"]

# How attention was named in files of before version 0.11: what stands before the last dot.
OLDER = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
OLD = re.compile(r"(.*\battentions\.\d+)\.(query|key|value|proj_attn)\.(weight|bias)")
PLACES = {  # of an autoencoder: how its tensors begin -> how they begin here
    "encoder.": "encoder.body.",
    "quant_conv.": "encoder.quant.",
    "decoder.": "decoder.body.",
    "post_quant_conv.": "decoder.quant.",
    "quantize.": "decoder.quantize.",
}


def translate(foreign: Foreign, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Name the tensors of an autoencoder or a denoiser as its parts do."""
    named = dict(map(_newer, tensors.items()))
    if foreign.more["kind"] in ("UNet2DModel", "DiTTransformer2DModel"):
        if foreign.more["kind"] == "DiTTransformer2DModel":
            table = places_of(foreign.config["config"]["settings"])
            named["pos_embed.pos_embed"] = table.to(next(iter(named.values())))
        return {f"denoiser.body.{key}": tensor for key, tensor in named.items()}
    found = {}
    for key, tensor in named.items():
        start = next((start for start in PLACES if key.startswith(start)), "")
        found[PLACES.get(start, "unknown.") + key.removeprefix(start)] = tensor
    dtype = next((tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()), torch.float32)
    return found | {"likelihood.log_sd": torch.tensor(math.log(SD), dtype=dtype)}


def _newer(item: tuple[str, Tensor]) -> tuple[str, Tensor]:
    key, tensor = item
    if (match := OLD.fullmatch(key)) is None:
        return key, tensor
    flat = tensor[:, :, 0, 0] if tensor.ndim == 4 and tensor.shape[2:] == (1, 1) else tensor  # 1x1 convolutions, once
    return f"{match[1]}.{OLDER[match[2]]}.{match[3]}", flat
