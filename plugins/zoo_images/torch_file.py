"""Torch files that are pinned: read as tensors alone, and made a frozen network of.

Such a file is a pickle. It is read with `weights_only=True`, which runs nothing of it, and only after its sha256
equalled the pinned one.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from zoo.errors import IntegrityError

__all__ = ["filled", "tensors"]

Network = TypeVar("Network", bound=nn.Module)


def tensors(weights: bytes, name: str) -> Mapping[str, Tensor]:
    """The tensors of a file by their names. Raises IntegrityError for one of `name` that holds more than tensors."""
    try:
        state: Mapping[str, Tensor] = torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True)
    except Exception as error:  # on hostile bytes torch raises nearly anything
        raise IntegrityError(f"the weights of {name} hold more than tensors ({type(error).__name__})") from error
    return state


def filled(network: Network, weights: bytes, name: str) -> Network:
    """The network with a file's tensors, one for each of its own, in eval mode, every batch norm folded into the
    convolution that stands before it. Raises IntegrityError as `tensors`.
    """
    network.load_state_dict(tensors(weights, name), strict=True)
    network.eval()
    for parent in list(network.modules()):
        for (before, conv), (after, norm) in pairwise(list(parent.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, before, fuse_conv_bn_eval(conv, norm))
                setattr(parent, after, nn.Identity())
    return network
