"""What a folder or repository of the diffusers library is, by its tables alone. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.api import Foreign, Listing
from zoo.errors import WeightsError
from zoo_diffusers.configs import SCHEDULE, SETTINGS, checked

__all__ = ["recognise"]

NAME, CONFIG, PIPELINE = "_class_name", "config.json", "model_index.json"
INDEXES = (".safetensors.index.json", ".safetensors.index.fp16.json")  # of weights in several files
WEIGHTS = ("diffusion_pytorch_model.safetensors", "model.safetensors", "diffusion_pytorch_model.fp16.safetensors")
CODERS = ("AutoencoderKL", "AsymmetricAutoencoderKL", "AutoencoderTiny", "VQModel")
DENOISERS = {"unet": "UNet2DModel", "transformer": "DiTTransformer2DModel"}  # by their place in a pipeline
ARCHITECTURES = {"UNet2DModel": "diffusers-unet", "DiTTransformer2DModel": "diffusers-dit"}
SIDE = 256  # pixels, where the settings name none or more
NO_PRIOR = "its latents fill no N(0, I): what is decoded of drawn noise is no picture; encode, edit and reconstruct"
MOST_SHARDS = 64
DIGIT = {"format": 1, "training": {}, "zoo": "0"}


def recognise(listing: Listing) -> Foreign | None:
    """An autoencoder, or a diffusion model of pictures without conditions; None for anything else.

    Raises WeightsError for one whose settings cannot be meant, or whose weights are pickled.
    """
    if listing.has(PIPELINE):
        index = listing.read(PIPELINE)
        found = next((part for part, kind in DENOISERS.items() if _component(index, part) == kind), None)
        return None if found is None else _pipeline(listing, index, found)
    for folder in ("", "vae", "unet", "transformer"):
        if listing.has(file := _in(folder, CONFIG)):
            table = listing.read(file)
            kind = table.get(NAME)
            if kind in CODERS:
                return _coder(listing, folder, table)
            if isinstance(kind, str) and kind in ARCHITECTURES:
                return _denoiser(listing, folder, table)
    return None


def _component(index: Mapping[str, Any], name: str) -> str:
    """The class of a pipeline's component; "" for what is none of the library's own."""
    found = index.get(name)
    return found[1] if isinstance(found, list) and len(found) == 2 and found[0] == "diffusers" else ""


def _pipeline(listing: Listing, index: Mapping[str, Any], part: str) -> Foreign | None:
    """A pipeline whose only network tells noise: others need what stands before or behind it."""
    if any(isinstance(value, list) and key not in (part, "scheduler") for key, value in index.items()):
        return None
    folder, kind = part if listing.has(_in(part, CONFIG)) else "", DENOISERS[part]
    if not listing.has(_in(folder, CONFIG)):
        return None
    table = listing.read(_in(folder, CONFIG))
    if table.get(NAME, kind) != kind:
        raise WeightsError(f"{PIPELINE} names a {kind}, {_in(folder, CONFIG)} a {table[NAME]!r:.60}")
    return _denoiser(listing, folder, {**table, NAME: kind}, (PIPELINE,))


def _coder(listing: Listing, folder: str, table: Mapping[str, Any]) -> Foreign:
    kind, file = str(table[NAME]), _in(folder, CONFIG)
    settings = _checked(table, SETTINGS[kind], file)
    size = settings.get("sample_size") or SIDE
    size = min(int(size if isinstance(size, int) else SIDE), SIDE)
    config = {"kind": kind, "settings": settings, "image_size": size}
    weights, tables = _weights(listing, folder)
    shape = [int(settings.get("in_channels", 3)), size, size]
    return Foreign(
        format="diffusers",
        kind=_kind(table),
        config=_config("diffusers-autoencoder", config, shape),
        weights=weights,
        tables=(file, *tables),
        notes=(NO_PRIOR, "pictures of any sides that are multiples of the factor; beyond 512 pixels in tiles"),
        more={"kind": kind},
    )


def _denoiser(listing: Listing, folder: str, table: Mapping[str, Any], tables: tuple[str, ...] = ()) -> Foreign:
    kind, file = str(table[NAME]), _in(folder, CONFIG)
    settings = _checked(table, SETTINGS[kind], file)
    size = settings.get("sample_size")
    if not isinstance(size, int):
        raise WeightsError(f"{file}: sample_size is {size!r:.40}; squares alone are read")
    places = ("scheduler/scheduler_config.json", "scheduler_config.json")
    schedule, found = {}, next((place for place in places if listing.has(place)), "")
    if found:
        known = {key: value for key, value in listing.read(found).items() if key in SCHEDULE}
        schedule = _checked(known, SCHEDULE, found)
    weights, more = _weights(listing, folder)
    shape = [int(settings.get("in_channels", 3)), size, size]
    config = {"settings": settings, "schedule": schedule, "image_size": size}
    return Foreign(
        format="diffusers",
        kind=_kind(table),
        config=_config(ARCHITECTURES[kind], config, shape),
        weights=weights,
        tables=(*tables, file, *((found,) if found else ()), *more),
        more={"kind": kind},
    )


def _weights(listing: Listing, folder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The files of the weights, and the table that names them where they are in several."""
    for name in WEIGHTS:
        if listing.has(file := _in(folder, name)):
            return (file,), ()
    for file in (file for ending in INDEXES for file in listing.ending(ending, folder)):
        places = listing.read(file).get("weight_map")
        names = sorted(set(places.values())) if isinstance(places, dict) else []
        shards = tuple(_in(folder, name) for name in names if isinstance(name, str))
        if not shards or len(shards) > MOST_SHARDS or not all(map(listing.has, shards)):
            raise WeightsError(f"{file} names files that are not there: {names!s:.80}")
        return shards, (file,)
    if pickled := (*listing.ending(".bin", folder), *listing.ending(".ckpt", folder)):
        raise WeightsError(f"{pickled[0]} is pickled, and there are no safetensors beside it; that is never loaded")
    raise WeightsError(f"there are no weights beside {_in(folder, CONFIG)}")


def _checked(table: Mapping[str, Any], known: set[str], file: str) -> dict[str, Any]:
    try:
        return checked(table, known, file)
    except ValueError as error:
        raise WeightsError(str(error)) from error


def _config(architecture: str, config: dict[str, Any], shape: list[int]) -> dict[str, Any]:
    return {**DIGIT, "architecture": architecture, "config": config, "data": {"shape": shape}}


def _kind(table: Mapping[str, Any]) -> str:
    return f"{table[NAME]} of diffusers {table.get('_diffusers_version', '')!s:.20}".strip()


def _in(folder: str, file: str) -> str:
    return f"{folder}/{file}" if folder else file
