"""Name -> a filled model in eval mode."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from zoo.catalogue.contract.formats import Foreign
from zoo.catalogue.contract.references import blamed, import_reference
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.contract.specs import ModalitySpec
from zoo.catalogue.hub.access import Access
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.weights.folder import DEFAULT_PRIOR, MODEL, SAMPLING, STORED, Folder, truncation_of
from zoo.catalogue.weights.header import MOST_HEADER
from zoo.catalogue.weights.locate import locate
from zoo.errors import NotFoundError, UsageError, WeightsError
from zoo.nn.build import build_parts, decode_config, memory_format
from zoo.nn.devices import find_device
from zoo.nn.extras import Extras
from zoo.nn.families import family_of
from zoo.nn.models import Model
from zoo.nn.serialization import fill, half_of, parse, parse_metadata
from zoo.nn.torch_state import default_state

__all__ = ["given_by", "load", "load_folder"]


def load(
    name: str | os.PathLike[str],
    *,
    discriminator: bool = False,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
    registry: Registry | None = None,
) -> Model:
    """Load a pretrained model, in eval mode, every byte checked against its pin.

    `name` is a catalogue name, `hf://org/repo[@revision]`, or a path to a weights folder. With `discriminator` a GAN's
    second player comes too. `device` is "auto" (the best that is there), "cpu", "cuda", "cuda:1" or "mps". `dtype` is
    what the weights are brought to (None: as they are stored); what the model gives is float32 all the same.

    Of the Hub: `revision`, a branch, tag or commit of an hf:// name (a catalogue name is pinned, and takes none);
    `token`, where HF_TOKEN or the log-in's is not meant (False: none); `cache_dir`, another cache folder;
    `local_files_only=True`, no network. Raises NotFoundError, IntegrityError, WeightsError, ConfigError, NetworkError,
    StorageError, UsageError.
    """
    registry = registry or default_registry()
    place = find_device(device)
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise UsageError(f"dtype is {dtype!r}; it must be a floating-point dtype, such as torch.bfloat16")
    access = Access(revision=revision, token=token, cache_dir=cache_dir, local_files_only=local_files_only)
    model = load_folder(locate(name, registry, access), registry, discriminator=discriminator)
    return model if place.type == "cpu" and dtype is None else model.to(place, dtype)


@default_state()
def load_folder(folder: Folder, registry: Registry, *, discriminator: bool = False) -> Model:
    """Load from a folder that has been located."""
    data = folder.config()
    spec = registry.architecture(data["architecture"])
    if folder.spec is not None and folder.spec.architecture not in (data["architecture"], spec.name):
        raise WeightsError(f"{folder.name} is catalogued as {folder.spec.architecture}, its config says {spec.name}")
    config = decode_config(spec, data["config"], f"{folder.name}: config")
    family = family_of(spec.family, registry, folder.name)
    beside = family.files_of(("discriminator",) if discriminator else ())
    if absent := [name for name in beside if name not in spec.parts]:
        raise UsageError(f"{folder.name}: architecture {spec.name} has no {absent[0]}")
    parts = build_parts(spec, config, [*family.published, *beside])
    published = {name: parts[name] for name in family.published}
    if folder.foreign is None:
        _fill_parts(published, folder, MODEL)
    else:
        _fill_translated(published, folder, folder.foreign, registry)
    for name, file in beside.items():
        if not folder.has(file):
            raise NotFoundError(f"{folder.name} has no {file}; only its {' and '.join(family.published)} was published")
        _fill_parts({name: parts[name]}, folder, file)
    if data.get(STORED):
        for part in parts.values():
            part.float()
    held = [file for file in family.optional if folder.has(file)]
    tensors = {file: _beside_model(folder, file) for file in held}
    extras = Extras(
        value_range=_value_range(data, folder),
        tensors=tensors,
        default_prior=data.get(DEFAULT_PRIOR, ""),
        sampling=data.get(SAMPLING, {}),
        spec=folder.spec,
        info=data,
        origin=folder.origin,
        folder=replace(folder, repair=None),  # a model can be copied and pickled
        truncation=truncation_of(data),
        classes=_classes(data, folder),
        modality=spec.modality,
        given=given_by(registry.modality(spec.modality), data["data"].get("about")),
        memory_format=memory_format(registry.modality(spec.modality)),
    )
    try:
        return family.container(parts, extras)
    except WeightsError as error:
        raise WeightsError(f"{folder.name}: {error}") from error


def given_by(spec: ModalitySpec, about: Mapping[str, Any] | None) -> Callable[[object, tuple[int, ...]], object]:
    """How a model reads what users hand over: (examples, data_shape) -> numbers."""
    return partial(_given, spec, about)


def _given(spec: ModalitySpec, about: Mapping[str, Any] | None, value: object, data_shape: tuple[int, ...]) -> object:
    """Users' examples as their modality reads them; it is imported when they are no plain numbers."""
    make = import_reference(spec.modality, f"modality {spec.name}", spec.install_hint)
    found: object = make(about or {}).given(value, data_shape)
    return found


def _fill_parts(parts: dict[str, nn.Module], folder: Folder, file: str) -> None:
    """Give each part its tensors of a file, whose names begin with the part's; all its floats may be stored in half."""
    where = f"{folder.path / file}"
    most = MOST_HEADER + sum(tensor.nbytes for part in parts.values() for tensor in part.state_dict().values())
    _deal(parse(folder.read(file, most=most), where), parts, where)


def _deal(tensors: Mapping[str, Tensor], parts: dict[str, nn.Module], where: str) -> None:
    """Fill each part with the tensors whose names begin with its own."""
    inner: dict[str, dict[str, Tensor]] = {name: {} for name in parts}
    for key, tensor in tensors.items():
        prefix, _, rest = key.partition(".")
        if prefix not in parts or not rest:
            raise WeightsError(f"{where} holds {key!r:.80}, which is no tensor of a {' or '.join(parts)}")
        inner[prefix][rest] = tensor
    for name, part in parts.items():
        fill(part, inner[name], where, half=half_of(tensors.values()))


def _fill_translated(parts: dict[str, nn.Module], folder: Folder, foreign: Foreign, registry: Registry) -> None:
    """Give each part its tensors of another format's files, under the names that the format's plugin says."""
    spec = registry.format(foreign.format)
    owner = f"format {foreign.format}"
    translate = import_reference(spec.translate, owner, spec.install_hint)
    most = MOST_HEADER + 2 * sum(tensor.nbytes for part in parts.values() for tensor in part.state_dict().values())
    tensors: dict[str, Tensor] = {}
    for file in foreign.weights:
        found = parse(folder.read(file, most=most), f"{folder.path / file}")
        if twice := next(iter(set(found) & set(tensors)), None):
            raise WeightsError(f"{folder.path / file} holds {twice!r:.80} a second time")
        tensors |= found
    with blamed(f"{owner}: naming the tensors of {folder.name} failed"):
        named: Mapping[str, Tensor] = translate(foreign, tensors)
    _deal(named, parts, folder.name)


def _beside_model(folder: Folder, file: str) -> dict[str, Tensor]:
    """The tensors of a file that was fitted to the model beside it. Raises WeightsError where it names another one."""
    where, blob = f"{folder.path / file}", folder.read(file)
    of = parse_metadata(blob, where).get("model_sha256")
    if of is not None and of != (mine := folder.model_sha256()):
        raise WeightsError(f"{where} was fitted to a model of sha256 {of:.12}, not {mine:.12}; fit it again")
    return parse(blob, where)


def _classes(data: dict[str, Any], folder: Folder) -> tuple[str, ...]:
    """The names of the classes, where the config has them."""
    names = data["data"].get("classes", [])
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise WeightsError(f"{folder.name}: data.classes is {names!r:.80}; it must be a list of names")
    if len(set(names)) < len(names):
        raise WeightsError(f"{folder.name}: data.classes has a name twice")
    return tuple(names)


def _value_range(data: dict[str, Any], folder: Folder) -> tuple[float, float] | None:
    if "range" not in data["data"]:
        return None
    low_high = data["data"]["range"]
    numbers = isinstance(low_high, list) and len(low_high) == 2 and all(type(v) in (int, float) for v in low_high)
    if not numbers or not -1e3 <= low_high[0] < low_high[1] <= 1e3 or low_high[1] - low_high[0] < 1e-3:
        raise WeightsError(f"{folder.name}: data.range {low_high!r:.60} must be two numbers, the lower first")
    return float(low_high[0]), float(low_high[1])
