"""Networks made ready for sampling: in eval mode, and batch norm folded into the convolution before it.

What is given is a twin that shares the weights; the network itself, its mode and its buffers stay as they are.

In eval mode a batch norm scales and shifts each channel by fixed numbers, and a convolution can do that itself:
norm(W x + b) = (s W) x + s (b - mean) + beta with s = gamma / sqrt(var + eps).
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

__all__ = ["folded", "resting"]

Network = TypeVar("Network", bound=nn.Module)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
NORMS: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv1d: nn.BatchNorm1d,
    nn.Conv2d: nn.BatchNorm2d,
    nn.Conv3d: nn.BatchNorm3d,
    nn.ConvTranspose1d: nn.BatchNorm1d,
    nn.ConvTranspose2d: nn.BatchNorm2d,
    nn.ConvTranspose3d: nn.BatchNorm3d,
}


class _Folded(nn.Sequential):
    """Runs `ready` when it is called. Whoever walks through it meets the layers as they were, and stays right."""

    ready: tuple[nn.Module, ...]

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.ready:
            x = layer(x)
        return x


@torch.no_grad()
def folded(network: Network) -> Network:
    """The network with every convolution and batch norm that stand side by side in a plain `nn.Sequential` made one.

    `network` itself is not touched, and is given back where there is nothing to fold: in training, with hooks or
    parametrizations on either layer, without running statistics. What is given shares all other weights with it and is
    for calling once or a few times: it does not follow later changes of the folded weights. Its results are equal
    within the rounding of its dtype.
    """
    children = {name: child and folded(child) for name, child in network._modules.items()}
    layers = [child for child in children.values() if child is not None]
    if type(network) is nn.Sequential:
        ready = _merged(layers)
        if len(ready) < len(layers):
            twin: Network = _like(network, _Folded, {"ready": ready})
            return twin
    if all(child is network._modules[name] for name, child in children.items()):
        return network
    twin = _like(network, type(network), {"_modules": children})
    return twin


def resting(network: Network) -> Network:
    """The network in eval mode, its weights asking for no gradient; itself where it is so already.

    Otherwise a twin that shares all weights and buffers, so that no thread meets the network in another mode.
    """
    changes: dict[str, Any] = {"training": False} if network.training else {}
    children = {name: child if child is None else resting(child) for name, child in network._modules.items()}
    if any(child is not network._modules[name] for name, child in children.items()):
        changes["_modules"] = children
    weights = network._parameters
    if any(weight is not None and weight.requires_grad for weight in weights.values()):
        changes["_parameters"] = {name: None if w is None else w.detach() for name, w in weights.items()}
    return cast(Network, _like(network, type(network), changes)) if changes else network


def _like(network: nn.Module, kind: type[Any], changes: dict[str, Any]) -> Any:
    """A shallow copy of another class, with some attributes changed."""
    twin = object.__new__(kind)
    twin.__dict__.update(network.__dict__ | changes)
    return twin


def _merged(layers: list[nn.Module]) -> tuple[nn.Module, ...]:
    merged: list[nn.Module] = []
    for layer in layers:
        if merged and _foldable(merged[-1], layer):
            merged[-1] = _fold(merged[-1], layer)
        else:
            merged.append(layer)
    return tuple(merged)


def _foldable(conv: nn.Module, norm: nn.Module) -> bool:
    """Whether both are exactly what torch has under their names, and the norm scales by fixed numbers."""
    if NORMS.get(type(conv)) is not type(norm) or norm.training or norm.running_var is None:
        return False
    weight, grouped = conv.weight, type(conv) in TRANSPOSED and conv.groups != 1
    alike = isinstance(weight, Tensor) and (weight.dtype, weight.device) == (
        norm.running_var.dtype,
        norm.running_var.device,
    )
    hooked = any(module._forward_hooks or module._forward_pre_hooks for module in (conv, norm))
    return alike and not grouped and not hooked and norm.num_features == conv.out_channels


def _fold(conv: Any, norm: Any) -> nn.Module:
    scale = torch.rsqrt(norm.running_var + norm.eps)
    scale = scale if norm.weight is None else scale * norm.weight
    shift = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
    shift = scale * shift if norm.bias is None else torch.addcmul(norm.bias, scale, shift)
    channels = [1] * conv.weight.ndim
    channels[1 if type(conv) in TRANSPOSED else 0] = -1
    parameters = {"weight": conv.weight * scale.view(channels), "bias": shift}
    return cast(nn.Module, _like(conv, type(conv), {"_parameters": parameters}))
