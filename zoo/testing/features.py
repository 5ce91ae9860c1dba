"""Level `features`: a feature network is what was pinned, and can be looked through."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.catalogue.contract.specs import FeaturesSpec
from zoo.errors import NotFoundError
from zoo.nn.features import Features, load_features
from zoo.testing.cases import examples_of
from zoo.testing.modalities import shapes_of
from zoo.testing.subject import Item, NotApplicable, Subject, require

__all__ = ["loads", "maps", "vector"]

CLOSE = 1e-3  # of values around 1: kernels round differently for different batch sizes


def _network(subject: Subject, item: Item) -> Features:
    try:
        return load_features(item.name, subject.registry)
    except NotFoundError as error:
        if not item.of(FeaturesSpec).install_hint:
            raise
        raise NotApplicable(f"its weights are not here: {error!s:.200}") from error


def _examples(subject: Subject, item: Item, n: int) -> list[Tensor]:
    """Batches of n made-up examples of its modality, of a few shapes."""
    spec = subject.registry.modality(item.of(FeaturesSpec).modality)
    generator = torch.Generator().manual_seed(0)
    return [examples_of(spec, n, shape, generator) for shape in shapes_of(subject, item.of(FeaturesSpec).modality)]


def loads(subject: Subject, item: Item) -> None:
    """Its weights have the pinned sha256, and give a network in eval mode with dimensions and strides, all frozen."""
    network = _network(subject, item)
    require(not network.training, "it is not in eval mode")
    require(not any(weight.requires_grad for weight in network.parameters()), "its weights ask for gradients")
    whole = isinstance(network.dimensions, int) and network.dimensions >= 1
    require(whole, f"its dimensions are {network.dimensions!r}; a whole number is needed")
    strides = network.strides
    rising = all(isinstance(s, int) and s >= 1 for s in strides) and list(strides) == sorted(strides)
    require(rising, f"its strides are {strides!r}; whole numbers from fine to coarse are needed, or none")


def vector(subject: Subject, item: Item) -> None:
    """vector gives finite float32 (N, D) for examples of any size, with a gradient in x, of each example alone."""
    network = _network(subject, item)
    for x in _examples(subject, item, 3):
        given = f"of examples {tuple(x.shape)} it gives"
        x = x.requires_grad_() if x.is_floating_point() else x
        found = network.vector(x)
        form = (found.dtype, tuple(found.shape))
        require(form == (torch.float32, (3, network.dimensions)), f"{given} {found.dtype} {tuple(found.shape)}")
        require(found.isfinite().all(), f"{given} NaN or infinity")
        alone = network.vector(x[:1])
        scale = float(found.detach().abs().max().clamp(min=1))
        require(float((alone - found[:1]).detach().abs().max()) <= CLOSE * scale, f"{given} another vector alone")
        _check_gradient(found, x, given)


def maps(subject: Subject, item: Item) -> None:
    """maps gives finite float32 (N, C, …) of an example's rank for each stride, of its size, with a gradient in x."""
    network = _network(subject, item)
    for x in _examples(subject, item, 2):
        x = x.requires_grad_() if x.is_floating_point() else x
        if min(x.shape[2:] or x.shape[1:]) < max(network.strides, default=0):
            continue
        found = network.maps(x)
        require(len(found) == len(network.strides), f"{len(found)} maps for {len(network.strides)} strides")
        for one, stride in zip(found, network.strides, strict=True):
            given = f"at stride {stride}, of examples {tuple(x.shape)}, it gives"
            require(one.dtype == torch.float32 and one.shape[0] == 2, f"{given} {one.dtype} {tuple(one.shape)}")
            sides = zip(one.shape[2:], x.shape[2:], strict=False)
            fits = one.ndim == max(x.ndim, 3) and all(abs(small - side / stride) <= 1 for small, side in sides)
            require(fits, f"{given} a map {tuple(one.shape)}")
            require(one.isfinite().all(), f"{given} NaN or infinity")
            _check_gradient(one, x, given)


def _check_gradient(found: Tensor, x: Tensor, given: str) -> None:
    if not x.is_floating_point():
        return  # tokens have none
    require(found.requires_grad, f"{given} no gradient in x")
    weights = torch.rand(found.shape, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((found * weights).sum(), x, retain_graph=True, allow_unused=True)
    require(gradient is not None and gradient.isfinite().all(), f"{given} no finite gradient in x")
    require(gradient.any(), f"{given} a gradient of zeros in x")
