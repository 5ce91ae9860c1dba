"""A model -> a weights folder: what `load` reads, what `verify` replays, what a person looks at."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.weights.card import write_card
from zoo.catalogue.weights.folder import CONFIG, DEFAULT_PRIOR, GOLDEN, MODEL
from zoo.data.modality import Modality, load_modality
from zoo.latent.priors import save_mixture
from zoo.nn.families import Family
from zoo.nn.golden import golden_samples
from zoo.nn.models import Model
from zoo.nn.sampling import in_rows
from zoo.nn.serialization import packed
from zoo.nn.serialization import save as save_tensors

__all__ = ["described", "digest_of", "drawn_from", "write_folder", "write_samples"]

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
    what config.json says. Raises what writing and drawing samples raise.
    """
    spec = registry.modality_of(config["architecture"])
    (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    save_tensors(folder / MODEL, published(model, family))
    if model.mixture is not None:
        save_mixture(folder, model.mixture)
    for name, part in others.items():
        save_tensors(folder / family.beside[name], _named({name: part}))
    save_tensors(folder / GOLDEN, golden_samples(model))
    modality = load_modality(spec, config["data"].get("about", {}))
    write_samples(model, folder / f"samples{spec.suffixes[0]}", modality)
    write_card(folder, registry)


def write_samples(model: Model, path: Path, modality: Modality) -> None:
    """Write the samples that a card shows. Raises what drawing and writing raise."""
    labels, columns = in_rows(SAMPLES, range(model.num_classes or 0))
    modality.write(model.sample(SAMPLES, seed=SAMPLES_SEED, labels=labels), path, columns=columns)


def drawn_from(model: Model) -> dict[str, Any]:
    """What config.json says of the default prior: nothing where it is what the model was trained with."""
    return {} if model.default_prior == model.prior else {DEFAULT_PRIOR: model.default_prior}


def described(model: Model) -> dict[str, Any]:
    """What config.json says of the data that a model gives: their shape, and unless they are tokens their range."""
    ranged = model.sample(1, seed=SAMPLES_SEED).is_floating_point()
    return {"shape": list(model.data_shape)} | ({"range": list(model.value_range)} if ranged else {})


def published(model: Model, family: Family) -> dict[str, Tensor]:
    """The tensors of model.safetensors."""
    return _named({name: model.get_submodule(name) for name in family.published})


def digest_of(model: Model, family: Family) -> str:
    """The sha256 that model.safetensors will have."""
    return hashlib.sha256(packed(published(model, family))).hexdigest()


def _named(parts: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    return {f"{name}.{key}": tensor for name, part in parts.items() for key, tensor in part.state_dict().items()}
