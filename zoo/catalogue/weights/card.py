"""The card of a weights folder: README.md with the front matter the Hub understands, from what the folder holds."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from zoo.catalogue.contract.registry import Registry
from zoo.catalogue.contract.specs import ModalitySpec, ModelSpec
from zoo.catalogue.weights.card_figures import displayed
from zoo.catalogue.weights.card_sections import sections
from zoo.catalogue.weights.folder import (
    CARD,
    CONFIG,
    DEFAULT_PRIOR,
    EVALUATION,
    MODEL,
    PRIOR,
    SAMPLING,
    check_prior,
    parse_config,
    truncation_of,
)
from zoo.catalogue.weights.metrics import metrics_of
from zoo.catalogue.weights.records import current
from zoo.configs import strict_json
from zoo.errors import WeightsError, ZooError
from zoo.files import new_file, sha256_of, storage_errors

__all__ = ["HERE", "addressed", "card_of", "named_by_catalogue", "write_card"]

YAML_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}
HERE = "."  # how a card calls the folder that it lies in
LOADED_HERE = f'zoo.load("{HERE}")  # "{HERE}" is the folder of this card'


def _toml(value: Any) -> str:
    # Strings, numbers, booleans and lists of them are the same in TOML, but for DEL, and escapes of two surrogates.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _recipe(recipe: dict[str, Any], config: dict[str, Any]) -> str:
    lines = [f"{key} = {_toml(value)}" for key, value in recipe.items() if not isinstance(value, dict) and value != ""]
    tables = {"config": config, "settings": recipe["settings"], "doctor": recipe.get("doctor", {})}
    tables[SAMPLING] = recipe.get(SAMPLING, {})
    for section, values in tables.items():
        if not values and section in ("doctor", SAMPLING):
            continue
        lines += ["", f"[{section}]", *(f"{key} = {_toml(value)}" for key, value in values.items())]
    return "\n".join(lines)


def _yaml(text: str) -> str:
    """A text as YAML: plain where it can be, else as JSON, which YAML contains."""
    return text if re.fullmatch(r"[a-z][a-z0-9]*([.-][a-z0-9]+)*", text) and text not in YAML_WORDS else _toml(text)


def dataset_of(data: dict[str, Any]) -> str:
    """The name of the dataset without selection, path and options: `cifar10` of `cifar10[frog]`."""
    return str(re.split(r"[\[:#]", data["data"]["name"])[0])


def _front_matter(name: str, data: dict[str, Any], evaluation: dict[str, Any], modality: ModalitySpec) -> list[str]:
    recipe, metrics = data["training"]["recipe"], metrics_of(evaluation)
    lines = [
        "---",
        "library_name: genzoo",
        *([f"pipeline_tag: {_yaml(modality.task)}"] if modality.task else []),
        f"license: {_yaml((recipe['licence'] or 'other').lower())}",
        f"datasets: [{_yaml(dataset_of(data))}]",
        f"tags: [genzoo, {data['architecture']}, {recipe['trainer']}]",
    ]
    if metrics:
        lines += [
            "model-index:",
            f"- name: {_toml(name)}",
            "  results:",
            f"  - task: {{type: {_yaml(modality.task or 'other')}}}",
        ]
        kind = _yaml(modality.name)
        lines += [f"    dataset: {{name: {_toml(data['data']['name'])}, type: {kind}}}", "    metrics:"]
        lines += [f"    - {{type: {_toml(key)}, value: {value:.5g}}}" for key, value in metrics.items()]
    return [*lines, "---", ""]


def write_card(folder: Path, registry: Registry) -> None:
    """Write README.md of a weights folder from its config.json, and evaluation.json where there is one.

    Raises WeightsError when either is malformed, StorageError when one cannot be read or the card cannot be written,
    and what the registry raises for an architecture that it lacks.
    """
    path = folder / EVALUATION
    with storage_errors(f"cannot read {folder}"):
        raw = (folder / CONFIG).read_bytes()
        figures = path.read_bytes() if path.is_file() else b"{}"
        files = os.listdir(folder)
    digest = sha256_of(folder / MODEL) if MODEL in files else ""
    config = parse_config(raw, str(folder / CONFIG))
    check_prior(config, PRIOR in files, str(folder / CONFIG))
    text = card_of(folder, config, figures, files, digest, registry)
    with new_file(folder / CARD) as aside:
        aside.write_text(text, encoding="utf-8")


def card_of(
    folder: Path, data: dict[str, Any], figures: bytes, files: Collection[str], digest: str, registry: Registry
) -> str:
    """The card of a folder with this config.json, this evaluation.json (`{}` for none), these files, and this sha256
    of model.safetensors.

    It names the model as it can be loaded: by the name of the catalogue that pins these weights, or else as the folder
    that the card lies in, `.`, whatever that folder is called. Raises WeightsError where they do not say enough.
    """
    try:
        modality = registry.modality_of(data["architecture"])
        name = named_by_catalogue(digest, registry) or HERE
        text = "\n".join(_lines(name, data, current(strict_json(figures)), files, modality))
        text.encode("utf-8")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        if isinstance(error, ZooError):
            raise
        cause = f"{type(error).__name__}: {error!s:.80}"
        raise WeightsError(
            f"{folder}: {CONFIG} or {EVALUATION} lacks what a card says ({cause}); export it anew"
        ) from error
    return text


def named_by_catalogue(digest: str, registry: Registry) -> str:
    """The model of the catalogue whose model.safetensors has that sha256; "" where none has."""
    for owned in registry.list("model"):
        weights = owned.spec.weights if isinstance(owned.spec, ModelSpec) else None
        if weights is not None and weights.files.get(MODEL) == digest:
            return owned.name
    return ""


def addressed(text: str, name: str) -> str:
    """A card in which the folder it lies in, `.`, is called `name`: where it is loaded, and in each command."""

    def command(found: re.Match[str]) -> str:
        return re.sub(r"(?<=\s)\.(?=[\s`])", name, found[0])

    return re.sub(r"`zoo [^`\n]+`", command, text.replace(LOADED_HERE, f"zoo.load({_toml(name)})"))


def _lines(
    name: str, data: dict[str, Any], evaluation: dict[str, Any], files: Collection[str], modality: ModalitySpec
) -> list[str]:
    recipe, source = data["training"]["recipe"], data["data"]
    suffix = modality.suffixes[0]
    title = recipe["name"] if name == HERE else name
    form = "in [0, 1]" if "range" in source else "int64"
    classes = source.get("classes", [])
    one = json.dumps(classes[0]) if classes else ""
    seen = f"samples, {one}" if classes else "samples"
    return [
        *_front_matter(title, data, evaluation, modality),
        f"# {title}",
        "",
        recipe["summary"],
        "",
        displayed("samples", f"samples{suffix}"),
        "",
        f"64 samples of seed 0, not selected{'; a row a class' if classes else ''}.{_drawn_from(data)}",
        "",
        "## Use",
        "",
        "```python",
        "import zoo",
        "",
        f"model = {LOADED_HERE if name == HERE else f'zoo.load({_toml(name)})'}",
        f"samples = model.sample(16, seed=0)  # (16, {', '.join(map(str, source['shape']))}) {form}",
        *([f"samples = model.sample(16, seed=0, labels={one})  # of {len(classes)} classes"] if classes else []),
        *_truncated(data, files),
        *([f"codes = model.encode({seen}).mean"] if "reconstruction" in evaluation else []),
        "```",
        "",
        *sections(name, source["name"], evaluation, files, suffix),
        *_of_data(recipe, source),
        "## Training",
        "",
        *_beginning(data["training"]),
        f"{data['training']['examples']:,} examples seen (torch {data['training']['torch']}, threads: "
        f"{data['training']['threads']}). The recipe, with every default written out:",
        "",
        "```toml",
        _recipe(recipe, data["config"]),
        "```",
        "",
    ]


def _drawn_from(data: dict[str, Any]) -> str:
    """What the samples are draws from, where that is not what the model was trained with, and by which options."""
    said = ""
    if data.get(DEFAULT_PRIOR) == "mixture":
        said += " They are drawn from the Gaussian mixture that was fitted to the codes of the data, the default prior."
    if own := data.get(SAMPLING):
        said += f" They are sampled with `{', '.join(f'{key}={value!r}' for key, value in own.items())}`, the default."
    return said


def _truncated(data: dict[str, Any], files: Collection[str]) -> list[str]:
    """How truncation is asked for, where the config says in which range it helps."""
    if (helps := truncation_of(data)) is None:
        return []
    prior = ', prior="mixture"' if PRIOR in files and data.get(DEFAULT_PRIOR) != "mixture" else ""
    low, high = (f"{value:g}" for value in helps)
    return [
        f"typical = model.sample(16{prior}, truncation={low})  # less varied; truncation helps from {low} to {high}"
    ]


def _beginning(training: dict[str, Any]) -> list[str]:
    """What it began with, and under which licences that is; and that they were changed since, by whatever code."""
    start, by = training.get("from"), training.get("by")
    if start is None:
        return []
    which = f"`{start['name']}`" + (f" at commit `{start['revision']}`" if "revision" in start else "")
    seen = f", after {start['examples']:,} examples" if "examples" in start else ""
    data = start["data"]
    terms = f"licence of those weights: {start['licence'] or 'not stated'}"
    return [
        f"It began with the weights of {which} (sha256 `{start['sha256']}`){seen}; {terms}, of the data they are of, "
        f"`{data['name']}`: {data['licence'] or 'not stated'}.",
        *([f"They were changed since by {by}, which is not recorded. How they came about before that:"] if by else []),
        "",
    ]


def _of_data(recipe: dict[str, Any], source: dict[str, Any]) -> list[str]:
    """What it was trained on, and the two licences."""
    classes = ", ".join(f"`{name}`" for name in source.get("classes", []))
    return [
        "## Data",
        "",
        f"{source['count']:,} examples of `{source['name']}`, split `{source['split']}`, as they are stored "
        f"sha256 `{source['sha256']}`.",
        *(["", f"Classes: {classes}."] if classes else []),
        "",
        "## Licence",
        "",
        f"- The weights: {recipe['licence'] or 'none stated'}.",
        f"- The data they were trained on, `{dataset_of({'data': source})}`: {source['licence'] or 'none stated'}.",
        "",
    ]
