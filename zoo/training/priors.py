"""What a published model samples from, and how: the prior that a recipe asks for is fitted to the codes of its data."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, cast

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.recipes.recipe import Recipe
from zoo.catalogue.weights.card import card_of
from zoo.catalogue.weights.folder import (
    CARD,
    CONFIG,
    DEFAULT_PRIOR,
    EVALUATION,
    GOLDEN,
    PRIOR,
    SAMPLING,
    Folder,
    parse_config,
)
from zoo.catalogue.weights.records import current, key_of, records_of
from zoo.data.held_out import hold_out
from zoo.data.loading import Examples, load_dataset
from zoo.data.modality import modality_of
from zoo.errors import ConfigError, DataError
from zoo.files import new_files
from zoo.latent.codes import codes_of
from zoo.latent.priors import fit_mixture, fitter, save_mixture
from zoo.nn.abilities import encoding
from zoo.nn.distributions import GaussianMixture
from zoo.nn.families import Family, check_sampling
from zoo.nn.golden import golden_samples
from zoo.nn.models import Model
from zoo.nn.pretrained import load_folder
from zoo.nn.serialization import save
from zoo.training.run import Run
from zoo.training.saving import write_samples

__all__ = ["check_default_prior", "fit_default_prior", "give_mixture", "record_default_prior", "record_sampling"]

MIXTURE = "mixture"
OF_OTHERS = ("format", "reconstruction", "model_sha256")  # in evaluation.json: not of samples


def check_default_prior(recipe: Recipe, family: Family) -> None:
    """Raise ConfigError where a recipe asks for a prior that models of its family cannot have."""
    if recipe.default_prior == MIXTURE and PRIOR not in family.optional:
        what = f"a {family.name} has no codes to fit one to"
        raise ConfigError(f"recipe {recipe.name}: default_prior is 'mixture', and {what}; leave it out")


def fit_default_prior(model: Model, run: Run, registry: Registry) -> None:
    """Give a run's model the prior that its recipe asks for, fitted to what the run was trained on.

    Raises NotFoundError without scikit-learn or the data, DataError where they are others now or cannot be fitted to.
    """
    recipe, wanted = run.recorded.recipe, run.recorded.facts["data"]["sha256"]
    if recipe.default_prior != MIXTURE:
        return
    fitter()

    def load(split: str) -> Examples:
        return load_dataset(recipe.dataset, registry=registry, split=split, data_shape=model.data_shape)

    seen, _ = hold_out(load(recipe.split), run.resolved.doctor, load)
    if seen.sha256 != wanted:
        there = f"{recipe.dataset} has sha256 {seen.sha256:.12} now, and {run.folder} was trained on {wanted:.12}"
        raise DataError(f"{there}: its prior is fitted to the same data; bring them back")
    give_mixture(model, cast(Examples, seen), components=recipe.components, seed=recipe.seed)


def give_mixture(model: Model, examples: Examples, *, components: int, seed: int) -> None:
    """Fit a mixture to a model's codes of the examples, and make it the default prior. Raises as `fit_mixture`."""
    codes = codes_of(encoding(model), examples)
    labels = None if model.num_classes is None else examples.labels
    model.mixture = fit_mixture(codes, components=components, seed=seed, labels=labels)
    model.default_prior = MIXTURE


def record_default_prior(
    folder: Folder, model: Model, mixture: GaussianMixture, recipe: Mapping[str, Any], *, registry: Registry
) -> None:
    """Make a mixture the default prior of a weights folder: it, config, golden samples, samples and card, all or none.

    `model` is the folder's, and draws from the mixture from then on; `recipe` are the keys by which the folder's recipe
    gives this mixture, where it does. What evaluation.json says of samples of another prior goes. Raises WeightsError
    where the config says too little for a card, StorageError.
    """
    stale = current(folder.evaluation()).get("prior") != MIXTURE
    model.mixture, model.default_prior = mixture, MIXTURE
    _draw_anew(folder, model, {DEFAULT_PRIOR: MIXTURE}, recipe, stale=stale, registry=registry)


def record_sampling(folder: Folder, sampling: Mapping[str, Any], *, registry: Registry) -> None:
    """Say how the model of a weights folder samples where nothing else is asked, `{"truncation": 1.5}`, in place of
    what was said before: config and recipe, golden samples, samples and card, all or none.

    What evaluation.json says of samples goes, as they are others now; what it says of encoded examples stays. Raises
    what loading the model raises, WeightsError for options that it does not take, StorageError.
    """
    model = load_folder(folder, registry)
    model.sampling = dict(sampling)
    check_sampling(model)
    _draw_anew(folder, model, {SAMPLING: model.sampling}, {SAMPLING: model.sampling}, stale=True, registry=registry)


def _draw_anew(
    folder: Folder,
    model: Model,
    changes: Mapping[str, Any],
    recipe: Mapping[str, Any],
    *,
    stale: bool,
    registry: Registry,
) -> None:
    """Write what depends on how a folder's model samples, with `changes` of its config and its `recipe`; figures of
    samples go where they are `stale`.
    """
    path, config, figures = folder.path, folder.config(), current(folder.evaluation())
    suffix = registry.modality_of(config["architecture"]).suffixes[0]
    if stale:
        others = {key_of(one): one for one in records_of(figures) if not one["n_fake"]}
        figures = {key: value for key, value in figures.items() if key in OF_OTHERS} | {"records": others}
    told = config["training"].get("recipe")
    if recipe and isinstance(told, dict):
        config["training"] = config["training"] | {"recipe": told | dict(recipe)}
    text = json.dumps(config | dict(changes), indent=1) + "\n"
    parsed = parse_config(text.encode(), f"{path / CONFIG}")
    samples, mixture = f"samples{suffix}", model.mixture
    written = [CONFIG, CARD, GOLDEN, samples]
    written += [EVALUATION] if folder.has(EVALUATION) else []
    written += [] if mixture is None else [PRIOR]
    names = {*os.listdir(path), *written}
    evaluation = json.dumps(figures, indent=1) + "\n"
    card = card_of(path, parsed, evaluation.encode(), names, folder.model_sha256(), registry)
    with new_files(*(path / name for name in written)) as asides:
        aside = dict(zip(written, asides, strict=True))
        for name, content in ((CONFIG, text), (CARD, card), (EVALUATION, evaluation)):
            if name in aside:
                aside[name].write_text(content, encoding="utf-8")
        if mixture is not None:
            save_mixture(path, mixture, to=aside[PRIOR])
        save(aside[GOLDEN], golden_samples(model))
        write_samples(model, aside[samples], modality_of(model, registry))
    if stale:
        (path / f"neighbours{suffix}").unlink(missing_ok=True)  # of the samples that the folder had before
