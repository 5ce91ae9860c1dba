"""A model -> a weights folder: what `load` reads, what `verify` replays, what a person looks at."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.weights.card import write_card
from zoo.catalogue.weights.folder import CONFIG, DEFAULT_PRIOR, GOLDEN, HALF, MODEL, SAMPLING, STORED
from zoo.data.modality import Modality, load_modality
from zoo.latent.priors import save_mixture
from zoo.nn.families import Family
from zoo.nn.golden import golden_samples
from zoo.nn.models import Model
from zoo.nn.sampling import in_rows
from zoo.nn.serialization import packed, rounded
from zoo.nn.serialization import save as save_tensors

__all__ = ["described", "digest_of", "drawn_from", "keep_stored", "write_folder", "write_samples"]

SAMPLES, SAMPLES_SEED = 64, 0


def write_folder(
    folder: Path,
    model: Model,
    others: Mapping[str, nn.Module],
    config: Mapping[str, Any],
    *,
    family: Family,
    registry: Registry,
) -> None:
    """Fill a new folder: weights, golden samples and samples of a model in eval mode, and the card.

    A mixture of the model's goes there too. `others` are parts that the family keeps in files of their own, `config` is
    what config.json says; where weights are `stored` in half, `keep_stored` has seen the model. Raises what writing and
    drawing samples raise.
    """
    stored = config.get(STORED, "")
    spec = registry.modality_of(config["architecture"])
    (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    save_tensors(folder / MODEL, published(model, family, stored))
    if model.mixture is not None:
        save_mixture(folder, model.mixture)
    for name, part in others.items():
        save_tensors(folder / family.beside[name], _named({name: part}, stored))
    save_tensors(folder / GOLDEN, golden_samples(model))
    modality = load_modality(spec, config["data"].get("about", {}))
    write_samples(model, folder / f"samples{spec.suffixes[0]}", modality)
    write_card(folder, registry)


def write_samples(model: Model, path: Path, modality: Modality) -> None:
    """Write the samples that a card shows. Raises what drawing and writing raise."""
    labels, columns = in_rows(SAMPLES, range(model.num_classes or 0))
    modality.write(model.sample(SAMPLES, seed=SAMPLES_SEED, labels=labels), path, columns=columns)


def drawn_from(model: Model) -> dict[str, Any]:
    """What config.json says of how samples are drawn: nothing where the prior is what the model was trained with, and
    no options are its own.
    """
    prior = {} if model.default_prior == model.prior else {DEFAULT_PRIOR: model.default_prior}
    return prior | ({SAMPLING: dict(model.sampling)} if model.sampling else {})


def described(model: Model) -> dict[str, Any]:
    """What config.json says of the data that a model gives: their shape, and unless they are tokens their range."""
    ranged = model.sample(1, seed=SAMPLES_SEED).is_floating_point()
    return {"shape": list(model.data_shape)} | ({"range": list(model.value_range)} if ranged else {})


def published(model: Model, family: Family, stored: str = "") -> dict[str, Tensor]:
    """The tensors of model.safetensors, as they are or `stored` in half."""
    return _named({name: model.get_submodule(name) for name in family.published}, stored)


def digest_of(model: Model, family: Family, stored: str = "") -> str:
    """The sha256 that model.safetensors will have."""
    return hashlib.sha256(packed(published(model, family, stored))).hexdigest()


def keep_stored(parts: Iterable[nn.Module], stored: str) -> None:
    """Give the parts the values that they will have once loaded from a file of dtype `stored`, "" for their own.

    Raises WeightsError for values that it cannot hold.
    """
    if stored == HALF:
        for part in parts:
            part.load_state_dict(rounded(part.state_dict()))


def _named(parts: Mapping[str, nn.Module], stored: str) -> dict[str, Tensor]:
    found = {f"{name}.{key}": tensor for name, part in parts.items() for key, tensor in part.state_dict().items()}
    return rounded(found) if stored == HALF else found
