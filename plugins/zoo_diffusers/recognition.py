"""What a folder or repository of the diffusers library is, by its tables alone. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from zoo.api import Foreign, Listing
from zoo.errors import WeightsError
from zoo_diffusers.configs import SCHEDULE, SETTINGS, checked, factor_of
from zoo_diffusers.labels import classes_of

__all__ = ["recognise"]

NAME, CONFIG, PIPELINE, LABELS = "_class_name", "config.json", "model_index.json", "id2label"
INDEXES = (".safetensors.index.json", ".safetensors.index.fp16.json")  # of weights in several files
WEIGHTS = ("diffusion_pytorch_model.safetensors", "model.safetensors", "diffusion_pytorch_model.fp16.safetensors")
CODERS = ("AutoencoderKL", "AsymmetricAutoencoderKL", "AutoencoderTiny", "VQModel")
UNET, DIT, OLDER_DIT = "UNet2DModel", "DiTTransformer2DModel", "Transformer2DModel"  # the last: before 0.28
DENOISERS = {"unet": (UNET,), "transformer": (DIT, OLDER_DIT)}  # by their place in a pipeline
BEHIND = ("vae", "vqvae")  # the place of an autoencoder
ARCHITECTURES = {UNET: "diffusers-unet", DIT: "diffusers-dit"}
NEUTRAL = (None, False, "default")  # of the settings that an older transformer has besides
PLACES = ("scheduler/scheduler_config.json", "scheduler_config.json")
SCHEDULERS = (  # whose settings say how noise comes by betas
    *("DDIMScheduler", "DDPMScheduler", "PNDMScheduler", "LMSDiscreteScheduler", "HeunDiscreteScheduler"),
    *("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "UniPCMultistepScheduler"),
    *("DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler", "DEISMultistepScheduler"),
    *("KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "DPMSolverSDEScheduler"),
)
OTHER_NOISE = ("trained_betas", "use_flow_sigmas")  # settings that change how noise comes, and are not read
SIDE = 256  # pixels, where the settings name none or more
NO_PRIOR = "its latents fill no N(0, I): what is decoded of drawn noise is no picture; encode, edit and reconstruct"
NO_ENCODER = "of its autoencoder the decoder alone is read: it makes pictures, and takes none"
MOST_SHARDS = 64
DIGIT = {"format": 1, "training": {}, "zoo": "0"}


def recognise(listing: Listing) -> Foreign | None:
    """An autoencoder, or a diffusion model of pictures without conditions but a class; None for anything else.

    Raises WeightsError for one whose settings cannot be meant, or whose weights are pickled.
    """
    if listing.has(PIPELINE):
        return _pipeline(listing, listing.read(PIPELINE))
    for folder in ("", "vae", "unet", "transformer"):
        if listing.has(file := _in(folder, CONFIG)):
            table = _renamed(listing.read(file))
            kind = table.get(NAME)
            if kind in CODERS:
                return _coder(listing, folder, table)
            if isinstance(kind, str) and kind in ARCHITECTURES:
                return _denoiser(listing, folder, table)
    return None


def _pipeline(listing: Listing, index: Mapping[str, Any]) -> Foreign | None:
    """A network that tells noise, and at most the autoencoder whose latents it works on: others need what stands before
    it.
    """
    others = ("scheduler", LABELS)
    parts = {key: _class_of(value) for key, value in index.items() if isinstance(value, list) and key not in others}
    part = next((place for place, kinds in DENOISERS.items() if parts.get(place) in kinds), "")
    coder = next((place for place in BEHIND if parts.get(place) in CODERS), "")
    if not part or set(parts) - {part, coder}:
        return None
    folder = part if coder or listing.has(_in(part, CONFIG)) else ""  # of old ones the only network lies outermost
    table = _table(listing, folder, parts[part])
    if table[NAME] not in ARCHITECTURES:
        return None
    return _denoiser(listing, folder, table, index, (coder, _table(listing, coder, parts[coder])) if coder else None)


def _class_of(value: list[Any]) -> str:
    """The class of a pipeline's component; "" for what is none of the library's own."""
    return value[1] if len(value) == 2 and value[0] == "diffusers" and isinstance(value[1], str) else ""


def _table(listing: Listing, folder: str, kind: str) -> dict[str, Any]:
    """The settings of a pipeline's component, and its class under its present name."""
    if not listing.has(file := _in(folder, CONFIG)):
        raise WeightsError(f"{PIPELINE} names a {kind}, and there is no {file}")
    table = listing.read(file)
    if table.get(NAME, kind) not in next((kinds for kinds in DENOISERS.values() if kind in kinds), (kind,)):
        raise WeightsError(f"{PIPELINE} names a {kind}, {file} a {table[NAME]!r:.60}")
    return _renamed({NAME: kind, **table})


def _renamed(table: dict[str, Any]) -> dict[str, Any]:
    """The table of a transformer of before 0.28 as one of the class that it has now; any other as it is."""
    if table.get(NAME) != OLDER_DIT or table.get("norm_type") != "ada_norm_zero":
        return table
    kept = {key: value for key, value in table.items() if key in SETTINGS[DIT] or value not in NEUTRAL}
    return kept | {NAME: DIT}


def _coder(listing: Listing, folder: str, table: Mapping[str, Any]) -> Foreign:
    kind, file = str(table[NAME]), _in(folder, CONFIG)
    settings = _checked(table, SETTINGS[kind], file)
    size = settings.get("sample_size") or SIDE
    size = min(int(size if isinstance(size, int) else SIDE), SIDE)
    config = {"kind": kind, "settings": settings, "image_size": size}
    weights, tables = _weights(listing, folder)
    shape = [_channels(settings, file), size, size]
    return Foreign(
        format="diffusers",
        kind=_kind(table),
        config=_config("diffusers-autoencoder", config, shape),
        weights=weights,
        tables=(file, *tables),
        notes=(NO_PRIOR, "pictures of any sides that are multiples of the factor; beyond 512 pixels in tiles"),
        more={"kind": kind},
    )


def _denoiser(
    listing: Listing,
    folder: str,
    table: Mapping[str, Any],
    index: Mapping[str, Any] = MappingProxyType({}),
    coder: tuple[str, Mapping[str, Any]] | None = None,
) -> Foreign:
    kind, file = str(table[NAME]), _in(folder, CONFIG)
    settings = _checked(table, SETTINGS[kind], file)
    size = settings.get("sample_size")
    if not isinstance(size, int):
        raise WeightsError(f"{file}: sample_size is {size!r:.40}; squares alone are read")
    schedule, scheduled = _schedule(listing)
    weights, more = _weights(listing, folder)
    config = {"settings": settings, "schedule": schedule, "image_size": size}
    data: dict[str, Any] = {"shape": [_channels(settings, file), size, size]}
    tables = (*((PIPELINE,) if index else ()), file, *scheduled, *more)
    if coder is not None:
        config["decoder"], data["shape"] = _decoder(*coder, size)
        further, more = _weights(listing, coder[0])
        weights, tables = (*weights, *further), (*tables, _in(coder[0], CONFIG), *more)
    if kind == DIT:
        config["guided"] = True  # the library's way of training teaches it the class that stands for none
        data |= _classes(index.get(LABELS), settings.get("num_embeds_ada_norm", 1000))
    return Foreign(
        format="diffusers",
        kind=_kind(table) if coder is None else f"{_kind(table)}, and its {coder[1][NAME]}",
        config={**DIGIT, "architecture": ARCHITECTURES[kind], "config": config, "data": data},
        weights=weights,
        tables=tables,
        notes=() if coder is None else (NO_ENCODER,),
        more={"kind": kind},
    )


def _schedule(listing: Listing) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The settings of the scheduler, and the table they stand in; the library's usual ones where there is none."""
    place = next((place for place in PLACES if listing.has(place)), "")
    if not place:
        return {}, ()
    table = listing.read(place)
    if (kind := table.get(NAME, SCHEDULERS[0])) not in SCHEDULERS:
        raise WeightsError(f"{place}: a {kind!s:.60} is not read; those that are have betas, as {SCHEDULERS[0]} has")
    if strange := [key for key in OTHER_NOISE if table.get(key)]:
        raise WeightsError(f"{place}: {strange[0]} is {table[strange[0]]!r:.40}, and cannot be translated")
    return _checked({key: value for key, value in table.items() if key in SCHEDULE}, SCHEDULE, place), (place,)


def _decoder(folder: str, table: Mapping[str, Any], side: int) -> tuple[dict[str, Any], list[int]]:
    """The config of the autoencoder behind a network of latents of that side, and the shape of its pictures."""
    kind = str(table[NAME])
    settings = _checked(table, SETTINGS[kind], file := _in(folder, CONFIG))
    try:
        size = side * factor_of(kind, settings)
    except ValueError as error:
        raise WeightsError(f"{file}: {error}") from error
    return {"kind": kind, "settings": settings, "image_size": size}, [_channels(settings, file), size, size]


def _classes(id2label: object, count: object) -> dict[str, Any]:
    try:
        names = classes_of(id2label, count) if type(count) is int else []
    except ValueError as error:
        raise WeightsError(f"{PIPELINE}: {error}") from error
    return {"classes": names} if names else {}


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


def _channels(settings: Mapping[str, Any], file: str) -> int:
    """How many channels a network's pictures have, or its latents."""
    if type(found := settings.get("in_channels", 3)) is not int:
        raise WeightsError(f"{file}: in_channels is {found!r:.40}; it must be a whole number")
    return found


def _config(architecture: str, config: dict[str, Any], shape: list[int]) -> dict[str, Any]:
    return {**DIGIT, "architecture": architecture, "config": config, "data": {"shape": shape}}


def _kind(table: Mapping[str, Any]) -> str:
    return f"{table[NAME]} of diffusers {table.get('_diffusers_version', '')!s:.20}".strip()


def _in(folder: str, file: str) -> str:
    return f"{folder}/{file}" if folder else file
