"""A model that somebody has trained in code of their own -> a weights folder."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from zoo.catalogue.contract.data_references import as_reference
from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.plugins.loading import default_registry
from zoo.catalogue.recipes.recipe import neutral, neutral_start
from zoo.catalogue.weights.folder import CONFIG, DEFAULT_PRIOR, HALF, MODEL, SAMPLING, STORED, Folder
from zoo.data.loading import load_dataset
from zoo.errors import NotFoundError, StorageError, UsageError
from zoo.files import new_folder, refuse_full
from zoo.latent.concept_file import concepts_of, save_concepts
from zoo.latent.priors import fitter
from zoo.nn.build import build_parts, decode_config
from zoo.nn.extras import Extras
from zoo.nn.families import Family, load_family
from zoo.nn.models import Model
from zoo.nn.serialization import fill
from zoo.nn.torch_state import default_state
from zoo.training.priors import give_mixture
from zoo.training.saving import digest_of, drawn_from, keep_stored, write_folder
from zoo.training.starting import FROM, licences
from zoo.version import __version__

__all__ = ["save"]

OWN = "code of one's own"


def save(
    model: Model,
    folder: str | os.PathLike[str],
    *,
    summary: str = "",
    licence: str | None = None,
    data: str = "",
    data_licence: str | None = None,
    stored: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a model as a weights folder, complete or not at all: what `zoo.load`, `zoo verify` and `zoo push` take.

    `model` is one that `zoo.load` or `zoo.train` gave, trained on in any code, of any dtype, on any device and in any
    mode, which stays as it is; what is written is float32, or with `stored` "float16" rounded to that, in half the
    bytes, and float32 again once loaded (None: as the model's folder has it); golden samples, samples and card are of
    what was written. Where its weights have changed, the card says with which it began; `licence` (none is stated
    without), `data` (what it learned from since: a dataset or a path, which is read and hashed) and `data_licence` are
    yours to say; `summary` is the card's first line. Concepts and mixture are kept where the weights have not changed;
    a mixture that is `model.default_prior` is fitted anew where they have, to `data` or else the model's own, which
    must be here. What `model.sampling` says is kept. Gives the folder.

    Raises UsageError for what is no such model or is of another library's format, WeightsError for weights that are
    not finite or of other networks, StorageError where the folder exists: with `overwrite` a folder is replaced.
    """
    out, registry = Path(os.path.expanduser(os.fspath(folder))), default_registry()
    _check(model, out, stored=stored, overwrite=overwrite)
    clean, others, family = _clean(model, registry)
    info = dict(model.info)
    before = info.pop(STORED, "")
    if changed := model.folder is None or digest_of(clean, family, before) != model.folder.model_sha256():
        info = _since(model, info, out)
    if half := (before if stored is None else stored) == HALF:
        keep_stored([clean, *others.values()], HALF)
    recipe = dict(info["training"]["recipe"])
    recipe |= {"name": out.resolve().name} if changed else {}
    recipe |= {"summary": summary} if summary else {}
    recipe |= {} if licence is None else {"licence": licence}
    recipe |= {STORED: HALF} if half else {}
    recipe[SAMPLING] = dict(model.sampling)
    gone = set() if half else {STORED}
    gone |= {"default_prior", "components"} if model.default_prior == model.prior else set()
    gone |= set() if model.sampling else {SAMPLING}
    recipe = {key: value for key, value in recipe.items() if key not in gone}
    if changed and model.default_prior == "mixture":
        _refit(clean, model, data or info["data"]["name"], registry)
    elif not changed:
        clean.mixture, clean.default_prior = model.mixture, model.default_prior
    for key in (DEFAULT_PRIOR, SAMPLING):
        info.pop(key, None)
    info |= drawn_from(clean) | ({STORED: HALF} if half else {})
    of_data = _of_data(data, info["data"], clean, registry)
    of_data |= {} if data_licence is None else {"licence": data_licence}
    info |= {"data": of_data, "training": info["training"] | {"recipe": recipe}}
    with new_folder(out, overwrite=overwrite) as aside:
        if not changed and model.folder is not None:
            digest = digest_of(clean, family, info.get(STORED, ""))
            _keep_concepts(model.folder, Folder(name=out.name, path=aside, origin=str(out), seen={MODEL: digest}))
        write_folder(aside, clean, others, info, family=family, registry=registry)
    return out


def _keep_concepts(of: Folder, to: Folder) -> None:
    """Write the concepts of one folder into another, whose weights are the same or rounded."""
    if kept := concepts_of(of):
        save_concepts(to, [replace(concept, model_sha256="") for concept in kept.values()])


def _check(model: object, out: Path, *, stored: str | None, overwrite: bool) -> None:
    if not isinstance(model, Model) or "architecture" not in model.info:
        what = "a model that no catalogue knows" if isinstance(model, Model) else f"a {type(model).__name__}"
        raise UsageError(f"save takes a model that zoo.load or zoo.train gave, not {what}; unwrap it first")
    if "recipe" not in model.info.get("training", {}):
        of = f"{model.name or 'this model'} is of another library's format"
        raise UsageError(f"{of}, and has no recipe to write; zoo pull NAME --to FOLDER keeps it in that format")
    if stored not in (None, "float32", HALF):
        raise UsageError(f"stored is {stored!r:.60}; it must be 'float32' or {HALF!r}, or None")
    if not overwrite:
        refuse_full(out)
    elif out.exists() and not (out / CONFIG).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise StorageError(f"{out} is no weights folder, which overwrite=True would replace; name another one")


@default_state()
def _clean(model: Model, registry: Registry) -> tuple[Model, dict[str, nn.Module], Family]:
    """The model as whoever loads it will have it, the parts that have files of their own, and its family."""
    info = model.info
    spec = registry.architecture(info["architecture"])
    family, mine = load_family(registry.family(spec.family)), dict(model.named_children())
    names = [*family.published, *(name for name in family.beside if name in mine)]
    parts = build_parts(spec, decode_config(spec, info["config"], "the model's config"), names)
    for name, part in parts.items():
        wanted = part.state_dict()
        given = {key: _as(value, wanted.get(key)) for key, value in mine[name].state_dict().items()}
        fill(part, given, f"the model's {name}")
    extras = Extras(
        value_range=model.value_range,
        info=info,
        classes=model.classes,
        modality=model.modality,
        memory_format=model.memory_format,
        sampling=model.sampling,
    )
    clean = family.container(parts, extras)
    return clean, {name: part for name, part in parts.items() if name in family.beside}, family


def _as(value: torch.Tensor, wanted: torch.Tensor | None) -> torch.Tensor:
    """A tensor as a weights file has it: on the CPU, floats of the architecture's dtype, in memory of its own."""
    dtype = wanted.dtype if wanted is not None and value.is_floating_point() else value.dtype
    return value.detach().to("cpu", dtype, copy=True)


def _since(model: Model, info: dict[str, Any], out: Path) -> dict[str, Any]:
    """config.json of a model whose weights are no longer those of its folder: what is known of how it came about."""
    training = info["training"]
    known = licences(training.get("recipe"), info["data"])
    known["data"] |= {"name": neutral(known["data"]["name"])}
    start: dict[str, Any] = {"name": out.resolve().name, "sha256": ""}
    if model.folder is not None:
        start = {"name": neutral_start(model.folder.name), "sha256": model.folder.model_sha256()}
        start |= {"revision": model.folder.commit} if model.folder.commit else {}
    recipe = training["recipe"] | {"licence": "", "summary": f"{start['name']}, trained on with {OWN}."}
    versions = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    since = training | versions | {"recipe": recipe, FROM: start | known, "by": OWN}
    return info | {"training": since, "zoo": __version__}


def _refit(clean: Model, model: Model, data: str, registry: Registry) -> None:
    """Fit the mixture that `model` draws from by default anew, to the codes of its changed weights."""
    fitter()
    told, mixture = model.info, model.prior_of().mixture
    reference, split = as_reference(data, registry, model.modality), told["data"].get("split", "train")
    try:
        examples = load_dataset(reference, registry=registry, split=split, data_shape=clean.data_shape)
    except NotFoundError as error:
        advice = "name data that are here, or draw from what it was trained with: model.default_prior = model.prior"
        raise NotFoundError(f"changed weights want their mixture fitted anew: {error}; {advice}") from error
    components = 10 if mixture is None else len(mixture.weights)
    give_mixture(clean, examples, components=components, seed=told["training"]["recipe"].get("seed", 0))


def _of_data(data: str, before: dict[str, Any], model: Model, registry: Registry) -> dict[str, Any]:
    """What config.json says of the data: of those that are named, or as it was."""
    if not data:
        return before
    reference = as_reference(data, registry, model.modality)
    examples = load_dataset(reference, registry=registry, data_shape=model.data_shape)
    about = {"about": dict(examples.about)} if examples.about else {}
    classes = {"classes": list(model.classes)} if model.classes else {}
    kept = {key: before[key] for key in ("shape", "range") if key in before}
    found = {
        "name": neutral(examples.name or reference),
        "split": examples.split,
        "count": len(examples.data),
        "sha256": examples.sha256,
        "licence": examples.licence,
    }
    return found | about | classes | kept
