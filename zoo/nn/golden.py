"""Golden samples: a few latents and what they must decode to, kept with the weights and replayed by `zoo verify`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.weights.card_check import check_card
from zoo.catalogue.weights.folder import DISCRIMINATOR, FILES, GOLDEN, Folder
from zoo.catalogue.weights.header import STATISTICS
from zoo.errors import IntegrityError, WeightsError
from zoo.nn.abilities import Encodes
from zoo.nn.devices import find_device
from zoo.nn.families import family_of
from zoo.nn.models import Model
from zoo.nn.pretrained import load_folder
from zoo.nn.sampling import check_labels
from zoo.nn.serialization import parse

__all__ = ["golden_samples", "verify"]

COUNT, SEED, TOLERANCE = 4, 0, 1e-3  # a quarter of an 8-bit level: other machines round convolutions differently
OF_HALF = {torch.float16: 5e-3, torch.bfloat16: 3e-2}  # and these round to 11 and 8 bits after each layer
MOST = 1024  # golden samples that are replayed
FORM = {"z": torch.float32, "x": torch.float32, "tolerance": torch.float32, "seed": torch.int64}
Checks = Mapping[str, Callable[[Folder, Model], Any]]
LABELS = "labels"  # where there are classes: of which each sample is
ENCODED = "mean"  # where there is an encoder: the means of the posteriors of x


def golden_samples(model: Model) -> dict[str, Tensor]:
    """The tensors of golden.safetensors: `z`, `x` = decode(z), `tolerance` on |x| and the `seed` of z.

    x is in [0, 1], or int64 tokens. A model that encodes continuous data adds `mean` = encode(x).mean, whose tolerance
    is relative to the largest mean, if above 1; one with classes the `labels` (N,) int64 of the samples.
    """
    z = model.latents(COUNT, seed=SEED)
    labels = check_labels(None, COUNT, model.num_classes)
    x = model.decode(z, labels)
    golden = {
        "z": z,
        "x": x,
        "tolerance": torch.tensor([OF_HALF.get(model.dtype, TOLERANCE)]),
        "seed": torch.tensor([SEED]),
    }
    golden |= {} if labels is None else {LABELS: labels}
    if isinstance(model, Encodes) and x.is_floating_point():
        golden[ENCODED] = model.encode(x, labels).mean
    return golden


def verify(
    folder: Folder,
    registry: Registry,
    checks: Checks = MappingProxyType({}),
    *,
    device: str | torch.device = "cpu",
) -> dict[str, Any]:
    """Check a weights folder: hashes, header against architecture, golden samples, card. Gives a JSON-able report.

    On another `device` than the CPU the golden samples are replayed there. Each of `checks` is given the folder and its
    model, and what it gives is reported under its name. Raises NotFoundError, IntegrityError, WeightsError, ConfigError
    or UsageError (for a device that is not there) at the first thing that is wrong.
    """
    for file in FILES:
        if file in folder.pins or file in folder.digests:
            folder.read(file)
    place = find_device(device)
    model = load_folder(folder, registry, discriminator=folder.has(DISCRIMINATOR)).to(place)
    more = {name: check(folder, model) for name, check in checks.items()}
    ours = folder.foreign is None
    difference = _replay(model, folder) if ours else None
    architecture = registry.architecture(folder.config()["architecture"])
    published = family_of(architecture.family, registry, folder.name).published
    return {
        "name": folder.name,
        "ok": True,
        "source": folder.source,
        "origin": folder.origin,
        "pinned": sorted(folder.pins),
        "parameters": sum(_count(model.get_submodule(name)) for name in published),
        "golden_difference": difference,
        "card": check_card(folder) if ours else "none",
        **more,
    }


def _count(part: nn.Module) -> int:
    """How many numbers are stored of a part, without the statistics of its norms."""
    return sum(tensor.numel() for key, tensor in part.state_dict().items() if not key.endswith(STATISTICS))


def _replay(model: Model, folder: Folder) -> float:
    where = f"{folder.path / GOLDEN}"
    golden = parse(folder.read(GOLDEN), where)
    form = {key: tensor.dtype for key, tensor in golden.items()}
    tokens = form.get("x") == torch.int64
    wanted = FORM | ({"x": torch.int64} if tokens else {})
    wanted |= {ENCODED: torch.float32} if isinstance(model, Encodes) and not tokens else {}
    wanted |= {} if model.num_classes is None else {LABELS: torch.int64}
    if form != wanted or any(golden[key].shape != (1,) for key in ("tolerance", "seed")):
        keys = " and ".join([", ".join([*wanted][:-1]), [*wanted][-1]])
        raise WeightsError(f"{where} must hold {keys}; export the run again")
    z, seed, classes = golden["z"], int(golden["seed"]), model.num_classes or 0
    if z.shape[1:] != model.latent_shape or not 1 <= len(z) <= MOST or seed < 0:
        raise WeightsError(f"{where}: z or seed is none that this model could have drawn; export the run again")
    tolerance = float(golden["tolerance"])
    if not 0 < tolerance <= 0.05:
        raise WeightsError(f"{where}: a tolerance of {tolerance:g} proves nothing; it must be above 0, at most 0.05")
    # Close, not equal: the vector units of other machines round the normal distribution differently.
    if not torch.allclose(model.latents(len(z), seed=seed), z, rtol=0, atol=1e-4):
        raise IntegrityError(f"{folder.name}: seed {seed} no longer draws the golden latents")
    labels = golden.get(LABELS)
    if labels is not None and (labels.shape != z.shape[:1] or not bool(((labels >= 0) & (labels < classes)).all())):
        raise WeightsError(f"{where}: labels must be one of {classes} classes for each z; export the run again")
    found = model.decode(z, labels).cpu()
    if (found.shape, found.dtype) != (golden["x"].shape, golden["x"].dtype):
        kept, given = (f"{x.dtype} {tuple(x.shape)}" for x in (golden["x"], found))
        raise WeightsError(f"{where}: x is {kept}, the model gives {given}")
    difference = float((found - golden["x"]).abs().max())
    if isinstance(model, Encodes) and not tokens:
        difference = max(difference, _encoded_difference(model, golden, where))
    if not difference <= tolerance:
        raise IntegrityError(f"{folder.name}: golden samples differ by {difference:.2g}, allowed is {tolerance:.2g}")
    return difference


def _encoded_difference(model: Encodes, golden: dict[str, Tensor], where: str) -> float:
    """How far the posterior means of the golden x are from the golden ones, relative to the largest, if above 1."""
    x, mean = golden["x"], golden[ENCODED]
    if mean.shape != golden["z"].shape or not bool(((x >= 0) & (x <= 1)).all()):
        raise WeightsError(f"{where}: x or mean is none that this model could have given; export the run again")
    return float((model.encode(x, golden.get(LABELS)).mean.cpu() - mean).abs().max() / mean.abs().max().clamp(min=1))
