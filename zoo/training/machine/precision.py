"""In which precision a processor computes the products of networks."""

from __future__ import annotations

import torch

__all__ = ["computes_bfloat16"]


def computes_bfloat16(device: torch.device) -> bool:
    """Whether products in bfloat16 are computed as such there, and so are worth asking for.

    False for a CPU whose instructions oneDNN has no such kernels for (of x86, one without AVX-512): PyTorch then goes
    by a general way, sixty times slower than float32 (a 3x3 convolution of 128 channels on a Zen 3 of AMD's).
    """
    if device.type != "cpu":
        return True
    asked = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)  # PyTorch has no public name for it
    return asked is None or bool(asked())
