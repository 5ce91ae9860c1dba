"""The names of tensors in the library's files -> those of the parts here."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import torch
from torch import Tensor

from zoo.api import Foreign
from zoo_diffusers.autoencoders import SD
from zoo_diffusers.names import CODER, DECODER, ENCODER, under
from zoo_diffusers.transformers import places_of

__all__ = ["translate"]

# How attention was named in files of before version 0.11: what stands before the last dot.
OLDER = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
OLD = re.compile(r"(.*\battentions\.\d+)\.(query|key|value|proj_attn)\.(weight|bias)")


def translate(foreign: Foreign, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Name the tensors of an autoencoder or a denoiser as its parts do.

    Of an autoencoder behind a denoiser the encoder's are left out.
    """
    named, config = dict(map(_newer, tensors.items())), foreign.config["config"]
    if foreign.more["kind"] in ("UNet2DModel", "DiTTransformer2DModel"):
        if foreign.more["kind"] == "DiTTransformer2DModel":
            named["pos_embed.pos_embed"] = places_of(config["settings"]).to(next(iter(named.values())))
        if "decoder" in config:
            named = {key: tensor for key, tensor in named.items() if not key.startswith(tuple(ENCODER))}
            return _moved(named, under("denoiser.behind.", DECODER), "denoiser.body.")
        return _moved(named, {}, "denoiser.body.")
    found = _moved(named, CODER, "unknown.")
    dtype = next((tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()), torch.float32)
    return found | {"likelihood.log_sd": torch.tensor(math.log(SD), dtype=dtype)}


def _moved(tensors: Mapping[str, Tensor], places: Mapping[str, str], other: str) -> dict[str, Tensor]:
    """Names that begin as one of `places` begin as that says; before all others stands `other`."""
    found = {}
    for key, tensor in tensors.items():
        start = next((start for start in places if key.startswith(start)), "")
        found[places.get(start, other) + key.removeprefix(start)] = tensor
    return found


def _newer(item: tuple[str, Tensor]) -> tuple[str, Tensor]:
    key, tensor = item
    if (match := OLD.fullmatch(key)) is None:
        return key, tensor
    flat = tensor[:, :, 0, 0] if tensor.ndim == 4 and tensor.shape[2:] == (1, 1) else tensor  # 1x1 convolutions, once
    return f"{match[1]}.{OLDER[match[2]]}.{match[3]}", flat
