"""Level `weights`: the published weights of a model, where they are on this computer."""

from __future__ import annotations

import hashlib
import stat
from typing import Any

import torch

from zoo.catalogue.contract.pins import WeightsSpec
from zoo.catalogue.contract.references import resource
from zoo.catalogue.contract.specs import ModelSpec
from zoo.catalogue.recipes.recipe import Recipe, read_recipe, resolve
from zoo.catalogue.weights.card import HERE
from zoo.catalogue.weights.card_check import check_card, read_card
from zoo.catalogue.weights.folder import CARD, CONFIG, DISCRIMINATOR, FILES, GOLDEN, Folder
from zoo.catalogue.weights.locate import locate
from zoo.catalogue.weights.publishing import published_names
from zoo.configs import as_data, decode
from zoo.data.modality import load_modality
from zoo.errors import NetworkError, NotFoundError
from zoo.nn.build import decode_config
from zoo.nn.gan import GAN
from zoo.nn.golden import verify
from zoo.nn.models import Model
from zoo.nn.pretrained import load_folder
from zoo.nn.sampling import check_labels
from zoo.settings import OFFLINE
from zoo.testing.behaviour import check_samples
from zoo.testing.subject import FailedCheck, Item, NotApplicable, Subject, require

__all__ = [
    "card",
    "config",
    "discriminator",
    "files",
    "golden",
    "header",
    "no_discriminator",
    "no_weights",
    "pins",
    "samples",
]

ALIKE = 0.01  # standard deviation over samples, of values in [0, 1], below which all are alike


def _pinned(item: Item) -> WeightsSpec:
    weights = item.of(ModelSpec).weights
    assert weights is not None
    return weights


def _folder(subject: Subject, item: Item) -> Folder:
    """The folder as it lies here; nothing is fetched."""
    weights = _pinned(item)
    if weights.bundled is not None:
        told: dict[str, Any] = {"pins": weights.files, "spec": item.spec, "source": "bundled", "origin": "bundled"}
        try:
            return Folder(name=item.name, path=resource(weights.bundled, item.name), **told)
        except NotFoundError:
            if weights.repo_id is None:
                raise
    before = OFFLINE.set(True)
    try:
        return locate(item.name, subject.registry)
    except (NetworkError, NotFoundError) as error:
        raise NotApplicable(f"its weights are on the Hub and not here; `zoo pull {item.name}` first") from error
    finally:
        OFFLINE.reset(before)


def _model(subject: Subject, item: Item, *, discriminator: bool = False) -> Model:
    return load_folder(_folder(subject, item), subject.registry, discriminator=discriminator)


def pins(subject: Subject, item: Item) -> None:
    """Pinned files have the pinned bytes; every file of the format is pinned, golden.safetensors among them."""
    folder, pinned = _folder(subject, item), _pinned(item).files
    for file, pin in pinned.items():
        require(file in FILES, f"{file} is pinned, and is no file of a weights folder")
        require(folder.has(file), f"{file} is pinned, and is not there")
        found = hashlib.sha256((folder.path / file).read_bytes()).hexdigest()
        require(found == pin, f"{file} has sha256 {found}, pinned is {pin}")
    loose = [file for file in FILES if folder.has(file) and file not in pinned]
    require(not loose, f"{loose and loose[0]} is there and not pinned")
    require(GOLDEN in pinned, f"{GOLDEN} is not pinned; `zoo export` writes it")


def files(subject: Subject, item: Item) -> None:
    """The folder holds ordinary files alone: those of the format, the card, samples and figures."""
    folder = _folder(subject, item)
    known = published_names(subject.registry.modality_of(item.of(ModelSpec).architecture).suffixes[0])
    for path in sorted(folder.path.rglob("*")):
        name = path.relative_to(folder.path).as_posix()
        linked = path.is_symlink() and folder.source == "bundled"  # the Hub's cache is made of links
        require(not linked and stat.S_ISREG(path.stat().st_mode), f"{name} is no ordinary file")
        require(name in known or folder.source != "bundled", f"{name} belongs into no weights folder")


def header(subject: Subject, item: Item) -> None:
    """The tensors have the names, shapes and dtypes of the architecture on the meta device, and are finite."""
    _model(subject, item)


def config(subject: Subject, item: Item) -> None:
    """config.json decodes, says what the catalogue says, and holds the recipe that the catalogue points to."""
    spec, data = item.of(ModelSpec), _folder(subject, item).config()
    require(data["architecture"] == spec.architecture, f"it is of the architecture {data['architecture']!r}")
    decoded = decode_config(subject.registry.architecture(spec.architecture), data["config"], CONFIG)
    require(as_data(decoded) == data["config"], "its config leaves out keys; export the run again")
    require(data["data"].get("name") == spec.dataset, f"it was trained on {data['data'].get('name')!r}")
    shape = data["data"].get("shape")
    require(spec.data_shape is None or shape == list(spec.data_shape), f"its data have the shape {shape}")
    if spec.recipe is not None:
        _check_recipe(subject, item, data)


def _check_recipe(subject: Subject, item: Item, data: dict[str, Any]) -> None:
    spec = item.of(ModelSpec)
    assert spec.recipe is not None
    resolved = resolve(read_recipe(resource(spec.recipe, item.name)), subject.registry).recipe
    recipe = as_data(resolved)
    require(data["config"] == recipe.pop("config"), "its config is not the recipe's")
    # Resolved too: a setting that has come since had its default then.
    told = decode(Recipe, {**data["training"].get("recipe", {}), "config": data["config"]}, CONFIG)
    trained = {key: value for key, value in as_data(resolve(told, subject.registry).recipe).items() if key != "config"}
    odd = sorted(key for key in {**recipe, **trained} if recipe.get(key) != trained.get(key))
    require(not odd, f"it was trained by another recipe: {', '.join(odd)} differ")
    seen = data["training"].get("examples", 0)
    whole = resolved.examples <= seen < resolved.examples + resolved.batch_size
    require(whole, f"it has seen {seen:,} examples, the recipe says {resolved.examples:,}")


def golden(subject: Subject, item: Item) -> None:
    """The golden samples are given again within their tolerance: what `zoo verify` checks."""
    report = verify(_folder(subject, item), subject.registry)
    require(report["ok"], "verify does not pass")


def samples(subject: Subject, item: Item) -> None:
    """Samples have the catalogue's shape, are of its kind of data, follow from the seed, and are not all alike."""
    spec, model = item.of(ModelSpec), _model(subject, item)
    require(spec.data_shape in (None, model.data_shape), f"its samples have the shape {model.data_shape}")
    x = model.sample(5, seed=0)
    check_samples(subject, model.modality, x, (5, *model.data_shape))
    require(torch.equal(model.sample(3, seed=0), x[:3]), "the first three of five are not the three of that seed")
    require(not torch.equal(model.sample(5, seed=1), x), "another seed gives the same samples")
    seen = load_modality(subject.registry.modality(model.modality), model.info["data"].get("about")).comparable(x)
    spread = float(seen.double().std(dim=0).mean())
    require(spread > (ALIKE if x.is_floating_point() else 0), "its samples are all alike")


def discriminator(subject: Subject, item: Item) -> None:
    """The published discriminator loads, and judges the model's own samples by finite logits."""
    model: Any = _model(subject, item, discriminator=True)
    low, high = model.value_range if isinstance(model, GAN) else (-1.0, 1.0)
    with torch.no_grad():
        labels = check_labels(None, 4, model.num_classes)
        logits = model.discriminator(model.sample(4, seed=0, labels=labels) * (high - low) + low, labels)
    require(logits.shape == (4,) and logits.isfinite().all(), f"logits are {logits.tolist()}")


def card(subject: Subject, item: Item) -> None:
    """The card is there, agrees with config.json, names licence and dataset, and says how to load the model."""
    folder, spec = _folder(subject, item), item.of(ModelSpec)
    if check_card(folder) == "none":
        raise FailedCheck(f"it has no {CARD}; `zoo export` writes one")
    text = read_card((folder.path / CARD).read_bytes(), CARD)
    repo = spec.weights.repo_id if spec.weights else None
    loads = [f'zoo.load("{name}")' for name in (item.name, HERE, f"hf://{repo}")]
    require(any(line in text for line in loads), f"the card does not say {loads[0]}")
    for what in (spec.dataset, spec.licence.lower()):
        require(what in text.lower() or what in text, f"the card does not say {what}")


def no_discriminator(item: Item) -> str:
    """Why a model's discriminator is not looked at, or ''."""
    weights = item.of(ModelSpec).weights
    return "" if weights and DISCRIMINATOR in weights.files else "no discriminator is published"


def no_weights(item: Item) -> str:
    """Why a model's weights are not looked at, or ''."""
    weights = item.of(ModelSpec).weights
    if weights is None:
        return "it has no published weights, only a recipe"
    return f"its weights are of the format {weights.format}, another program's" if weights.format else ""
